//! Why bytes are no content, why content is no message, why a text or a reaction cannot be sent.

use thiserror::Error;

/// Why bytes are not a message of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// They are not well-formed protobuf, or a field has another type.
    #[error("malformed protobuf")]
    Malformed(#[from] prost::DecodeError),
    /// A field that every implementation demands is absent.
    #[error("required field {field} of {message} is missing")]
    MissingField {
        /// The message of the schema.
        message: &'static str,
        /// The field in it.
        field: &'static str,
    },
}

/// Why well-formed content is not to be shown or acted on (messages §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KindError {
    /// No part that we know is set.
    #[error("content holds no known part")]
    NoPart,
    /// A data message with nothing in it.
    #[error("data message is empty")]
    Empty,
    /// A data message with flags that mean nothing.
    #[error("data message has unknown flags {flags}")]
    UnknownFlags {
        /// The flags.
        flags: u32,
    },
    /// More attachments than other clients accept.
    #[error("data message has {got} attachments, expected at most {limit}", limit = super::MAX_ATTACHMENTS)]
    TooManyAttachments {
        /// How many there are.
        got: usize,
    },
    /// A form that has been dead for years: legacy groups, old wrapping of configs.
    #[error("content is of a legacy form")]
    Legacy,
    /// A part with a type number that the schema does not know.
    #[error("{part} has unknown type {number}")]
    UnknownType {
        /// Which part.
        part: &'static str,
        /// The number in it.
        number: i32,
    },
}

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing to send.
    #[error("message is empty")]
    Empty,
    /// It is longer than other clients show.
    #[error("message has {got} characters, expected at most {limit}")]
    TooLong {
        /// Its length in Unicode code points.
        got: usize,
        /// The longest that may be sent.
        limit: usize,
    },
}

/// A text is not exactly one emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected exactly one emoji")]
pub struct NotAnEmoji;
