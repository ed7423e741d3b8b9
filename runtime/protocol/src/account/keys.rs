//! The secret side of an account: everything follows from 16 random bytes.

use std::fmt;

use zeroize::Zeroizing;

use super::AccountId;
use crate::crypto::{ed25519, hash, x25519};

/// Key of the hash that derives the master key of the paid features (identity §1).
const PRO_MASTER_KEY: &[u8] = b"SessionProRandom";

/// The keys of one account, wiped when dropped (identity §1).
///
/// The 16-byte seed, filled up with zeros to 32, is the Ed25519 seed; its X25519 image behind `05` is the id.
#[derive(Clone)]
pub struct AccountKeys {
    seed: Zeroizing<[u8; 16]>,
    ed25519: ed25519::SecretKey,
    x25519: x25519::SecretKey,
    id: AccountId,
}

impl AccountKeys {
    /// Derives all keys from the seed, which must come from a secure random source or a recovery password.
    #[must_use]
    pub fn from_seed(seed: &[u8; 16]) -> Self {
        let mut padded = Zeroizing::new([0; 32]);
        padded[..16].copy_from_slice(seed);
        let ed25519 = ed25519::SecretKey::from_seed(*padded);
        let x25519 = ed25519.to_x25519();
        let id = AccountId::standard(x25519.public());
        Self { seed: Zeroizing::new(*seed), ed25519, x25519, id }
    }

    /// The seed, which is all that a recovery password holds.
    #[must_use]
    pub fn seed(&self) -> &[u8; 16] {
        &self.seed
    }

    /// The signing key; it also signs requests to one's own swarm.
    #[must_use]
    pub fn ed25519(&self) -> &ed25519::SecretKey {
        &self.ed25519
    }

    /// The key that opens messages.
    #[must_use]
    pub fn x25519(&self) -> &x25519::SecretKey {
        &self.x25519
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The master key of the paid features (identity §1).
    #[must_use]
    pub fn pro_master(&self) -> ed25519::SecretKey {
        ed25519::SecretKey::from_seed(hash::blake2b_keyed(PRO_MASTER_KEY, &[self.ed25519.seed()]))
    }
}

impl fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKeys(..)")
    }
}
