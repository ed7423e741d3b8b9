//! Symmetric ciphers. The nonce is the caller's; sealing twice with one key and nonce gives both plaintexts away.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sodiumoxide::crypto::aead::xchacha20poly1305_ietf as sodium;

use super::init;

/// Bytes of the authenticator that XChaCha20-Poly1305 and AES-256-GCM append.
pub const TAG_LEN: usize = 16;

/// XChaCha20-Poly1305 (IETF form): ciphertext ‖ tag.
#[must_use]
pub fn xchacha20_seal(key: &[u8; 32], nonce: &[u8; 24], ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    init();
    sodium::seal(plaintext, Some(ad), &sodium::Nonce(*nonce), &sodium::Key(*key))
}

/// Opens [`xchacha20_seal`]; `None` when it is too short or anything was altered.
#[must_use]
pub fn xchacha20_open(key: &[u8; 32], nonce: &[u8; 24], ad: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    init();
    sodium::open(ciphertext, Some(ad), &sodium::Nonce(*nonce), &sodium::Key(*key)).ok()
}

/// AES-256-GCM without associated data: ciphertext ‖ tag.
#[must_use]
pub fn aes256_gcm_seal(key: &[u8; 32], nonce: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plaintext.len() + TAG_LEN);
    sealed.extend_from_slice(plaintext);
    gcm_key(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed)
        .expect("AES-GCM fails only above 64 GiB, which no caller holds in memory");
    sealed
}

/// Opens [`aes256_gcm_seal`]; `None` when it is too short or anything was altered.
#[must_use]
pub fn aes256_gcm_open(key: &[u8; 32], nonce: &[u8; 12], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let mut opened = ciphertext.to_vec();
    let plain_len = gcm_key(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut opened)
        .ok()?
        .len();
    opened.truncate(plain_len);
    Some(opened)
}

/// AES-256-CBC with PKCS#7 padding. It protects no integrity; only the oldest onion format asks for it.
#[must_use]
pub fn aes256_cbc_seal(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
    // Padding always adds at least one byte, so a whole block when the length is a multiple of 16.
    let mut sealed = vec![0; (plaintext.len() / 16 + 1) * 16];
    cbc::Encryptor::<Aes256>::new(key.into(), iv.into())
        .encrypt_padded_b2b::<Pkcs7>(plaintext, &mut sealed)
        .expect("the output has room for the padding");
    sealed
}

/// Opens [`aes256_cbc_seal`]; `None` when the length or the padding is wrong.
#[must_use]
pub fn aes256_cbc_open(key: &[u8; 32], iv: &[u8; 16], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let mut opened = vec![0; ciphertext.len()];
    let plain_len = cbc::Decryptor::<Aes256>::new(key.into(), iv.into())
        .decrypt_padded_b2b::<Pkcs7>(ciphertext, &mut opened)
        .ok()?
        .len();
    opened.truncate(plain_len);
    Some(opened)
}

fn gcm_key(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the 32 bytes of AES-256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_opens_what_it_sealed_at_block_borders() {
        for len in [0, 1, 15, 16, 17, 160] {
            let plain = vec![0x61; len];
            let xchacha = xchacha20_seal(&[1; 32], &[2; 24], b"ad", &plain);
            let gcm = aes256_gcm_seal(&[1; 32], &[2; 12], &plain);
            let cbc = aes256_cbc_seal(&[1; 32], &[2; 16], &plain);

            assert_eq!((xchacha.len(), gcm.len(), cbc.len()), (len + 16, len + 16, (len / 16 + 1) * 16));
            assert_eq!(xchacha20_open(&[1; 32], &[2; 24], b"ad", &xchacha).as_ref(), Some(&plain));
            assert_eq!(xchacha20_open(&[1; 32], &[2; 24], b"other", &xchacha), None);
            assert_eq!(aes256_gcm_open(&[1; 32], &[2; 12], &gcm).as_ref(), Some(&plain));
            assert_eq!(aes256_cbc_open(&[1; 32], &[2; 16], &cbc).as_ref(), Some(&plain));
        }
    }

    #[test]
    fn aes_matches_the_published_vectors() {
        // NIST SP 800-38A F.2.5, first block, and the GCM specification's test case 14.
        let key = hex::decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").unwrap();
        let iv = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
        let plain = hex::decode("6bc1bee22e409f96e93d7e117393172a").unwrap();
        let sealed = aes256_cbc_seal(&key.try_into().unwrap(), &iv.try_into().unwrap(), &plain);
        assert_eq!(hex::encode(&sealed[..16]), "f58c4c04d6e5f1ba779eabfb5f7bfbd6");

        assert_eq!(
            hex::encode(aes256_gcm_seal(&[0; 32], &[0; 12], &[0; 16])),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        );
    }

    #[test]
    fn short_or_ragged_input_is_refused_without_a_panic() {
        for len in 0..40 {
            let garbage = vec![0x5a; len];
            assert_eq!(xchacha20_open(&[1; 32], &[2; 24], b"", &garbage), None);
            assert_eq!(aes256_gcm_open(&[1; 32], &[2; 12], &garbage), None);
            if len % 16 != 0 || len == 0 {
                assert_eq!(aes256_cbc_open(&[1; 32], &[2; 16], &garbage), None);
            }
        }
    }
}
