//! Why bytes are not bencode that we read.

use thiserror::Error;

/// Why bytes could not be decoded; `at` is the offset of the byte that gave the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than [`Limits::max_bytes`](super::Limits::max_bytes).
    #[error("bencoded value has {got} bytes, at most {max} are read")]
    TooLong {
        /// How many bytes were given.
        got: usize,
        /// How many are read.
        max: usize,
    },
    /// Lists and dicts are nested deeper than [`Limits::max_depth`](super::Limits::max_depth).
    #[error("bencoded value is nested deeper than {max}")]
    TooDeep {
        /// How deep is allowed.
        max: usize,
    },
    /// There are more values than [`Limits::max_items`](super::Limits::max_items).
    #[error("bencoded value holds more than {max} items")]
    TooManyItems {
        /// How many are allowed.
        max: usize,
    },
    /// The input ends inside a value.
    #[error("bencoded value ends early")]
    Truncated,
    /// No value starts with the byte found.
    #[error("byte {at} of the bencoded value starts no value")]
    UnknownType {
        /// Where.
        at: usize,
    },
    /// An integer is malformed or does not fit into 64 bits.
    #[error("the integer at byte {at} is malformed or does not fit 64 bits")]
    Integer {
        /// Where.
        at: usize,
    },
    /// The length of a byte string is malformed.
    #[error("the string length at byte {at} is malformed")]
    Length {
        /// Where.
        at: usize,
    },
    /// A dict key is not a byte string.
    #[error("the dict key at byte {at} is not a string")]
    Key {
        /// Where.
        at: usize,
    },
    /// Keys are not strictly ascending, where that is asked for.
    #[error("the dict key at byte {at} is out of order or doubled")]
    KeyOrder {
        /// Where.
        at: usize,
    },
}
