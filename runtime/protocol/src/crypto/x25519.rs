//! X25519 key agreement (RFC 7748).

use std::fmt;

use sodiumoxide::crypto::scalarmult::curve25519 as sodium;
use zeroize::Zeroizing;

use super::hex_text::hex_newtype;
use super::init;

/// A public key: the u coordinate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);
hex_newtype!(PublicKey, 32);

/// A secret key with its public half at hand, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey {
    scalar: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl SecretKey {
    /// Takes the scalar; it is clamped where it is used, as RFC 7748 asks.
    #[must_use]
    pub fn from_bytes(scalar: [u8; 32]) -> Self {
        init();
        let scalar = Zeroizing::new(scalar);
        let public = PublicKey(sodium::scalarmult_base(&sodium::Scalar(*scalar)).0);
        Self { scalar, public }
    }

    /// The scalar, as given.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.scalar
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The raw shared secret with `other`; `None` when `other` is of low order and the result would be all zeros.
    #[must_use]
    pub fn shared_secret(&self, other: &PublicKey) -> Option<Zeroizing<[u8; 32]>> {
        let shared =
            sodium::scalarmult(&sodium::Scalar(*self.scalar), &sodium::GroupElement(other.0)).ok()?;
        Some(Zeroizing::new(shared.0))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("x25519::SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7748_diffie_hellman_agrees() {
        let key = |text: &str| SecretKey::from_bytes(text.parse::<PublicKey>().unwrap().0);
        let alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");

        let shared = alice.shared_secret(&bob.public()).unwrap();

        assert_eq!(hex::encode(*shared), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(shared, bob.shared_secret(&alice.public()).unwrap());
    }

    #[test]
    fn low_order_points_give_no_secret() {
        let key = SecretKey::from_bytes([9; 32]);
        let mut one = [0; 32];
        one[0] = 1;

        assert!(key.shared_secret(&PublicKey([0; 32])).is_none());
        assert!(key.shared_secret(&PublicKey(one)).is_none());
    }
}
