//! Public keys of those who sign plugins.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A minisign public key: the second line of a `minisign.pub`, 56 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustedKey {
    key: PublicKey,
    id: KeyId,
    text: String,
}

/// The eight bytes that name a key in signatures, written as minisign shows them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected a minisign public key: 56 characters that begin with RW, the second line of a minisign.pub"
)]
pub struct BadKey;

/// Algorithm, id and key.
const LEN: usize = 2 + 8 + 32;

impl TrustedKey {
    /// What names it in signatures.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Did this key sign the component? The signature has to be of the current form.
    pub(super) fn verify(&self, component: &[u8], signature: &Signature) -> bool {
        self.key.verify(component, signature, false).is_ok()
    }
}

impl FromStr for TrustedKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| BadKey)?;
        let bytes: [u8; LEN] = bytes.try_into().map_err(|_| BadKey)?;
        let id = match bytes.split_first_chunk() {
            Some((b"Ed", rest)) => *rest.first_chunk().ok_or(BadKey)?,
            _ => return Err(BadKey),
        };
        let key = PublicKey::from_base64(text).map_err(|_| BadKey)?;
        Ok(Self { key, id: KeyId(id), text: text.to_owned() })
    }
}

impl TryFrom<String> for TrustedKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        text.parse()
    }
}

impl From<TrustedKey> for String {
    fn from(key: TrustedKey) -> Self {
        key.text
    }
}

impl fmt::Display for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedKey({})", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A number in little-endian order.
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_key_is_read_and_named_as_minisign_does() {
        let key: TrustedKey = KEY.parse().unwrap();

        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
        assert_eq!(format!("{key:?}"), "TrustedKey(E7620F1842B4E81F)");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in
            ["", "RW", &KEY[1..], &KEY.replacen("RW", "QW", 1), &format!("{KEY}{KEY}"), &format!(" {KEY}")]
        {
            assert_eq!(text.parse::<TrustedKey>(), Err(BadKey), "{text}");
        }
    }
}
