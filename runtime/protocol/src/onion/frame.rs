//! The frame of every layer: length (u32, little-endian) ‖ ciphertext ‖ JSON (onion-requests §1).

use serde_json::{Map, Value as Json};
use thiserror::Error;

use super::cipher::Cipher;
use crate::crypto::x25519;

/// Longest JSON part that is read, in bytes. Real ones have some hundred; as a tree, JSON can take a hundred times its
/// length.
pub const MAX_JSON: usize = 64 << 10;

/// How much of an unknown cipher's name is said again, in characters.
const LONGEST_NAME: usize = 100;

/// A frame, taken apart but not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The ciphertext for the next hop, or a destination's request body.
    pub ciphertext: &'a [u8],
    /// What to do with it.
    pub json: &'a [u8],
}

/// Why a frame, or the JSON in it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is no room for the length.
    #[error("Unexpected payload size; expected ciphertext size")]
    TooShort,
    /// The ciphertext is longer than what there is.
    #[error("Unexpected payload size {got}, expected >= {expected}")]
    Truncated {
        /// Bytes behind the length.
        got: usize,
        /// Bytes of ciphertext announced.
        expected: u32,
    },
    /// The JSON part is not an object of reasonable length.
    #[error("Invalid json")]
    Json,
    /// A field is missing or has another type.
    #[error("Invalid or missing {0}")]
    Field(&'static str),
    /// There is no ephemeral key. The text is that of the library which the existing nodes read JSON with.
    #[error("[json.exception.out_of_range.403] key 'ephemeral_key' not found")]
    NoKey,
    /// The ephemeral key has something in it that is no hexadecimal digit, or an odd number of them.
    #[error("Hex key data is invalid: data is not hex")]
    NotHex,
    /// The ephemeral key has another length. That the text speaks of bytes first and of digits then is the network's.
    #[error("Hex key data is invalid: expected 32 hex digits, received {0}")]
    KeyLength(usize),
    /// There is no such cipher; the beginning of its name.
    #[error("Invalid encryption type {0}")]
    Cipher(String),
}

impl<'a> Frame<'a> {
    /// Takes a frame apart. An empty ciphertext is legal.
    ///
    /// # Errors
    /// [`FrameError::TooShort`] and [`FrameError::Truncated`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(FrameError::TooShort)?;
        let expected = u32::from_le_bytes(*length);
        let split = usize::try_from(expected).ok().and_then(|length| rest.split_at_checked(length));
        let (ciphertext, json) = split.ok_or(FrameError::Truncated { got: rest.len(), expected })?;
        Ok(Self { ciphertext, json })
    }

    /// Puts a frame together.
    ///
    /// # Panics
    /// When the ciphertext has 4 GiB or more; requests end at 10 MiB.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.ciphertext.len()).expect("a ciphertext has less than 4 GiB");
        [&length.to_le_bytes(), self.ciphertext, self.json].concat()
    }

    /// The JSON part as an object.
    ///
    /// # Errors
    /// [`FrameError::Json`].
    pub fn object(&self) -> Result<Map<String, Json>, FrameError> {
        if self.json.len() > MAX_JSON {
            return Err(FrameError::Json);
        }
        serde_json::from_slice(self.json).map_err(|_| FrameError::Json)
    }
}

/// The ephemeral key in an object.
pub(super) fn ephemeral_key(object: &Map<String, Json>) -> Result<x25519::PublicKey, FrameError> {
    let text = object.get("ephemeral_key").ok_or(FrameError::NoKey)?;
    let text = text.as_str().ok_or(FrameError::Field("ephemeral_key"))?;
    if text.len() % 2 != 0 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(FrameError::NotHex);
    }
    text.parse().map_err(|_| FrameError::KeyLength(text.len()))
}

/// The cipher in an object; AES-GCM if none is named.
pub(super) fn enc_type(object: &Map<String, Json>) -> Result<Cipher, FrameError> {
    match object.get("enc_type") {
        None => Ok(Cipher::AesGcm),
        Some(name) => {
            let name = name.as_str().ok_or(FrameError::Field("enc_type"))?;
            name.parse().map_err(|_| FrameError::Cipher(name.chars().take(LONGEST_NAME).collect()))
        }
    }
}
