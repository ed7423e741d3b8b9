//! Every cryptographic primitive, behind our own names: replacing a library is a change to this folder alone.
//!
//! libsodium supplies Ed25519, X25519, sealed boxes, XChaCha20-Poly1305, BLAKE2b and Argon2; ring supplies AES-GCM and
//! SHA-2; RustCrypto supplies AES-CBC, which neither of them has. No primitive is written by hand. Functions that need
//! a nonce or an ephemeral key take it from the caller.

pub mod aead;
pub mod ed25519;
pub mod hash;
mod hex_text;
pub mod password;
pub mod scalar;
pub mod sealed_box;
pub mod x25519;

use std::sync::Once;

pub use self::hex_text::ParseKeyError;

static INIT: Once = Once::new();

/// Prepares libsodium; every function of this module calls it by itself, so calling it first only moves the cost.
///
/// # Panics
/// When the operating system has no source of randomness, without which no key could be trusted.
pub fn init() {
    INIT.call_once(|| {
        sodiumoxide::init().expect("the operating system has a source of randomness");
    });
}

/// Compares two secrets in a time that does not depend on where they differ; the lengths are not hidden.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    init();
    a.len() == b.len() && sodiumoxide::utils::memcmp(a, b)
}

/// Fills `bytes` from the operating system's random source.
///
/// Formats never call it: they take randomness as a parameter. It serves key generation in tools and tests.
pub fn random_bytes(bytes: &mut [u8]) {
    init();
    sodiumoxide::randombytes::randombytes_into(bytes);
}
