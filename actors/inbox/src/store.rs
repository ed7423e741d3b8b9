//! The tables of `inbox.redb`, and the transactions on them. All of it blocks, so it is called on the pool.

mod deletions;
mod file;
mod filing;
mod held;
mod pending;
mod rows;
mod tables;
mod written;

use std::path::Path;

use redb::{Database, ReadableDatabase as _, TableDefinition};
use starling_contracts::inbox::{Error, StoredMessage};
use starling_kernel::Entropy;
use starling_protocol::{
    crypto::ed25519,
    storage::{MessageHash, Namespace},
};

pub(crate) use self::deletions::Deletion;
pub(crate) use self::filing::{Batch, Standing};
pub(crate) use self::pending::{AHEAD_MS, Pending};
use self::{
    filing::Place,
    rows::Row,
    tables::{
        COPIES, CURSORS, HELD, MESSAGES, NUMBERED_LEN, Numbered, SEEN, STATE, Tables, broken, numbered_range,
        unreadable,
    },
};
use crate::{
    error::OpenError,
    filing::Item,
    sealing::{Index, Sealer},
};

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// A hash of namespace 0 is remembered at least this long, whatever a node says of its expiry: the longest that a stranger's
/// message can be stored.
const REMEMBER_AT_LEAST_MS: u64 = 14 * DAY_MS;
/// And at most this long: what the owner can prolong it to, and a day for clocks.
const REMEMBER_AT_MOST_MS: u64 = 31 * DAY_MS;

/// The open messages of one data folder.
pub(crate) struct Store {
    database: Database,
}

/// A copy for one's other devices that is not stored yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WaitingCopy {
    /// What the own swarm will name it.
    pub(crate) hash: MessageHash,
    /// The sealed bytes.
    pub(crate) data: Vec<u8>,
}

/// Up to where a member of the swarm was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) node: ed25519::PublicKey,
    pub(crate) namespace: Namespace,
    pub(crate) hash: MessageHash,
}

impl Store {
    /// Opens the messages in `folder`, which is made when it is not there, and takes the file for this process alone.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: file::open(folder)? })
    }

    /// Takes a copy that was stored out of the waiting ones, if it is among them still.
    pub(crate) fn remove_copy(
        &self,
        sealer: &Sealer,
        position: u64,
        copy: &WaitingCopy,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            match tables.is_copy_at(position, copy)? {
                true => tables.remove_copy(position),
                false => Ok(()),
            }
        })
    }

    /// Puts a copy that was not taken behind the others. One whose message was taken back meanwhile stays away.
    pub(crate) fn put_copy_last(
        &self,
        sealer: &Sealer,
        position: u64,
        copy: &WaitingCopy,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            if !tables.is_copy_at(position, copy)? {
                return Ok(());
            }
            // Added first, so that its new position is a later one even when it is the last itself.
            tables.add_copy(copy)?;
            tables.remove_copy(position)
        })
    }

    /// The copies that wait, the oldest first, each with the position that [`Store::remove_copy`] takes.
    pub(crate) fn copies(&self, sealer: &Sealer, limit: usize) -> Result<Vec<(u64, WaitingCopy)>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let copies = transaction.open_table(COPIES).map_err(broken)?;
        let (first, last) = numbered_range(sealer, 0);
        let mut found = Vec::new();
        for entry in copies.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)?.take(limit) {
            let (key, sealed) = entry.map_err(broken)?;
            let row = sealer.open("inbox/copies/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            found.push((tables::number(key.value()), rows::decode_copy(&row).ok_or_else(unreadable)?));
        }
        Ok(found)
    }

    /// Does the copy with that hash still wait?
    pub(crate) fn has_copy(&self, sealer: &Sealer, hash: MessageHash) -> Result<bool, Error> {
        Ok(self.copies(sealer, usize::MAX)?.iter().any(|(_, copy)| copy.hash == hash))
    }

    /// Those of `items` whose hashes were not seen before.
    pub(crate) fn unseen(&self, sealer: &Sealer, items: Vec<Item>) -> Result<Vec<Item>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let seen = transaction.open_table(SEEN).map_err(broken)?;
        let mut unseen = Vec::new();
        for item in items {
            let key = sealer.key(Index::Hash, &[item.hash.as_bytes()]);
            if seen.get(&key).map_err(broken)?.is_none() {
                unseen.push(item);
            }
        }
        Ok(unseen)
    }

    /// Up to where a member was read.
    pub(crate) fn cursor(
        &self,
        sealer: &Sealer,
        node: ed25519::PublicKey,
        namespace: Namespace,
    ) -> Result<Option<MessageHash>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let cursors = transaction.open_table(CURSORS).map_err(broken)?;
        let key = rows::cursor_key(sealer, &node, namespace);
        let Some(sealed) = cursors.get(&key).map_err(broken)? else { return Ok(None) };
        let row = sealer.open("inbox/cursors/1", &key, sealed.value()).ok_or_else(unreadable)?;
        MessageHash::from_bytes(&row).map(Some).map_err(|_| unreadable())
    }

    /// The member that answered last.
    pub(crate) fn last_node(&self, sealer: &Sealer) -> Result<Option<ed25519::PublicKey>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let state = transaction.open_table(STATE).map_err(broken)?;
        let key = sealer.key(Index::State, &[b"last_node"]);
        let Some(sealed) = state.get(&key).map_err(broken)? else { return Ok(None) };
        let row = sealer.open("inbox/state/1", &key, sealed.value()).ok_or_else(unreadable)?;
        ed25519::PublicKey::from_slice(&row).map(Some).ok_or_else(unreadable)
    }

    /// At most `limit` messages with a number greater than `after`, in the order of their numbers.
    pub(crate) fn list(
        &self,
        sealer: &Sealer,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, Error> {
        self.list_of(MESSAGES, "inbox/messages/1", sealer, after, limit)
    }

    /// As [`Store::list`], of what is held.
    pub(crate) fn list_held(
        &self,
        sealer: &Sealer,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, Error> {
        self.list_of(HELD, "inbox/held/1", sealer, after, limit)
    }

    fn list_of(
        &self,
        table: TableDefinition<Numbered, &[u8]>,
        name: &str,
        sealer: &Sealer,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, Error> {
        let Some(next) = after.checked_add(1) else { return Ok(Vec::new()) };
        let transaction = self.database.begin_read().map_err(broken)?;
        let messages = transaction.open_table(table).map_err(broken)?;
        let (first, last) = numbered_range(sealer, next);
        let mut found = Vec::new();
        for entry in messages.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)?.take(limit) {
            let (key, sealed) = entry.map_err(broken)?;
            let row = sealer.open(name, key.value(), sealed.value()).ok_or_else(unreadable)?;
            found.push(Row::decode(&row).ok_or_else(unreadable)?.message);
        }
        Ok(found)
    }

    /// Runs `steps` in one transaction: all of it is on disk when this returns, or nothing.
    fn write<T>(&self, steps: impl FnOnce(&redb::WriteTransaction) -> Result<T, Error>) -> Result<T, Error> {
        let transaction = self.database.begin_write().map_err(broken)?;
        let outcome = steps(&transaction)?;
        transaction.commit().map_err(broken)?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests;
