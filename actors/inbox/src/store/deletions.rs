//! Messages that were taken back: gone from here at once, and from the own swarm as soon as it can be asked.

use redb::{ReadableDatabase as _, ReadableTable as _};
use starling_contracts::inbox::{Error, MessageRef};
use starling_protocol::storage::MessageHash;

use super::{
    DAY_MS, Store,
    rows::{self, Row},
    tables::{
        DELETIONS, IDENTITIES, NUMBERED_LEN, PENDING, Tables, broken, last_number, number, numbered,
        numbered_range, unreadable,
    },
};
use crate::sealing::Sealer;

/// The longest that a swarm keeps what anybody may store.
const KEPT_MS: u64 = 14 * DAY_MS;

/// A copy in the own swarm that is to be deleted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// What the swarm names it.
    pub(crate) hash: MessageHash,
    /// After that time, Unix milliseconds, the swarm has forgotten it anyway.
    pub(crate) until: u64,
}

impl Store {
    /// Is there a message of that name, here, gone from here, or on its way?
    pub(crate) fn has_named(&self, sealer: &Sealer, name: &MessageRef) -> Result<bool, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let identities = transaction.open_table(IDENTITIES).map_err(broken)?;
        if identities.get(&rows::name_key(sealer, name)).map_err(broken)?.is_some() {
            return Ok(true);
        }
        let pending = transaction.open_table(PENDING).map_err(broken)?;
        let key = numbered(sealer, name.sent_at);
        let Some(sealed) = pending.get(&key).map_err(broken)? else { return Ok(false) };
        let row = sealer.open("inbox/pending/1", &key, sealed.value()).ok_or_else(unreadable)?;
        let pending = rows::decode_pending(&row).ok_or_else(unreadable)?;
        Ok(pending.kept.name() == *name)
    }

    /// What is to be deleted in the own swarm, the oldest first, each with the position that [`Store::remove_deletions`] takes.
    pub(crate) fn deletions(&self, sealer: &Sealer, limit: usize) -> Result<Vec<(u64, Deletion)>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let deletions = transaction.open_table(DELETIONS).map_err(broken)?;
        let (first, last) = numbered_range(sealer, 0);
        let mut found = Vec::new();
        for entry in deletions.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)?.take(limit) {
            let (key, sealed) = entry.map_err(broken)?;
            let row = sealer.open("inbox/deletions/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            found.push((number(key.value()), rows::decode_deletion(&row).ok_or_else(unreadable)?));
        }
        Ok(found)
    }

    /// Takes out what was deleted, or need not be any more.
    pub(crate) fn remove_deletions(&self, sealer: &Sealer, positions: &[u64]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut deletions = transaction.open_table(DELETIONS).map_err(broken)?;
            for position in positions {
                deletions.remove(&numbered(sealer, *position)).map_err(broken)?;
            }
            Ok(())
        })
    }
}

impl Tables<'_> {
    /// Removes the message of that name, listed or held, with what waits of it, and puts its copy in the own swarm down for
    /// deletion. Answers with its number; `None` when it is not here. Its identity stays, so that it does not come again.
    pub(super) fn take_back(&mut self, name: &MessageRef, now: u64) -> Result<Option<u64>, Error> {
        let identity = rows::name_key(self.sealer, name);
        let Some(id) = self.identities.get(&identity).map_err(broken)?.map(|id| id.value()) else {
            return Ok(None);
        };
        let removed = match self.remove_message(id)? {
            Some(row) => Some(row),
            None => self.remove_held(id)?,
        };
        let Some(Row { message, .. }) = removed else { return Ok(None) };
        self.remove_copy_of(&message.hash)?;
        self.add_deletion(&Deletion { hash: message.hash, until: now.saturating_add(KEPT_MS) })?;
        Ok(Some(id))
    }

    fn remove_message(&mut self, id: u64) -> Result<Option<Row>, Error> {
        let key = numbered(self.sealer, id);
        let row = match self.messages.remove(&key).map_err(broken)? {
            None => return Ok(None),
            Some(sealed) => {
                let row =
                    self.sealer.open("inbox/messages/1", &key, sealed.value()).ok_or_else(unreadable)?;
                Row::decode(&row).ok_or_else(unreadable)?
            }
        };
        self.note_removed(id)?;
        Ok(Some(row))
    }

    /// A number is not given twice.
    pub(super) fn note_removed(&mut self, id: u64) -> Result<(), Error> {
        if self.last_removed()? < id {
            self.set_state("last_removed", &id.to_le_bytes())?;
        }
        Ok(())
    }

    /// A copy that still waits for the own swarm need not go there any more.
    fn remove_copy_of(&mut self, hash: &MessageHash) -> Result<(), Error> {
        let (first, last) = numbered_range(self.sealer, 0);
        let mut position = None;
        for entry in self.copies.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)? {
            let (key, sealed) = entry.map_err(broken)?;
            let row =
                self.sealer.open("inbox/copies/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            if rows::decode_copy(&row).ok_or_else(unreadable)?.hash == *hash {
                position = Some(number(key.value()));
                break;
            }
        }
        position.map_or(Ok(()), |position| self.remove_copy(position))
    }

    fn add_deletion(&mut self, deletion: &Deletion) -> Result<(), Error> {
        let position = last_number(&self.deletions, self.sealer)?.map_or(0, |last| last + 1);
        let key = numbered(self.sealer, position);
        let row = rows::encode_deletion(deletion);
        let sealed = self.sealer.seal("inbox/deletions/1", &key, &row, self.entropy);
        self.deletions.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }
}
