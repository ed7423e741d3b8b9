//! Display names and nicknames: how they are cleaned, and how long they may be (identity §4).

use thiserror::Error;

/// Longest name in bytes of UTF-8; the limit of the config layer, which other clients enforce.
pub const MAX_NAME_BYTES: usize = 100;

/// Why a text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing is left after cleaning.
    #[error("the name is empty")]
    Empty,
    /// It is longer than other clients store.
    #[error("the name has {got} bytes, expected at most {MAX_NAME_BYTES}")]
    TooLong {
        /// Its length in bytes of UTF-8 after cleaning.
        got: usize,
    },
}

/// Strips white space and invisible characters from both ends; inside a name they stay.
#[must_use]
pub fn trim_display_name(name: &str) -> &str {
    name.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    })
}

/// Cleans a name that somebody chose for themselves or for a contact.
///
/// # Errors
/// When it is empty after cleaning, or longer than [`MAX_NAME_BYTES`].
pub fn clean_display_name(name: &str) -> Result<String, NameError> {
    let name = trim_display_name(name);
    match name.len() {
        0 => Err(NameError::Empty),
        1..=MAX_NAME_BYTES => Ok(name.to_owned()),
        got => Err(NameError::TooLong { got }),
    }
}

/// Cuts a name that came from elsewhere at the last whole character within [`MAX_NAME_BYTES`].
#[must_use]
pub fn truncate_display_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_bytes_not_characters() {
        let fits = "é".repeat(50);
        let longer = "é".repeat(51);

        assert_eq!(clean_display_name(&fits).as_deref(), Ok(fits.as_str()));
        assert_eq!(clean_display_name(&longer), Err(NameError::TooLong { got: 102 }));
        assert_eq!(truncate_display_name(&format!("a{longer}")).len(), 99);
        assert_eq!(truncate_display_name("Ada"), "Ada");
    }

    #[test]
    fn a_name_of_invisible_characters_is_empty() {
        assert_eq!(clean_display_name(" \u{200b}\u{feff} "), Err(NameError::Empty));
    }
}
