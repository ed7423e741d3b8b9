//! BLAKE2b in libsodium's parametrisation, SHA-2 and HMAC.
//!
//! Inputs are given in parts, which are hashed as if joined, so that callers need not copy long messages together.

#![expect(unsafe_code, reason = "the safe wrapper of libsodium knows no personalised BLAKE2b")]

use std::mem::MaybeUninit;
use std::ptr;

use super::init;

/// Longest key of BLAKE2b, in bytes.
pub const BLAKE2B_MAX_KEY: usize = 64;

/// Length of the personal parameter of BLAKE2b, in bytes; shorter values are filled up with zeros.
pub const BLAKE2B_PERSONAL: usize = 16;

/// Unkeyed BLAKE2b with `N` bytes of output, 1 to 64.
#[must_use]
pub fn blake2b<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    blake2b_personal(None, b"", parts)
}

/// Keyed BLAKE2b with `N` bytes of output.
///
/// # Panics
/// When the key is longer than [`BLAKE2B_MAX_KEY`]; keys are fixed by the formats, never a stranger's choice.
#[must_use]
pub fn blake2b_keyed<const N: usize>(key: &[u8], parts: &[&[u8]]) -> [u8; N] {
    blake2b_personal(Some(key), b"", parts)
}

/// BLAKE2b with an optional key and a personal parameter, no salt.
///
/// # Panics
/// When the key is longer than [`BLAKE2B_MAX_KEY`] or `personal` longer than [`BLAKE2B_PERSONAL`].
#[must_use]
pub fn blake2b_personal<const N: usize>(key: Option<&[u8]>, personal: &[u8], parts: &[&[u8]]) -> [u8; N] {
    const { assert!(N >= 1 && N <= 64, "BLAKE2b gives 1 to 64 bytes") };
    assert!(key.is_none_or(|key| key.len() <= BLAKE2B_MAX_KEY), "a BLAKE2b key has at most 64 bytes");
    assert!(personal.len() <= BLAKE2B_PERSONAL, "a personal parameter has at most 16 bytes");
    init();
    let mut padded = [0; BLAKE2B_PERSONAL];
    padded[..personal.len()].copy_from_slice(personal);
    let (key_pointer, key_len) = key.map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
    let mut state = MaybeUninit::uninit();
    let mut output = [0; N];
    // SAFETY: `init_salt_personal` fills the whole state before it is used; key length and output length were checked
    // above, the personal parameter has its 16 bytes, and a null salt means none; every pointer is used during the
    // call only.
    unsafe {
        let started = libsodium_sys::crypto_generichash_blake2b_init_salt_personal(
            state.as_mut_ptr(),
            key_pointer,
            key_len,
            N,
            ptr::null(),
            padded.as_ptr(),
        );
        assert_eq!(started, 0, "the parameters of BLAKE2b were checked");
        for part in parts {
            libsodium_sys::crypto_generichash_blake2b_update(
                state.as_mut_ptr(),
                part.as_ptr(),
                part.len() as u64,
            );
        }
        libsodium_sys::crypto_generichash_blake2b_final(state.as_mut_ptr(), output.as_mut_ptr(), N);
    }
    output
}

/// SHA-512.
#[must_use]
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    sha2(&ring::digest::SHA512, parts)
}

/// SHA-256.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    sha2(&ring::digest::SHA256, parts)
}

/// HMAC-SHA256.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), message);
    tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
}

fn sha2<const N: usize>(algorithm: &'static ring::digest::Algorithm, parts: &[&[u8]]) -> [u8; N] {
    let mut context = ring::digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("the algorithm was chosen with its length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_hold() {
        // RFC 7693 appendix A, FIPS 180-2 appendix B and C, RFC 4231 case 2.
        assert_eq!(
            hex::encode(blake2b::<64>(&[b"a", b"bc"])),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
             7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        );
        // Python's hashlib, which binds another implementation.
        assert_eq!(
            hex::encode(blake2b_personal::<32>(Some(b"k"), b"p", &[b"x"])),
            "5216020836185865e50d98f54bc615f7b2be9837520183b286400e5e97be300d"
        );
        assert_eq!(
            hex::encode(sha256(&[b"ab", b"c"])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex::encode(sha512(&[b"abc"])),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
        assert_eq!(
            hex::encode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn key_and_personal_each_change_the_hash() {
        let plain: [u8; 32] = blake2b(&[b"x"]);

        assert_eq!(plain, blake2b_personal(None, &[0; 16], &[b"x"]));
        assert_ne!(plain, blake2b_keyed(b"k", &[b"x"]));
        assert_ne!(plain, blake2b_personal(None, b"p", &[b"x"]));
        assert_ne!(blake2b_keyed::<32>(b"k", &[b"x"]), blake2b_personal(Some(b"k"), b"p", &[b"x"]));
    }
}
