//! How an account's rows lie on disk: sealed, and under keys that name neither accounts nor messages.

use starling_contracts::accounts::AccountSecrets;
use starling_kernel::Entropy;
use starling_protocol::{
    account::AccountId,
    crypto::{aead, hash},
};
use zeroize::Zeroizing;

// Personal parameters of BLAKE2b: each use of the account's key has its own.
const ROWS: &[u8] = b"starling-in-rows";
const OWNER: &[u8] = b"starling-in-own";
const INDEX: &[u8] = b"starling-in-idx";

/// Bytes of the nonce before a sealed row.
const NONCE: usize = 24;

/// Length of the tag that stands for an account at the front of its keys.
pub(crate) const OWNER_LEN: usize = 16;
/// Length of the tag that stands for whatever a row is found by.
pub(crate) const TAG_LEN: usize = 16;

/// Which table or purpose a tag is for, so that equal inputs give different tags.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Index {
    /// A hash of a swarm.
    Hash,
    /// Conversation, author and time of a message.
    Identity,
    /// A node and a namespace.
    Cursor,
    /// An account that was written to.
    Written,
    /// A single value of the account.
    State,
}

impl Index {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Hash => b"hash",
            Self::Identity => b"identity",
            Self::Cursor => b"cursor",
            Self::Written => b"written",
            Self::State => b"state",
        }
    }
}

/// Seals and names the rows of one account; wiped when dropped.
pub(crate) struct Sealer {
    rows: Zeroizing<[u8; 32]>,
    index: Zeroizing<[u8; 32]>,
    owner: [u8; OWNER_LEN],
    account: AccountId,
}

impl Sealer {
    pub(crate) fn new(secrets: &AccountSecrets) -> Self {
        let derive = |personal| hash::blake2b_personal::<32>(Some(&*secrets.at_rest), personal, &[]);
        let id = secrets.account.id;
        Self {
            rows: Zeroizing::new(derive(ROWS)),
            index: Zeroizing::new(derive(INDEX)),
            owner: hash::blake2b_personal(Some(&*secrets.at_rest), OWNER, &[id.as_bytes()]),
            account: id,
        }
    }

    /// Whose rows they are.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// The front of every key of the account.
    pub(crate) fn owner(&self) -> [u8; OWNER_LEN] {
        self.owner
    }

    /// A key in one of the tables that are looked up: owner ‖ tag. Parts must be of fixed length, or the only one.
    pub(crate) fn key(&self, index: Index, parts: &[&[u8]]) -> [u8; OWNER_LEN + TAG_LEN] {
        let inputs: Vec<&[u8]> = [&[index.label(), &[0]], parts].concat();
        let tag: [u8; TAG_LEN] = hash::blake2b_keyed(&*self.index, &inputs);
        let mut key = [0; OWNER_LEN + TAG_LEN];
        key[..OWNER_LEN].copy_from_slice(&self.owner);
        key[OWNER_LEN..].copy_from_slice(&tag);
        key
    }

    /// Nonce ‖ ciphertext, bound to the table and the key of the row.
    pub(crate) fn seal(&self, table: &str, key: &[u8], row: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE] = entropy.bytes();
        let sealed = aead::xchacha20_seal(&self.rows, &nonce, &place(table, key), row);
        [&nonce[..], &sealed].concat()
    }

    /// `None` when the row was altered, moved, or sealed under another key.
    pub(crate) fn open(&self, table: &str, key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        aead::xchacha20_open(&self.rows, nonce, &place(table, key), sealed).map(Zeroizing::new)
    }
}

fn place(table: &str, key: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], key].concat()
}
