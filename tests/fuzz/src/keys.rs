//! Keys that belong to nobody; the same in every run, so that a finding stays one.

use starling_protocol::{
    account::AccountKeys,
    crypto::{ed25519, x25519},
    onion::{Cipher, layer::LayerKey},
};

/// A node's key.
pub fn node() -> x25519::SecretKey {
    ed25519::SecretKey::from_seed([7; 32]).to_x25519()
}

/// A client's ephemeral key.
pub fn ephemeral() -> x25519::SecretKey {
    x25519::SecretKey::from_bytes([9; 32])
}

/// Who gets messages.
pub fn recipient() -> AccountKeys {
    AccountKeys::from_seed(&[1; 16])
}

/// Who writes them.
pub fn sender() -> AccountKeys {
    AccountKeys::from_seed(&[2; 16])
}

/// One of the three ciphers.
pub fn cipher(choice: u8) -> Cipher {
    match choice % 3 {
        0 => Cipher::AesGcm,
        1 => Cipher::XChaCha20,
        _ => Cipher::AesCbc,
    }
}

/// The layer between [`ephemeral`] and [`node`].
pub fn layer(cipher: Cipher) -> LayerKey {
    LayerKey::for_client(cipher, &ephemeral(), &node().public()).expect("the node's key is of full order")
}

/// Random bytes that are not.
pub fn random(out: &mut [u8]) {
    out.fill(3);
}
