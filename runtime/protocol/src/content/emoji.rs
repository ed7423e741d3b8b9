//! What may be put on a message as a reaction.

use std::fmt;
use std::str::FromStr;

use super::NotAnEmoji;

/// One emoji of Unicode's list, in its fully qualified form: what it looks like does not depend on who shows it, and taking it
/// off names the same bytes as putting it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji(&'static str);

impl Emoji {
    /// The code points; several, where skin tones, flags or families are put together.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl FromStr for Emoji {
    type Err = NotAnEmoji;

    fn from_str(text: &str) -> Result<Self, NotAnEmoji> {
        emojis::get(text).map(|emoji| Self(emoji.as_str())).ok_or(NotAnEmoji)
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_may_be_many_code_points_but_two_are_not_one() {
        // A face, a thumb with a skin tone, a family, a flag, a keycap.
        for one in ["😂", "👍🏽", "👨\u{200d}👩\u{200d}👧\u{200d}👦", "🇩🇪", "1\u{fe0f}\u{20e3}"]
        {
            assert_eq!(one.parse::<Emoji>().map(|emoji| emoji.as_str()), Ok(one));
        }
        for none in ["", "a", "1", ":)", "😂😂", "😂 ", "👍a", "\u{fe0f}", "🇩", "\u{200d}"] {
            assert_eq!(none.parse::<Emoji>(), Err(NotAnEmoji), "{none:?}");
        }
    }

    #[test]
    fn the_form_that_is_written_is_the_fully_qualified_one() {
        assert_eq!("\u{2764}".parse::<Emoji>().unwrap().as_str(), "\u{2764}\u{fe0f}");
    }
}
