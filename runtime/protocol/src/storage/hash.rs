//! The name of a stored message (storage-rpc §4.2).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{Namespace, base64_text};
use crate::account::AccountId;
use crate::crypto::hash::blake2b;

/// A message's hash: 43 characters of base64, unique across a node's database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageHash([u8; 43]);

/// Why a text is not a message hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseHashError {
    /// It does not have 43 characters.
    #[error("message hash has {got} bytes, expected 43")]
    Length {
        /// How many it has.
        got: usize,
    },
    /// A character is not of the base64 alphabet.
    #[error("message hash is not base64")]
    NotBase64,
}

impl MessageHash {
    /// Length of the text in bytes.
    pub const LEN: usize = 43;

    /// Reads the text, given as bytes.
    ///
    /// # Errors
    /// Another length or alphabet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseHashError> {
        let text: [u8; 43] = bytes.try_into().map_err(|_| ParseHashError::Length { got: bytes.len() })?;
        // 43 characters leave no room for whole padding, so anything that decodes is of the alphabet throughout.
        base64_text::decode(&text).map(|_| Self(text)).ok_or(ParseHashError::NotBase64)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64 is ASCII")
    }

    /// The text as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 43] {
        &self.0
    }
}

/// The hash under which a node keeps `data`: BLAKE2b-256 over account, namespace and body.
///
/// Nothing separates namespace and body, and no time enters: the same body stored again is the same message.
#[must_use]
pub fn message_hash(account: &AccountId, namespace: Namespace, data: &[u8]) -> MessageHash {
    let digest: [u8; 32] = blake2b(&[account.as_bytes(), namespace.signed_text().as_bytes(), data]);
    let text = base64_text::encode_unpadded(&digest);
    MessageHash(text.into_bytes().try_into().expect("32 bytes are 43 characters"))
}

impl fmt::Display for MessageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageHash({self})")
    }
}

impl FromStr for MessageHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl AsRef<str> for MessageHash {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for MessageHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MessageHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
