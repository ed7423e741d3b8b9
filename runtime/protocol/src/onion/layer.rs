//! One layer of encryption between a client's ephemeral key and a node's (onion-requests §2).

use std::fmt;

use zeroize::Zeroizing;

use super::Random;
use super::cipher::Cipher;
use crate::crypto::hash::{blake2b, hmac_sha256};
use crate::crypto::{aead, x25519};

/// The key of a layer, which also seals the answer. Wiped when dropped.
#[derive(Clone)]
pub struct LayerKey {
    cipher: Cipher,
    key: Zeroizing<[u8; 32]>,
}

impl LayerKey {
    /// The client's side. `None` if the node's key is of low order, which would make the layer readable for anybody.
    #[must_use]
    pub fn for_client(
        cipher: Cipher,
        ephemeral: &x25519::SecretKey,
        node: &x25519::PublicKey,
    ) -> Option<Self> {
        let shared = ephemeral.shared_secret(node)?;
        Some(Self::derive(cipher, &shared, &ephemeral.public(), node))
    }

    /// The node's side. `None` if the ephemeral key is of low order.
    #[must_use]
    pub fn for_node(cipher: Cipher, node: &x25519::SecretKey, ephemeral: &x25519::PublicKey) -> Option<Self> {
        let shared = node.shared_secret(ephemeral)?;
        Some(Self::derive(cipher, &shared, ephemeral, &node.public()))
    }

    /// The client's key always comes first, in both directions.
    fn derive(
        cipher: Cipher,
        shared: &[u8; 32],
        client: &x25519::PublicKey,
        node: &x25519::PublicKey,
    ) -> Self {
        let key = match cipher {
            Cipher::AesGcm => hmac_sha256(b"LOKI", shared),
            Cipher::XChaCha20 => blake2b(&[shared, client.as_bytes(), node.as_bytes()]),
            Cipher::AesCbc => *shared,
        };
        Self { cipher, key: Zeroizing::new(key) }
    }

    /// The cipher it is for.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Seals with a fresh nonce: nonce ‖ ciphertext ‖ tag.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], random: &mut Random<'_>) -> Vec<u8> {
        match self.cipher {
            Cipher::AesGcm => {
                let nonce = drawn(random);
                [nonce.as_slice(), &aead::aes256_gcm_seal(&self.key, &nonce, plaintext)].concat()
            }
            Cipher::XChaCha20 => {
                let nonce = drawn(random);
                [nonce.as_slice(), &aead::xchacha20_seal(&self.key, &nonce, b"", plaintext)].concat()
            }
            Cipher::AesCbc => {
                let nonce = drawn(random);
                [nonce.as_slice(), &aead::aes256_cbc_seal(&self.key, &nonce, plaintext)].concat()
            }
        }
    }

    /// Opens what [`LayerKey::seal`] of the other side made; `None` when it is too short or was altered.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::AesGcm => {
                let (nonce, ciphertext) = sealed.split_first_chunk()?;
                aead::aes256_gcm_open(&self.key, nonce, ciphertext)
            }
            Cipher::XChaCha20 => {
                let (nonce, ciphertext) = sealed.split_first_chunk()?;
                aead::xchacha20_open(&self.key, nonce, b"", ciphertext)
            }
            Cipher::AesCbc => {
                let (nonce, ciphertext) = sealed.split_first_chunk()?;
                aead::aes256_cbc_open(&self.key, nonce, ciphertext)
            }
        }
    }
}

impl fmt::Debug for LayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LayerKey({}, ..)", self.cipher)
    }
}

pub(super) fn drawn<const N: usize>(random: &mut Random<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}
