//! The ciphers a layer may name (onion-requests §2).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How a layer is encrypted. Each layer names its own; a layer that names none is AES-GCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cipher {
    /// `aes-gcm`: AES-256-GCM, what desktop and Android clients send.
    #[default]
    AesGcm,
    /// `xchacha20`: XChaCha20-Poly1305, what clients on libsession send.
    XChaCha20,
    /// `aes-cbc`: AES-256-CBC, which authenticates nothing. No current client sends it.
    AesCbc,
}

/// A name that is no cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Invalid encryption type")]
pub struct UnknownCipher;

impl Cipher {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            Self::XChaCha20 => "xchacha20",
            Self::AesCbc => "aes-cbc",
        }
    }

    /// Length of the nonce in front of the ciphertext, in bytes.
    #[must_use]
    pub const fn nonce_len(self) -> usize {
        match self {
            Self::AesGcm => 12,
            Self::XChaCha20 => 24,
            Self::AesCbc => 16,
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads the name or one of its aliases.
impl FromStr for Cipher {
    type Err = UnknownCipher;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "aes-gcm" | "gcm" => Ok(Self::AesGcm),
            "xchacha20" | "xchacha20-poly1305" => Ok(Self::XChaCha20),
            "aes-cbc" | "cbc" => Ok(Self::AesCbc),
            _ => Err(UnknownCipher),
        }
    }
}
