//! Proofs of the paid features: parsed, checked, kept, never required (messages §16).
//!
//! The feature has not been launched and its formats have changed once already, so two generations stand side by side.

use crate::crypto::{ed25519, hash};

/// Personal parameter of the hash that the first generation signs.
const PERSONAL: &[u8] = b"ProProof________";

/// What the second generation's signed text begins with.
const PREFIX: &[u8] = b"ProProof_v0_____";

/// A proof of the first generation (until spring 2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofA {
    /// Format version.
    pub version: u8,
    /// Hash of the generation index.
    pub gen_index_hash: [u8; 32],
    /// The key that signs messages.
    pub rotating_key: ed25519::PublicKey,
    /// Until when it holds, in milliseconds.
    pub expires_at: u64,
}

impl ProofA {
    /// The hash that the backend signs.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash::blake2b_personal(
            None,
            PERSONAL,
            &[&[self.version], &self.gen_index_hash, &self.rotating_key.0, &self.expires_at.to_le_bytes()],
        )
    }

    /// Whether the backend signed it.
    #[must_use]
    pub fn verify(&self, backend: &ed25519::PublicKey, signature: &ed25519::Signature) -> bool {
        backend.verify(&self.hash(), signature)
    }
}

/// A proof of the second generation (draft of mid-2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofB {
    /// The tag it is revoked by.
    pub revocation_tag: [u8; 32],
    /// The key that signs messages.
    pub rotating_key: ed25519::PublicKey,
    /// Until when it holds, in seconds.
    pub expires_at_seconds: u64,
}

impl ProofB {
    /// The text that the backend signs.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        [PREFIX, &self.revocation_tag, &self.rotating_key.0, self.expires_at_seconds.to_string().as_bytes()]
            .concat()
    }

    /// Whether the backend signed it.
    #[must_use]
    pub fn verify(&self, backend: &ed25519::PublicKey, signature: &ed25519::Signature) -> bool {
        backend.verify(&self.message(), signature)
    }
}

/// Whether `rotating_key` signed a message: the sealed box in one-to-one conversations, the plain content in groups.
#[must_use]
pub fn verify_message(
    rotating_key: &ed25519::PublicKey,
    signed: &[u8],
    signature: &ed25519::Signature,
) -> bool {
    rotating_key.verify(signed, signature)
}
