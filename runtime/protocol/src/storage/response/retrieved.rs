//! The answer to `retrieve` (storage-rpc §4.3).

use std::fmt;

use serde_json::Value as Json;
use thiserror::Error;

use super::value::{Fields, ReplyValue};
use crate::storage::{MessageHash, base64_text};

/// One stored message.
#[derive(Clone, PartialEq, Eq)]
pub struct RetrievedMessage {
    /// Its hash.
    pub hash: MessageHash,
    /// When it was sent, in milliseconds.
    pub timestamp: i64,
    /// When it goes, in milliseconds.
    pub expiry: i64,
    /// The body.
    pub data: Vec<u8>,
}

/// What a node has, in the order of its own database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retrieved {
    /// The messages.
    pub messages: Vec<RetrievedMessage>,
    /// Whether there are further ones.
    pub more: bool,
}

/// An answer to `retrieve` that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RetrievedError {
    /// There is no list of messages.
    #[error("the answer holds no list of messages")]
    NoMessages,
    /// A message lacks a field, or has one of another kind.
    #[error("message {index} of the answer is malformed")]
    Message {
        /// Which one, counted from 0.
        index: usize,
    },
}

impl Retrieved {
    /// The fields of the answer, without the `hf` and `t` that every answer has.
    #[must_use]
    pub fn to_fields(&self) -> Fields {
        self.clone().into_fields()
    }

    /// The same, without a second copy of the bodies.
    #[must_use]
    pub fn into_fields(self) -> Fields {
        let messages = self.messages.into_iter().map(RetrievedMessage::into_reply).collect();
        vec![("messages".to_owned(), ReplyValue::List(messages)), ("more".to_owned(), self.more.into())]
    }

    /// Reads the JSON form. `more` may be a number, or missing from old nodes.
    ///
    /// # Errors
    /// See [`RetrievedError`].
    pub fn from_json(answer: &Json) -> Result<Self, RetrievedError> {
        let messages = answer.get("messages").and_then(Json::as_array).ok_or(RetrievedError::NoMessages)?;
        let read =
            |(index, message)| RetrievedMessage::from_json(message).ok_or(RetrievedError::Message { index });
        let messages = messages.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let more = answer.get("more");
        let more =
            more.is_some_and(|more| more.as_bool().unwrap_or(more.as_i64().is_some_and(|more| more != 0)));
        Ok(Self { messages, more })
    }
}

impl fmt::Debug for RetrievedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrievedMessage")
            .field("hash", &self.hash)
            .field("timestamp", &self.timestamp)
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

impl RetrievedMessage {
    fn into_reply(self) -> ReplyValue {
        ReplyValue::object([
            ("hash", self.hash.as_str().into()),
            ("timestamp", self.timestamp.into()),
            ("expiration", self.expiry.into()),
            ("data", ReplyValue::Binary(self.data)),
        ])
    }

    fn from_json(message: &Json) -> Option<Self> {
        Some(Self {
            hash: message.get("hash")?.as_str()?.parse().ok()?,
            timestamp: message.get("timestamp")?.as_i64()?,
            expiry: message.get("expiration")?.as_i64()?,
            data: parse_body(message.get("data")?.as_str()?)?,
        })
    }
}

/// Release 2.8.0 writes an empty body as a lone `=`.
fn parse_body(text: &str) -> Option<Vec<u8>> {
    if text == "=" { Some(Vec::new()) } else { base64_text::decode(text.as_bytes()) }
}
