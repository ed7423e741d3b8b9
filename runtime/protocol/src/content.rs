//! `Content`, what one message says: its schema, its bounds, and how texts, reactions and unsend requests are made
//! (messages §2).
//!
//! The schema is in `proto/`; [`proto`] is generated from it. [`decode`] is the way in for bytes that somebody else
//! wrote: it also refuses messages that lack a required field, which the generated code alone would fill with zeros.

mod emoji;
mod error;
mod expiration;
mod kind;
mod pointing;
pub(crate) mod required;
mod text;

/// The messages of the schema, as generated; fields have the names and numbers of messages §2.
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/starling.content.rs"));
}

use std::fmt;

use prost::Message as _;

pub use self::emoji::Emoji;
pub use self::error::{Error, KindError, NotAnEmoji, TextError};
pub use self::expiration::Expiration;
pub use self::kind::{Kind, MAX_ATTACHMENTS};
pub use self::pointing::{Target, reaction, unsend};
pub use self::proto::{Content, DataMessage};
pub use self::text::{
    MAX_BODY_CHARS, MAX_INCOMING_BODY_CHARS, Profile, TIMER_UPDATE_FLAG, Text, sync_copy, timer_update,
};

/// Encodes content, fields in ascending order.
#[must_use]
pub fn encode(content: &Content) -> Vec<u8> {
    content.encode_to_vec()
}

/// Decodes content without padding; unknown fields are skipped.
///
/// # Errors
/// When the bytes are no `Content`, or a message in it lacks a required field.
pub fn decode(bytes: &[u8]) -> Result<Content, Error> {
    let content = Content::decode(bytes)?;
    required::check(bytes, &required::CONTENT)?;
    Ok(content)
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(..)")
    }
}

impl fmt::Debug for DataMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataMessage(..)")
    }
}
