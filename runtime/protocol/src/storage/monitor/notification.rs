//! What a subscriber is sent.

use std::fmt;

use thiserror::Error;

use crate::account::AccountId;
use crate::bencode::{self, Dict, Limits, Value};
use crate::storage::{MessageHash, Namespace};

/// A message that is new to the node.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// Whose message.
    pub account: AccountId,
    /// Its hash.
    pub hash: MessageHash,
    /// Where it lies.
    pub namespace: Namespace,
    /// When it was sent, in milliseconds.
    pub timestamp: i64,
    /// When it goes, in milliseconds.
    pub expiry: i64,
    /// The body, for those who asked for it.
    pub data: Option<Vec<u8>>,
}

/// Bytes are not a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the notification is malformed")]
pub struct NotificationError;

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("account", &self.account)
            .field("hash", &self.hash)
            .field("namespace", &self.namespace)
            .field("data_len", &self.data.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl Notification {
    /// The bencoded dict.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut pairs = Dict::from([
            (b"@".to_vec(), Value::from(self.account.as_bytes().as_slice())),
            (b"h".to_vec(), Value::from(self.hash.as_str())),
            (b"n".to_vec(), Value::from(self.namespace.0)),
            (b"t".to_vec(), Value::from(self.timestamp)),
            (b"z".to_vec(), Value::from(self.expiry)),
        ]);
        if let Some(data) = &self.data {
            pairs.insert(b"~".to_vec(), Value::from(data.as_slice()));
        }
        bencode::encode_dict(&pairs)
    }

    /// Reads one; unknown keys are ignored.
    ///
    /// # Errors
    /// [`NotificationError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotificationError> {
        let value = bencode::decode(bytes, Limits::FLAT).map_err(|_| NotificationError)?;
        Self::from_value(&value).ok_or(NotificationError)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let pairs = value.as_dict()?;
        let number = |name: &[u8]| pairs.get(name)?.as_integer();
        let data = match pairs.get(b"~".as_slice()) {
            Some(data) => Some(data.as_bytes()?.to_vec()),
            None => None,
        };
        Some(Self {
            account: AccountId::from_bytes_any(pairs.get(b"@".as_slice())?.as_bytes()?).ok()?,
            hash: MessageHash::from_bytes(pairs.get(b"h".as_slice())?.as_bytes()?).ok()?,
            namespace: Namespace(number(b"n")?.try_into().ok()?),
            timestamp: number(b"t")?.try_into().ok()?,
            expiry: number(b"z")?.try_into().ok()?,
            data,
        })
    }
}
