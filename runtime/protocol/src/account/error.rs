//! Why a text or some bytes are not an account id, or not one that can be written to.

use thiserror::Error;

use super::Prefix;

/// Why a text or some bytes are not an account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text does not have 66 characters.
    #[error("account id has {got} characters, expected 66")]
    Length {
        /// How many characters were given.
        got: usize,
    },
    /// The raw form does not have 33 bytes.
    #[error("account id has {got} bytes, expected 33")]
    ByteLength {
        /// How many bytes were given.
        got: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("character {position} of the account id is not a hexadecimal digit (0-9, a-f)")]
    NotHex {
        /// Which character, counted from 1.
        position: usize,
    },
    /// The first byte names no kind of id.
    #[error(
        "account id starts with {prefix:02x}, which is no known kind of id: expected 05 (account), 03 (group), 15 or 25 (blinded), 00 (unblinded) or 07 (version check)"
    )]
    UnknownPrefix {
        /// The first byte.
        prefix: u8,
    },
    /// It is an id, but messages cannot be addressed to it directly.
    #[error(transparent)]
    NotATarget(#[from] NotATarget),
}

/// An id of a kind that no one-to-one message can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("account id starts with {prefix}, {meaning}: expected 05", meaning = .prefix.meaning())]
pub struct NotATarget {
    /// What kind of id it is.
    pub prefix: Prefix,
}
