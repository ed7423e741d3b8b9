//! The digest that names a component.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use starling_protocol::crypto::hash::sha256;
use thiserror::Error;

/// A SHA-256, written as 64 hexadecimal characters in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a SHA-256 has 64 hexadecimal characters")]
pub struct BadDigest;

impl Digest {
    /// Thirty-two zeros: what stands before the first of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(&[bytes]))
    }

    /// The digest of what comes `next` in a chain after this one.
    pub fn then(&self, next: &[u8]) -> Self {
        Self(sha256(&[&self.0, next]))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first eight characters, for people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadDigest)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Self, BadDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_everybody_knows() {
        let digest = Digest::of(b"abc");

        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        assert_eq!(digest.short(), "ba7816bf");
        assert_eq!("ba78".parse::<Digest>(), Err(BadDigest));
    }

    #[test]
    fn a_chain_depends_on_all_that_came_before() {
        let one = Digest::ZERO.then(b"a").then(b"b");

        assert_eq!(one, Digest::ZERO.then(b"a").then(b"b"));
        assert_ne!(one, Digest::ZERO.then(b"b").then(b"a"));
        assert_ne!(one, Digest::ZERO.then(b"ab"));
    }
}
