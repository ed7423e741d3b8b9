//! What a filter is called for.

use crate::{Error, FilterHost, Item, Verdict};

/// A filter: judges what comes in before anybody sees it.
///
/// ```
/// use starling_plugin::{Error, Filter, FilterHost, Item, Verdict, export_filter};
///
/// #[derive(Default)]
/// struct NoShouting;
///
/// impl Filter for NoShouting {
///     fn review(&mut self, _: &FilterHost, item: Item) -> Result<Verdict, Error> {
///         let is_shouted = item.body.chars().any(char::is_alphabetic) && item.body == item.body.to_uppercase();
///         Ok(if is_shouted { Verdict::Replace(item.body.to_lowercase()) } else { Verdict::Allow })
///     }
/// }
///
/// export_filter!(NoShouting);
/// # fn main() {}
/// ```
pub trait Filter {
    /// Judges an item before it is shown.
    fn review(&mut self, host: &FilterHost, item: Item) -> Result<Verdict, Error> {
        let _ = (host, item);
        Ok(Verdict::Allow)
    }

    /// The verdict when [`review`](Self::review) failed, whose error is also written to the plugin's log.
    ///
    /// As it is here, the item is shown with a mark: nothing is lost, and the person knows.
    fn undecided(&mut self, error: &Error) -> Verdict {
        let _ = error;
        Verdict::Flag("the filter could not judge this".to_owned())
    }
}
