//! Why words are not a recovery password, in sentences for the person who typed them.

use std::fmt;

use thiserror::Error;

use super::words;

/// Longest piece of what was typed that an error repeats, in characters.
const QUOTED: usize = 32;

/// Why a text is not a recovery password.
///
/// The texts may repeat a mistyped word to the person who typed it; they must not be logged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// There are fewer words than an account needs.
    #[error("recovery password has {}, expected 13: type all of them in one line, the last one too", words_given(*got))]
    TooFewWords {
        /// How many words were given.
        got: usize,
    },
    /// There are more words than an account needs, or a number that no seed gives.
    #[error("recovery password has {}, expected 13", words_given(*got))]
    WrongNumber {
        /// How many words were given.
        got: usize,
    },
    /// A word does not begin like any word of the list.
    #[error("word {position} of the recovery password, \"{word}\", is not in the word list{}", did_you_mean(*suggestion))]
    UnknownWord {
        /// Which word, counted from 1.
        position: usize,
        /// What was typed, shortened.
        word: String,
        /// The word that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// All words are known, but the last one does not confirm the others.
    #[error("the checksum word does not match: one of the words is wrong, or they are in the wrong order{}", read_as(suspect.as_ref()))]
    Checksum {
        /// The first word that was not spelt as in the list, and may have been taken for another.
        suspect: Option<Suspect>,
    },
    /// Three words give a number that no seed holds.
    #[error("words {position} to {} of the recovery password do not belong together: one of them is wrong", position + 2)]
    NotCanonical {
        /// The first of the three words, counted from 1.
        position: usize,
    },
    /// A recovery QR code holds hex, but not of an account's seed.
    #[error("the seed has {got} hexadecimal characters, expected 32")]
    SeedLength {
        /// How many characters were given.
        got: usize,
    },
}

/// A word that was accepted by its first three letters only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Which word, counted from 1.
    pub position: usize,
    /// What was typed, shortened.
    pub word: String,
    /// The word of the list it was taken for.
    pub read_as: &'static str,
}

impl Suspect {
    /// The first word whose spelling differs from the list and is no mere abbreviation.
    pub(super) fn first(given: &[&str], listed: &[&'static str]) -> Option<Self> {
        given
            .iter()
            .zip(listed)
            .enumerate()
            .find(|(_, (word, listed))| !listed.starts_with(**word))
            .map(|(index, (word, listed))| Self { position: index + 1, word: shorten(word), read_as: listed })
    }
}

impl Error {
    pub(super) fn unknown_word(position: usize, word: &str) -> Self {
        let word = shorten(word);
        let suggestion = words::closest(&word);
        Self::UnknownWord { position, word, suggestion }
    }
}

fn words_given(got: usize) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{got} {}", if got == 1 { "word" } else { "words" }))
}

fn shorten(word: &str) -> String {
    word.chars().take(QUOTED).collect()
}

fn did_you_mean(suggestion: Option<&'static str>) -> impl fmt::Display {
    fmt::from_fn(move |f| suggestion.map_or(Ok(()), |word| write!(f, ": did you mean \"{word}\"?")))
}

fn read_as(suspect: Option<&Suspect>) -> impl fmt::Display {
    fmt::from_fn(move |f| match suspect {
        Some(Suspect { position, word, read_as }) => {
            write!(f, "; word {position}, \"{word}\", was read as \"{read_as}\"")
        }
        None => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use crate::mnemonic::{decode_account, decode_qr};

    const PHRASE: &str =
        "rafts neither gypsy vocal ramped cupcake hunter iguana speedy tubes powder aerial cupcake";

    #[track_caller]
    fn check(phrase: &str, because: &str) {
        let error = decode_account(phrase).expect_err("must be refused");
        assert_eq!(error.to_string(), because);
    }

    #[test]
    fn each_refusal_is_one_sentence_that_names_the_thing() {
        check(
            "",
            "recovery password has 0 words, expected 13: type all of them in one line, the last one too",
        );
        check(
            "rafts",
            "recovery password has 1 word, expected 13: type all of them in one line, the last one too",
        );
        check(
            PHRASE.rsplit_once(' ').unwrap().0,
            "recovery password has 12 words, expected 13: type all of them in one line, the last one too",
        );
        check(&format!("{PHRASE} abbey"), "recovery password has 14 words, expected 13");
        check(
            &PHRASE.replace("vocal", "vcoal"),
            "word 4 of the recovery password, \"vcoal\", is not in the word list: did you mean \"vocal\"?",
        );
        check(
            &PHRASE.replace("vocal", "qqqqqqqq"),
            "word 4 of the recovery password, \"qqqqqqqq\", is not in the word list",
        );
        check(
            &PHRASE.replace("rafts neither", "neither rafts"),
            "the checksum word does not match: one of the words is wrong, or they are in the wrong order",
        );
        check(
            &PHRASE.replace("hunter", "huntsman").replace("iguana", "icon"),
            "the checksum word does not match: one of the words is wrong, or they are in the wrong order; \
             word 7, \"huntsman\", was read as \"hunter\"",
        );
        check(
            "abbey abbey zoom rafts neither gypsy vocal ramped cupcake hunter iguana speedy hunter",
            "words 1 to 3 of the recovery password do not belong together: one of them is wrong",
        );
    }

    #[test]
    fn numbering_commas_and_line_breaks_are_ignored() {
        let numbered: String =
            PHRASE.split(' ').enumerate().map(|(n, word)| format!("{}. {word},\r\n", n + 1)).collect();

        assert_eq!(decode_account(&numbered), decode_account(PHRASE));
    }

    #[test]
    fn a_recovery_code_may_hold_the_hex_of_the_seed() {
        let seed = decode_account(PHRASE).unwrap();

        assert_eq!(decode_qr(&hex::encode(*seed)).unwrap(), seed);
        assert_eq!(decode_qr(&format!(" {}\n", hex::encode_upper(*seed))).unwrap(), seed);
        assert_eq!(decode_qr(PHRASE).unwrap(), seed);
        assert_eq!(
            decode_qr("abcd").unwrap_err().to_string(),
            "the seed has 4 hexadecimal characters, expected 32"
        );
        assert!(decode_account(&hex::encode(*seed)).is_err());
    }
}
