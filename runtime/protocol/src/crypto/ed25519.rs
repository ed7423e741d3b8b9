//! Ed25519 signatures (RFC 8032), and the X25519 image of their keys.

use std::fmt;

use sodiumoxide::crypto::sign::ed25519 as sodium;
use zeroize::Zeroizing;

use super::hex_text::hex_newtype;
use super::{init, x25519};

/// A public key; whether it lies on the curve is only known when it is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);
hex_newtype!(PublicKey, 32);

/// A signature, R ‖ s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);
hex_newtype!(Signature, 64);

/// A secret key, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey {
    seed: Zeroizing<[u8; 32]>,
    expanded: sodium::SecretKey,
    public: PublicKey,
}

impl SecretKey {
    /// Expands the 32-byte seed (the private key of RFC 8032).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        init();
        let seed = Zeroizing::new(seed);
        let (public, expanded) = sodium::keypair_from_seed(&sodium::Seed(*seed));
        Self { seed, expanded, public: PublicKey(public.0) }
    }

    /// The seed this key was made from.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// libsodium's 64-byte form: seed ‖ public key.
    #[must_use]
    pub fn to_bytes64(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.expanded.0)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `message`; the same input always gives the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(sodium::sign_detached(message, &self.expanded).to_bytes())
    }

    /// The X25519 key over the same scalar.
    #[must_use]
    pub fn to_x25519(&self) -> x25519::SecretKey {
        let converted = sodium::to_curve25519_sk(&self.expanded)
            .expect("hashing a secret key into a scalar has no failing case");
        x25519::SecretKey::from_bytes(converted.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ed25519::SecretKey(..)")
    }
}

impl PublicKey {
    /// Whether `signature` was made over `message` by the owner of this key.
    ///
    /// False too for keys of small order and for the non-canonical forms that libsodium refuses.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        init();
        match sodium::Signature::from_bytes(&signature.0) {
            Ok(parsed) => sodium::verify_detached(&parsed, message, &sodium::PublicKey(self.0)),
            // The library refuses an s far above the group order before it looks at the curve.
            Err(_) => false,
        }
    }

    /// The birational image on the X25519 curve; `None` when this is no point of the main subgroup.
    #[must_use]
    pub fn to_x25519(&self) -> Option<x25519::PublicKey> {
        init();
        let converted = sodium::to_curve25519_pk(&sodium::PublicKey(self.0)).ok()?;
        Some(x25519::PublicKey(converted.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_vector_2_signs_and_verifies() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = SecretKey::from_seed(seed.parse::<PublicKey>().unwrap().0);

        let signature = key.sign(&[0x72]);

        assert_eq!(
            key.public().to_string(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            signature.to_string(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public().verify(&[0x72], &signature));
        assert!(!key.public().verify(&[0x73], &signature));
    }

    #[test]
    fn both_halves_of_a_pair_have_the_same_x25519_image() {
        let key = SecretKey::from_seed([7; 32]);

        assert_eq!(key.to_x25519().public(), key.public().to_x25519().unwrap());
    }

    #[test]
    fn points_outside_the_main_subgroup_have_no_image() {
        let mut identity = [0; 32];
        identity[0] = 1;

        assert_eq!(PublicKey(identity).to_x25519(), None);
        assert_eq!(PublicKey([0xff; 32]).to_x25519(), None);
        assert!(!PublicKey(identity).verify(b"", &Signature([0; 64])));
        assert!(!PublicKey([0; 32]).verify(b"", &Signature([0xff; 64])));
    }

    #[test]
    fn debug_of_a_secret_key_says_nothing() {
        assert_eq!(format!("{:?}", SecretKey::from_seed([7; 32])), "ed25519::SecretKey(..)");
    }
}
