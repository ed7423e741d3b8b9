//! Why a stream is given up.

use thiserror::Error;

use super::{MAX_LEN, MAX_LEN_TEXT};

/// Bytes that are no message. What follows them on the stream cannot be read either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A message does not begin with decimal digits and a colon.
    #[error(
        "a message must begin with its length in decimal digits and a colon, at most {MAX_LEN_TEXT} bytes"
    )]
    Length,
    /// A message is longer than [`MAX_LEN`].
    #[error("the message is announced with {announced} bytes, at most {MAX_LEN} are taken")]
    TooLong {
        /// Its announced length.
        announced: usize,
    },
    /// A message is no list of one of the three forms.
    #[error("the message is no bencoded list of a kind, an id, a command's name and a body")]
    List,
    /// The stream ends inside a message.
    #[error("the stream ends inside a message")]
    Truncated,
}
