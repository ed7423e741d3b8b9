//! How a plugin's rows lie on disk: sealed, and under keys that tell neither the account nor what the plugin calls them.

use starling_kernel::Entropy;
use starling_protocol::crypto::{
    aead,
    hash::{blake2b_keyed, blake2b_personal},
};
use zeroize::Zeroizing;

use super::LedgerError;

// Personal parameters of BLAKE2b: each use of the account's key has its own.
const ROWS: &[u8] = b"starling-pl-rows";
const INDEX: &[u8] = b"starling-pl-indx";
const OWNER: &[u8] = b"starling-pl-ownr";

const NONCE: usize = 24;
/// What sealing adds to a row.
pub(super) const SEALING: usize = NONCE + aead::TAG_LEN;

/// Stands for a plugin of an account, at the front of its keys.
pub(super) type Owner = [u8; OWNER_LEN];
pub(super) const OWNER_LEN: usize = 16;
/// Owner (16) ‖ tag of a name (16).
pub(super) type Tagged = [u8; TAGGED_LEN];
pub(super) const TAGGED_LEN: usize = OWNER_LEN + 16;
/// Owner (16) ‖ number (8, big-endian).
pub(super) type Numbered = [u8; NUMBERED_LEN];
pub(super) const NUMBERED_LEN: usize = OWNER_LEN + 8;

/// Seals and names the rows of one plugin of one account; wiped when dropped.
pub(super) struct Sealer {
    rows: Zeroizing<[u8; 32]>,
    index: Zeroizing<[u8; 32]>,
    owner: Owner,
}

impl Sealer {
    pub(super) fn new(plugin: &str, at_rest: &[u8; 32]) -> Self {
        let derive = |personal| blake2b_personal::<32>(Some(at_rest), personal, &[plugin.as_bytes()]);
        Self {
            rows: Zeroizing::new(derive(ROWS)),
            index: Zeroizing::new(derive(INDEX)),
            owner: blake2b_personal(Some(at_rest), OWNER, &[plugin.as_bytes()]),
        }
    }

    pub(super) const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The key of a row that is found by a name. Equal names have other tags in another table.
    pub(super) fn tagged(&self, table: &str, name: &str) -> Tagged {
        let tag: [u8; 16] = blake2b_keyed(&*self.index, &[table.as_bytes(), &[0], name.as_bytes()]);
        let mut key = [0; TAGGED_LEN];
        key[..OWNER_LEN].copy_from_slice(&self.owner);
        key[OWNER_LEN..].copy_from_slice(&tag);
        key
    }

    /// The key of a row that is found by its number.
    pub(super) fn numbered(&self, number: u64) -> Numbered {
        let mut key = [0; NUMBERED_LEN];
        key[..OWNER_LEN].copy_from_slice(&self.owner);
        key[OWNER_LEN..].copy_from_slice(&number.to_be_bytes());
        key
    }

    /// Nonce ‖ ciphertext, bound to the table and the key of the row.
    pub(super) fn seal(&self, table: &str, key: &[u8], row: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE] = entropy.bytes();
        let sealed = aead::xchacha20_seal(&self.rows, &nonce, &place(table, key), row);
        [&nonce[..], &sealed].concat()
    }

    /// The row again.
    ///
    /// # Errors
    /// [`LedgerError::Unreadable`] when it was altered, moved, or sealed under another key.
    pub(super) fn open(
        &self,
        table: &'static str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, LedgerError> {
        let unreadable = LedgerError::Unreadable { table };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(|| unreadable.clone())?;
        aead::xchacha20_open(&self.rows, nonce, &place(table, key), sealed).ok_or(unreadable)
    }
}

/// The number in the key of a numbered row.
pub(super) fn number(key: &Numbered) -> u64 {
    u64::from_be_bytes(*key.last_chunk::<8>().expect("a numbered key ends in its number"))
}

fn place(table: &str, key: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], key].concat()
}

#[cfg(test)]
mod tests {
    use starling_kernel::SeededEntropy;

    use super::*;

    #[test]
    fn a_row_opens_only_where_it_was_sealed() {
        let entropy = SeededEntropy::new(1);
        let own = Sealer::new("echo", &[1; 32]);
        let key = own.tagged("plugins/kv/1", "k");
        let sealed = own.seal("plugins/kv/1", &key, b"row", &entropy);

        assert_eq!(sealed.len(), 3 + SEALING);
        assert_eq!(own.open("plugins/kv/1", &key, &sealed).unwrap(), b"row");
        assert!(own.open("plugins/keys/1", &key, &sealed).is_err());
        assert!(own.open("plugins/kv/1", &own.tagged("plugins/kv/1", "l"), &sealed).is_err());
        assert!(own.open("plugins/kv/1", &key, &sealed[..20]).is_err());
        for other in [Sealer::new("echo", &[2; 32]), Sealer::new("ech", &[1; 32])] {
            assert!(other.open("plugins/kv/1", &key, &sealed).is_err());
            assert_ne!(other.owner(), own.owner());
        }
    }

    #[test]
    fn names_have_other_tags_in_other_tables() {
        let sealer = Sealer::new("echo", &[1; 32]);

        assert_ne!(sealer.tagged("plugins/kv/1", "k"), sealer.tagged("plugins/timers/1", "k"));
        assert_ne!(sealer.tagged("plugins/kv/1", "k"), sealer.tagged("plugins/kv/1", "l"));
        assert_eq!(number(&sealer.numbered(77)), 77);
    }
}
