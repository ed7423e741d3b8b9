//! Who is known to be good or bad.

use starling_plugin::Item;

use crate::{
    finding::{Action, Finding},
    settings::Settings,
};

/// Whether the author is let through unseen. Who is on both lists is not.
pub(crate) fn is_allowed(settings: &Settings, item: &Item) -> bool {
    settings.allow.contains(&item.author) && !settings.deny.contains(&item.author)
}

pub(crate) fn judge(settings: &Settings, item: &Item) -> Option<Finding> {
    if !settings.deny.contains(&item.author) {
        return None;
    }
    Finding::new("deny", Action::Reject, "the author is on the list of those who are denied")
}
