//! The master key, and everything that follows from it.

use starling_contracts::accounts::Profile;
use starling_kernel::Entropy;
use starling_protocol::{
    account::AccountId,
    crypto::{aead, hash},
};
use zeroize::Zeroizing;

// Personal parameters of BLAKE2b: each use of the master key has its own.
const KEY_ID: &[u8] = b"starling-key-id";
const ROWS: &[u8] = b"starling-acc-row";
const PROFILES: &[u8] = b"starling-profile";
const IDS: &[u8] = b"starling-acc-id";
const AT_REST: &[u8] = b"starling-at-rest";

/// Bytes of the nonce before a sealed row.
const NONCE: usize = 24;

/// Holds the master key and seals rows; wiped when dropped.
pub(crate) struct Vault {
    master: Zeroizing<[u8; 32]>,
    rows: Zeroizing<[u8; 32]>,
}

impl Vault {
    pub(crate) fn new(master: Zeroizing<[u8; 32]>) -> Self {
        let rows = Zeroizing::new(hash::blake2b_personal(Some(&*master), ROWS, &[]));
        Self { master, rows }
    }

    /// Names the master key without telling anything of it.
    pub(crate) fn key_id(&self) -> [u8; 16] {
        hash::blake2b_personal(Some(&*self.master), KEY_ID, &[])
    }

    /// The row of a profile; the name itself does not reach the disk in clear.
    pub(crate) fn profile_key(&self, profile: &Profile) -> [u8; 32] {
        hash::blake2b_personal(Some(&*self.master), PROFILES, &[profile.as_str().as_bytes()])
    }

    /// The entry of an account id; the id itself does not reach the disk in clear.
    pub(crate) fn id_key(&self, id: &AccountId) -> [u8; 32] {
        hash::blake2b_personal(Some(&*self.master), IDS, &[id.as_bytes()])
    }

    /// The key under which other actors keep what belongs to an account.
    pub(crate) fn at_rest(&self, id: &AccountId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hash::blake2b_personal(Some(&*self.master), AT_REST, &[id.as_bytes()]))
    }

    /// Nonce ‖ ciphertext, bound to the table and the row it is for.
    pub(crate) fn seal(&self, table: &str, key: &[u8; 32], row: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE] = entropy.bytes();
        let sealed = aead::xchacha20_seal(&self.rows, &nonce, &place(table, key), row);
        [&nonce[..], &sealed].concat()
    }

    /// `None` when the row was altered, moved, or sealed under another master key.
    pub(crate) fn open(&self, table: &str, key: &[u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        aead::xchacha20_open(&self.rows, nonce, &place(table, key), sealed).map(Zeroizing::new)
    }
}

fn place(table: &str, key: &[u8; 32]) -> Vec<u8> {
    [table.as_bytes(), key].concat()
}

#[cfg(test)]
mod tests {
    use starling_kernel::SeededEntropy;

    use super::*;

    #[test]
    fn a_row_opens_only_in_its_place_and_under_its_key() {
        let vault = Vault::new(Zeroizing::new([1; 32]));
        let sealed = vault.seal("t", &[2; 32], b"row", &SeededEntropy::new(1));

        assert_eq!(vault.open("t", &[2; 32], &sealed).unwrap().as_slice(), b"row");
        assert!(vault.open("u", &[2; 32], &sealed).is_none());
        assert!(vault.open("t", &[3; 32], &sealed).is_none());
        assert!(vault.open("t", &[2; 32], &sealed[..20]).is_none());
        assert!(Vault::new(Zeroizing::new([9; 32])).open("t", &[2; 32], &sealed).is_none());
    }

    #[test]
    fn each_account_has_its_own_key_at_rest() {
        let vault = Vault::new(Zeroizing::new([1; 32]));
        let id = |byte: &str| format!("05{}", byte.repeat(32)).parse().unwrap();

        assert_ne!(vault.at_rest(&id("aa")), vault.at_rest(&id("ab")));
        assert_eq!(vault.at_rest(&id("aa")), vault.at_rest(&id("aa")));
    }
}
