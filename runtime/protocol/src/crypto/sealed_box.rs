//! libsodium's `crypto_box_seal`: E ‖ box(plaintext), with the ephemeral key E chosen by the caller.

#![expect(
    unsafe_code,
    reason = "the safe wrapper of crypto_box_easy hides its failure and then returns uninitialised bytes"
)]

use sodiumoxide::crypto::box_::curve25519xsalsa20poly1305 as sodium;
use sodiumoxide::crypto::sealedbox::curve25519blake2bxsalsa20poly1305 as sealed;

use super::{hash, init, x25519};

/// Bytes that sealing adds: the ephemeral key (32) and the authenticator (16).
pub const OVERHEAD: usize = sealed::SEALBYTES;

/// Seals `plaintext` for `recipient` with the given ephemeral key, which must never be used twice for two plaintexts.
///
/// `None` when the recipient's key is of low order, so that anybody could open the box.
#[must_use]
pub fn seal_with(
    plaintext: &[u8],
    recipient: &x25519::PublicKey,
    ephemeral: &x25519::SecretKey,
) -> Option<Vec<u8>> {
    init();
    let public = ephemeral.public();
    let nonce: [u8; 24] = hash::blake2b(&[&public.0, &recipient.0]);
    let mut sealed = vec![0; OVERHEAD + plaintext.len()];
    sealed[..32].copy_from_slice(&public.0);
    // SAFETY: the output holds the plaintext's length plus 16 bytes behind the 32 of the ephemeral key; nonce and keys
    // are arrays of exactly 24, 32 and 32 bytes; no pointer outlives the call.
    let outcome = unsafe {
        libsodium_sys::crypto_box_easy(
            sealed[32..].as_mut_ptr(),
            plaintext.as_ptr(),
            plaintext.len() as u64,
            nonce.as_ptr(),
            recipient.0.as_ptr(),
            ephemeral.as_bytes().as_ptr(),
        )
    };
    (outcome == 0).then_some(sealed)
}

/// Opens a sealed box with the recipient's key pair; `None` when it is too short, not for this key, or altered.
#[must_use]
pub fn open(ciphertext: &[u8], recipient: &x25519::SecretKey) -> Option<Vec<u8>> {
    init();
    let public = sodium::PublicKey(recipient.public().0);
    sealed::open(ciphertext, &public, &sodium::SecretKey(*recipient.as_bytes())).ok()
}

/// The key pair of `crypto_box_seed_keypair`: its secret is the first half of SHA-512 over the seed.
#[must_use]
pub fn ephemeral_from_seed(seed: &[u8; 32]) -> x25519::SecretKey {
    init();
    let (_, secret) = sodium::keypair_from_seed(&sodium::Seed(*seed));
    x25519::SecretKey::from_bytes(secret.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_order_recipient_is_refused() {
        let ephemeral = x25519::SecretKey::from_bytes([3; 32]);

        assert_eq!(seal_with(b"secret", &x25519::PublicKey([0; 32]), &ephemeral), None);
    }

    #[test]
    fn what_is_sealed_opens_only_with_the_right_key() {
        let recipient = x25519::SecretKey::from_bytes([5; 32]);
        let sealed = seal_with(b"", &recipient.public(), &x25519::SecretKey::from_bytes([3; 32])).unwrap();

        assert_eq!(sealed.len(), OVERHEAD);
        assert_eq!(open(&sealed, &recipient).as_deref(), Some(&b""[..]));
        assert_eq!(open(&sealed, &x25519::SecretKey::from_bytes([6; 32])), None);
        assert_eq!(open(&sealed[..47], &recipient), None);
    }
}
