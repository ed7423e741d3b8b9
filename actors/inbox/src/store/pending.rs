//! Messages on their way: on disk before a swarm is offered them, and gone once it is known what became of them.

use redb::{ReadableDatabase as _, ReadableTable as _};
use starling_contracts::inbox::{Detail, Error, MessageRef};
use starling_kernel::Entropy;
use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace, message_hash},
};

use super::{
    Place, REMEMBER_AT_MOST_MS, Store, WaitingCopy,
    rows::{self, Row},
    tables::{NUMBERED_LEN, PENDING, Tables, broken, little_endian, numbered, numbered_range, unreadable},
};
use crate::{filing::Kept, outgoing::Packet, sealing::Sealer};

/// A time further ahead of the network's is a mistake, and holds nothing up.
pub(crate) const AHEAD_MS: u64 = 60_000;

/// A message that a swarm may have. Its time, which no other message of the account has, is its key.
#[derive(Clone, PartialEq)]
pub(crate) struct Pending {
    /// What is kept here once it is sent.
    pub(crate) kept: Kept,
    /// The sealed bytes for the recipient; absent in a note to oneself.
    pub(crate) peer: Option<Vec<u8>>,
    /// The sealed bytes for the own swarm.
    pub(crate) copy: Vec<u8>,
    /// How often it was offered again.
    pub(crate) rounds: u8,
}

impl Pending {
    /// What goes to the recipient's swarm.
    pub(crate) fn packet(&self) -> Packet {
        match &self.peer {
            Some(data) => Packet::new(self.kept.conversation, data.clone()),
            None => Packet::new(self.kept.from, self.copy.clone()),
        }
    }

    /// What the own swarm will name the copy.
    pub(crate) fn copy_hash(&self) -> MessageHash {
        message_hash(&self.kept.from, Namespace::DEFAULT, &self.copy)
    }
}

impl Store {
    /// Takes the next time for a message: `now`, but later than any taken before. Returns the last one before, and it.
    ///
    /// When the last one is far ahead of `now`, only the times count that messages of `own` really bear.
    pub(crate) fn take_time(
        &self,
        sealer: &Sealer,
        own: &AccountId,
        now: u64,
        entropy: &dyn Entropy,
    ) -> Result<(u64, u64), Error> {
        let latest = now.saturating_add(AHEAD_MS);
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            let before = tables.last_time()?;
            let floor = if before <= latest { before } else { tables.last_borne(own, latest)? };
            let taken = now.max(floor.saturating_add(1));
            tables.set_state("last_time", &taken.to_le_bytes())?;
            Ok((before, taken))
        })
    }

    /// Writes a message down, or anew.
    pub(crate) fn put_pending(
        &self,
        sealer: &Sealer,
        message: &Pending,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let key = numbered(sealer, message.kept.sent_at);
            let sealed = sealer.seal("inbox/pending/1", &key, &rows::encode_pending(message), entropy);
            let mut pending = transaction.open_table(PENDING).map_err(broken)?;
            pending.insert(&key, sealed.as_slice()).map_err(broken)?;
            Ok(())
        })
    }

    /// Everything that is pending, in the order of its times.
    pub(crate) fn pending(&self, sealer: &Sealer) -> Result<Vec<Pending>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let pending = transaction.open_table(PENDING).map_err(broken)?;
        let (first, last) = numbered_range(sealer, 0);
        let mut found = Vec::new();
        for entry in pending.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)? {
            let (key, sealed) = entry.map_err(broken)?;
            let row = sealer.open("inbox/pending/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            found.push(rows::decode_pending(&row).ok_or_else(unreadable)?);
        }
        Ok(found)
    }

    /// A swarm has it: keeps the message under the hash of its copy, and the copy until it is stored too, unless it is a note
    /// to oneself, which is its own copy. What it takes back is removed.
    pub(crate) fn commit_pending(
        &self,
        sealer: &Sealer,
        message: &Pending,
        received_at: u64,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        let hash = message.copy_hash();
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            tables.learn_written()?;
            tables.remove_pending(message.kept.sent_at)?;
            // The copy comes back with the next poll, and may be stored anew until it does.
            tables.remember_hash(&hash, received_at + REMEMBER_AT_MOST_MS)?;
            if let Some(Detail::Deletion { target }) = &message.kept.detail {
                tables.remove_pending_named(target)?;
                tables.take_back(target, received_at)?;
            }
            tables.add(&message.kept, hash, received_at, Place::Inbox)?;
            tables.mark_written(&message.kept.conversation)?;
            if message.peer.is_some() {
                tables.add_copy(&WaitingCopy { hash, data: message.copy.clone() })?;
            }
            Ok(())
        })
    }

    /// Forgets the message of a time. With `before`, the last time before it, no message bears the time: it is given back,
    /// unless a later one was taken since.
    pub(crate) fn discard_pending(
        &self,
        sealer: &Sealer,
        sent_at: u64,
        before: Option<u64>,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            tables.remove_pending(sent_at)?;
            if let Some(before) = before
                && tables.last_time()? == sent_at
            {
                tables.set_state("last_time", &before.to_le_bytes())?;
            }
            Ok(())
        })
    }
}

impl Tables<'_> {
    fn last_time(&self) -> Result<u64, Error> {
        self.state("last_time")?.map_or(Ok(0), |bytes| little_endian(&bytes))
    }

    /// The message of that name, if it is pending.
    pub(super) fn pending_named(&self, name: &MessageRef) -> Result<Option<Pending>, Error> {
        let key = numbered(self.sealer, name.sent_at);
        let Some(sealed) = self.pending.get(&key).map_err(broken)? else { return Ok(None) };
        let row = self.sealer.open("inbox/pending/1", &key, sealed.value()).ok_or_else(unreadable)?;
        let pending = rows::decode_pending(&row).ok_or_else(unreadable)?;
        Ok(Some(pending).filter(|pending| pending.kept.name() == *name))
    }

    fn remove_pending_named(&mut self, name: &MessageRef) -> Result<(), Error> {
        match self.pending_named(name)? {
            Some(pending) => self.remove_pending(pending.kept.sent_at),
            None => Ok(()),
        }
    }

    /// The last time not after `latest` that a message of `own` bears, sent or pending.
    fn last_borne(&self, own: &AccountId, latest: u64) -> Result<u64, Error> {
        let mut last = 0;
        let (first, end) = numbered_range(self.sealer, 0);
        for entry in self.messages.range::<&[u8; NUMBERED_LEN]>(&first..=&end).map_err(broken)? {
            let (key, sealed) = entry.map_err(broken)?;
            let row =
                self.sealer.open("inbox/messages/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            let message = Row::decode(&row).ok_or_else(unreadable)?.message;
            if message.from == *own && message.sent_at <= latest {
                last = last.max(message.sent_at);
            }
        }
        let (first, end) = (numbered(self.sealer, 0), numbered(self.sealer, latest));
        let mut pending = self.pending.range::<&[u8; NUMBERED_LEN]>(&first..=&end).map_err(broken)?;
        if let Some(entry) = pending.next_back() {
            last = last.max(super::tables::number(entry.map_err(broken)?.0.value()));
        }
        Ok(last)
    }
}
