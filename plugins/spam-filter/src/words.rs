//! Words and phrases.

use starling_plugin::Item;

use crate::{finding::Finding, settings::Words};

pub(crate) fn judge(rule: &Words, item: &Item) -> Option<Finding> {
    let body = plain(&item.body);
    let is_found = rule.phrases.iter().map(|phrase| plain(phrase)).any(|phrase| {
        // Both begin and end with a space, so only whole words are found.
        phrase.len() > 1 && body.contains(&phrase)
    });
    is_found.then(|| Finding::new("words", rule.action, "has words on the list")).flatten()
}

/// A text in lower case, with one space for all that is no letter or digit, and one at both ends.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::from(" ");
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            plain.push(c);
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_dress_are_plainly_the_same() {
        for text in ["Free  MONEY!!", "free\nmoney", "  free-money  "] {
            assert_eq!(plain(text), " free money ");
        }
        assert_eq!(plain("!"), " ");
    }
}
