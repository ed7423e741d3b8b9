//! The tables: their names, keys and values, and the steps inside one transaction.

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};
use starling_contracts::inbox::Error;
use starling_kernel::Entropy;
use starling_protocol::storage::MessageHash;
use zeroize::Zeroizing;

use super::{Cursor, DAY_MS, WaitingCopy, file, rows, rows::Row};
use crate::sealing::{Index, OWNER_LEN, Sealer, TAG_LEN};

/// Bytes of the key of a numbered row.
pub(super) const NUMBERED_LEN: usize = OWNER_LEN + 8;
/// Bytes of the key of a row that is found by a tag.
pub(super) const TAGGED_LEN: usize = OWNER_LEN + TAG_LEN;

/// Owner (16) ‖ number (8, big-endian).
pub(super) type Numbered = &'static [u8; NUMBERED_LEN];
/// Owner (16) ‖ tag (16).
pub(super) type Tagged = &'static [u8; TAGGED_LEN];

/// `schema` (8 bytes, little-endian): never sealed, so that any version can read it.
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("inbox/meta");
/// Number of the message to its sealed [`Row`].
pub(super) const MESSAGES: TableDefinition<Numbered, &[u8]> = TableDefinition::new("inbox/messages/1");
/// Number of a message that a filter has put aside to its sealed [`Row`]; numbers are shared with the messages.
pub(super) const HELD: TableDefinition<Numbered, &[u8]> = TableDefinition::new("inbox/held/1");
/// Tag of conversation, author and time to the number of the message, which is here or held, or is gone.
pub(super) const IDENTITIES: TableDefinition<Tagged, u64> = TableDefinition::new("inbox/identities/1");
/// Tag of a swarm's hash to the day, counted from 1970, after which it need not be remembered.
pub(super) const SEEN: TableDefinition<Tagged, u32> = TableDefinition::new("inbox/seen/1");
/// Tag of node and namespace to the sealed hash (43) up to which the node was read.
pub(super) const CURSORS: TableDefinition<Tagged, &[u8]> = TableDefinition::new("inbox/cursors/1");
/// Tag of an account that was written to from here to its sealed id (33).
pub(super) const WRITTEN: TableDefinition<Tagged, &[u8]> = TableDefinition::new("inbox/written/1");
/// Position in the queue to the sealed hash (43) of what is to be deleted in the own swarm ‖ Unix milliseconds (8,
/// little-endian) after which no swarm can hold it.
pub(super) const DELETIONS: TableDefinition<Numbered, &[u8]> = TableDefinition::new("inbox/deletions/1");
/// Tag of a name to a sealed value: `last_time` (8, little-endian), `last_node` (32), `swept_on` (4, little-endian),
/// `last_removed` (8, little-endian), `written_since` (empty).
pub(super) const STATE: TableDefinition<Tagged, &[u8]> = TableDefinition::new("inbox/state/1");
/// Position in the queue to the sealed [`WaitingCopy`].
pub(super) const COPIES: TableDefinition<Numbered, &[u8]> = TableDefinition::new("inbox/copies/1");
/// Time of a message on its way to the sealed [`Pending`](super::Pending).
pub(super) const PENDING: TableDefinition<Numbered, &[u8]> = TableDefinition::new("inbox/pending/1");

/// The key of a numbered row.
pub(super) fn numbered(sealer: &Sealer, number: u64) -> [u8; NUMBERED_LEN] {
    let mut key = [0; NUMBERED_LEN];
    key[..OWNER_LEN].copy_from_slice(&sealer.owner());
    key[OWNER_LEN..].copy_from_slice(&number.to_be_bytes());
    key
}

/// First and last key of an account's numbered rows, from `first` on.
pub(super) fn numbered_range(sealer: &Sealer, first: u64) -> ([u8; NUMBERED_LEN], [u8; NUMBERED_LEN]) {
    (numbered(sealer, first), numbered(sealer, u64::MAX))
}

/// First and last key of an account's rows that are found by a tag.
pub(super) fn tagged_range(sealer: &Sealer) -> ([u8; TAGGED_LEN], [u8; TAGGED_LEN]) {
    let owner = sealer.owner();
    let (mut first, mut last) = ([0; TAGGED_LEN], [0xff; TAGGED_LEN]);
    first[..OWNER_LEN].copy_from_slice(&owner);
    last[..OWNER_LEN].copy_from_slice(&owner);
    (first, last)
}

/// The number in a key.
pub(super) fn number(key: &[u8; NUMBERED_LEN]) -> u64 {
    let number = key.last_chunk::<8>().expect("a numbered key ends in its number");
    u64::from_be_bytes(*number)
}

/// One account's view of the tables inside a transaction.
pub(super) struct Tables<'a> {
    pub(super) sealer: &'a Sealer,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) messages: Table<'a, Numbered, &'static [u8]>,
    pub(super) held: Table<'a, Numbered, &'static [u8]>,
    pub(super) identities: Table<'a, Tagged, u64>,
    seen: Table<'a, Tagged, u32>,
    cursors: Table<'a, Tagged, &'static [u8]>,
    state: Table<'a, Tagged, &'static [u8]>,
    pub(super) copies: Table<'a, Numbered, &'static [u8]>,
    pub(super) deletions: Table<'a, Numbered, &'static [u8]>,
    pub(super) written: Table<'a, Tagged, &'static [u8]>,
    pub(super) pending: Table<'a, Numbered, &'static [u8]>,
}

impl<'a> Tables<'a> {
    pub(super) fn open(
        transaction: &'a WriteTransaction,
        sealer: &'a Sealer,
        entropy: &'a dyn Entropy,
    ) -> Result<Self, Error> {
        Ok(Self {
            sealer,
            entropy,
            messages: transaction.open_table(MESSAGES).map_err(broken)?,
            held: transaction.open_table(HELD).map_err(broken)?,
            identities: transaction.open_table(IDENTITIES).map_err(broken)?,
            seen: transaction.open_table(SEEN).map_err(broken)?,
            cursors: transaction.open_table(CURSORS).map_err(broken)?,
            state: transaction.open_table(STATE).map_err(broken)?,
            copies: transaction.open_table(COPIES).map_err(broken)?,
            deletions: transaction.open_table(DELETIONS).map_err(broken)?,
            written: transaction.open_table(WRITTEN).map_err(broken)?,
            pending: transaction.open_table(PENDING).map_err(broken)?,
        })
    }

    /// A number that no message has had, here or held; they begin at 1.
    pub(super) fn next_message(&self) -> Result<u64, Error> {
        let here = last_number(&self.messages, self.sealer)?.unwrap_or(0);
        let held = last_number(&self.held, self.sealer)?.unwrap_or(0);
        Ok(here.max(held).max(self.last_removed()?) + 1)
    }

    /// The greatest number of those that were removed, which must not come again: readers go by numbers.
    pub(super) fn last_removed(&self) -> Result<u64, Error> {
        self.state("last_removed")?.map_or(Ok(0), |bytes| little_endian(&bytes))
    }

    pub(super) fn put_message(&mut self, id: u64, row: &Row) -> Result<(), Error> {
        let key = numbered(self.sealer, id);
        let sealed = self.sealer.seal("inbox/messages/1", &key, &row.encode(), self.entropy);
        self.messages.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }

    pub(super) fn put_held(&mut self, id: u64, row: &Row) -> Result<(), Error> {
        let key = numbered(self.sealer, id);
        let sealed = self.sealer.seal("inbox/held/1", &key, &row.encode(), self.entropy);
        self.held.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }

    pub(super) fn add_copy(&mut self, copy: &WaitingCopy) -> Result<(), Error> {
        let position = last_number(&self.copies, self.sealer)?.map_or(0, |last| last + 1);
        let key = numbered(self.sealer, position);
        let sealed = self.sealer.seal("inbox/copies/1", &key, &rows::encode_copy(copy), self.entropy);
        self.copies.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }

    /// Is it that copy that waits there? Positions are given anew when the last one was removed.
    pub(super) fn is_copy_at(&self, position: u64, copy: &WaitingCopy) -> Result<bool, Error> {
        let key = numbered(self.sealer, position);
        let Some(sealed) = self.copies.get(&key).map_err(broken)? else { return Ok(false) };
        let row = self.sealer.open("inbox/copies/1", &key, sealed.value()).ok_or_else(unreadable)?;
        Ok(rows::decode_copy(&row).ok_or_else(unreadable)?.hash == copy.hash)
    }

    pub(super) fn remove_copy(&mut self, position: u64) -> Result<(), Error> {
        self.copies.remove(&numbered(self.sealer, position)).map_err(broken)?;
        Ok(())
    }

    pub(super) fn remove_pending(&mut self, sent_at: u64) -> Result<(), Error> {
        self.pending.remove(&numbered(self.sealer, sent_at)).map_err(broken)?;
        Ok(())
    }

    pub(super) fn knows_hash(&self, hash: &MessageHash) -> Result<bool, Error> {
        let key = self.sealer.key(Index::Hash, &[hash.as_bytes()]);
        Ok(self.seen.get(&key).map_err(broken)?.is_some())
    }

    /// Remembers a hash until the day that begins after `until`, Unix milliseconds.
    pub(super) fn remember_hash(&mut self, hash: &MessageHash, until: u64) -> Result<(), Error> {
        let key = self.sealer.key(Index::Hash, &[hash.as_bytes()]);
        self.seen.insert(&key, day(until)).map_err(broken)?;
        Ok(())
    }

    /// Forgets, once a day, the account's hashes that no swarm can hold any more.
    pub(super) fn forget_hashes(&mut self, now: u64) -> Result<(), Error> {
        let today = day(now);
        if self.state("swept_on")?.is_some_and(|swept_on| *swept_on == today.to_le_bytes()) {
            return Ok(());
        }
        let (first, last) = tagged_range(self.sealer);
        self.seen
            .retain_in::<&[u8; TAGGED_LEN], _>(&first..=&last, |_, until| until >= today)
            .map_err(broken)?;
        self.set_state("swept_on", &today.to_le_bytes())
    }

    pub(super) fn move_cursor(&mut self, cursor: &Cursor) -> Result<(), Error> {
        let key = rows::cursor_key(self.sealer, &cursor.node, cursor.namespace);
        let sealed = self.sealer.seal("inbox/cursors/1", &key, cursor.hash.as_bytes(), self.entropy);
        self.cursors.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }

    pub(super) fn state(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let key = self.sealer.key(Index::State, &[name.as_bytes()]);
        let Some(sealed) = self.state.get(&key).map_err(broken)? else { return Ok(None) };
        self.sealer.open("inbox/state/1", &key, sealed.value()).map(Some).ok_or_else(unreadable)
    }

    pub(super) fn set_state(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let key = self.sealer.key(Index::State, &[name.as_bytes()]);
        let sealed = self.sealer.seal("inbox/state/1", &key, value, self.entropy);
        self.state.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }
}

pub(super) fn last_number(
    table: &Table<'_, Numbered, &'static [u8]>,
    sealer: &Sealer,
) -> Result<Option<u64>, Error> {
    let (first, last) = numbered_range(sealer, 0);
    let mut range = table.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)?;
    let entry = range.next_back().transpose().map_err(broken)?;
    Ok(entry.map(|(key, _)| number(key.value())))
}

/// A number of eight bytes.
pub(super) fn little_endian(bytes: &[u8]) -> Result<u64, Error> {
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| unreadable())
}

/// Days since 1970.
fn day(unix_ms: u64) -> u32 {
    u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX)
}

/// The database said no.
pub(super) fn broken(error: impl Into<redb::Error>) -> Error {
    Error::Store(error.into().to_string())
}

/// A row was altered, or sealed under another key.
pub(super) fn unreadable() -> Error {
    Error::Store(format!("a row of {} cannot be opened with the key of its account", file::NAME))
}
