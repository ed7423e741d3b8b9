//! Filing what a member of the swarm answered.

use std::collections::BTreeMap;

use redb::{ReadableDatabase as _, ReadableTable as _};
use starling_contracts::inbox::{Detail, Error, MessageKind, MessageRef, StoredMessage};
use starling_kernel::Entropy;
use starling_protocol::{crypto::ed25519, storage::MessageHash};

use super::{
    Cursor, REMEMBER_AT_LEAST_MS, REMEMBER_AT_MOST_MS, Store,
    rows::{self, Row},
    tables::{IDENTITIES, Tables, WRITTEN, broken},
};
use crate::{
    filing::{Item, Kept, Reason, Verdict},
    sealing::Sealer,
};

/// What one answer brought: committed as a whole, or not at all.
pub(crate) struct Batch {
    pub(crate) judged: Vec<(Item, Verdict)>,
    /// Where to go on reading; absent when the answer must not move the place.
    pub(crate) cursor: Option<Cursor>,
    /// Who answered.
    pub(crate) node: ed25519::PublicKey,
    /// Unix milliseconds.
    pub(crate) received_at: u64,
}

/// What came of a [`Batch`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filed {
    /// Kept, with their numbers, in the order of their times.
    pub(crate) new: Vec<StoredMessage>,
    /// Kept aside.
    pub(crate) held: usize,
    /// Known by hash, or by conversation, author and time.
    pub(crate) known: usize,
    /// Messages that were here, or came with the batch, and were taken back by their authors.
    pub(crate) taken_back: usize,
    /// Not kept, by reason.
    pub(crate) dropped: BTreeMap<Reason, usize>,
}

/// Where a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among those that are listed.
    Inbox,
    /// Aside.
    Held,
}

/// What is known of a message that came in, before it is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is here already, or was.
    Filed,
    /// Its author was never written to.
    OfStranger,
    /// Its author was written to.
    OfCorrespondent,
}

impl Store {
    /// Files what a member answered. When this returns, messages, what is known of them and the place are on disk together.
    pub(crate) fn file(&self, sealer: &Sealer, batch: Batch, entropy: &dyn Entropy) -> Result<Filed, Error> {
        let Batch { mut judged, cursor, node, received_at } = batch;
        // The oldest first; dropped items have no time and no number, so their order means nothing.
        judged.sort_by_key(|(item, verdict)| match verdict {
            Verdict::Keep(kept) | Verdict::Hold(kept) => kept.sent_at,
            Verdict::Drop(_) => item.stored_at,
        });
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            tables.learn_written()?;
            tables.forget_hashes(received_at)?;
            let mut filed = Filed::default();
            for (Item { hash, expires_at, .. }, verdict) in judged {
                if tables.knows_hash(&hash)? {
                    filed.known += 1;
                    continue;
                }
                let remember =
                    expires_at.clamp(received_at + REMEMBER_AT_LEAST_MS, received_at + REMEMBER_AT_MOST_MS);
                tables.remember_hash(&hash, remember)?;
                let (kept, place) = match verdict {
                    Verdict::Drop(reason) => {
                        *filed.dropped.entry(reason).or_default() += 1;
                        continue;
                    }
                    Verdict::Keep(kept) => (*kept, Place::Inbox),
                    Verdict::Hold(kept) => (*kept, Place::Held),
                };
                tables.admit(kept, hash, received_at, place, &mut filed)?;
            }
            if let Some(cursor) = cursor {
                tables.move_cursor(&cursor)?;
                tables.set_state("last_node", node.as_bytes())?;
            }
            Ok(filed)
        })
    }

    /// What is known of messages of these names, in their order.
    pub(crate) fn standing(
        &self,
        sealer: &Sealer,
        names: &[MessageRef],
        entropy: &dyn Entropy,
    ) -> Result<Vec<Standing>, Error> {
        if !self.has_learned_written(sealer)? {
            self.write(|transaction| Tables::open(transaction, sealer, entropy)?.learn_written())?;
        }
        let transaction = self.database.begin_read().map_err(broken)?;
        let identities = transaction.open_table(IDENTITIES).map_err(broken)?;
        let written = transaction.open_table(WRITTEN).map_err(broken)?;
        let standing = |name: &MessageRef| -> Result<Standing, Error> {
            if identities.get(&rows::name_key(sealer, name)).map_err(broken)?.is_some() {
                return Ok(Standing::Filed);
            }
            let author = rows::written_key(sealer, &name.author);
            Ok(match written.get(&author).map_err(broken)? {
                Some(_) => Standing::OfCorrespondent,
                None => Standing::OfStranger,
            })
        };
        names.iter().map(standing).collect()
    }
}

impl Tables<'_> {
    /// Files one message that was kept, and does what it asks for.
    fn admit(
        &mut self,
        mut kept: Kept,
        hash: MessageHash,
        received_at: u64,
        place: Place,
        filed: &mut Filed,
    ) -> Result<(), Error> {
        self.find_conversation(&mut kept)?;
        let identity = rows::identity_key(self.sealer, &kept, &hash);
        if self.identities.get(&identity).map_err(broken)?.is_some() {
            filed.known += 1;
            return Ok(());
        }
        if let Some(Detail::Deletion { target }) = &kept.detail
            && let Some(removed) = self.take_back(target, received_at)?
        {
            filed.taken_back += 1;
            filed.new.retain(|message| message.id != removed);
        }
        let added = self.add(&kept, hash, received_at, place)?;
        if kept.from == self.sealer.account() {
            self.mark_written(&kept.conversation)?;
        }
        match place {
            Place::Inbox => filed.new.extend(added),
            Place::Held => filed.held += 1,
        }
        Ok(())
    }

    /// Keeps a message; `None` when one of the same author and time is in its conversation already.
    pub(super) fn add(
        &mut self,
        kept: &Kept,
        hash: MessageHash,
        received_at: u64,
        place: Place,
    ) -> Result<Option<StoredMessage>, Error> {
        let identity = rows::identity_key(self.sealer, kept, &hash);
        if self.identities.get(&identity).map_err(broken)?.is_some() {
            return Ok(None);
        }
        let id = self.next_message()?;
        let mut message = rows::stored(kept, id, hash, received_at);
        message.is_request = self.is_of_stranger(kept)?;
        let row = Row { message, content: kept.content.clone() };
        match place {
            Place::Inbox => self.put_message(id, &row)?,
            Place::Held => self.put_held(id, &row)?,
        }
        self.identities.insert(&identity, id).map_err(broken)?;
        Ok(Some(row.message))
    }

    /// Is, or was, a message of that name here?
    pub(super) fn is_filed(&self, name: &MessageRef) -> Result<bool, Error> {
        let identity = rows::name_key(self.sealer, name);
        Ok(self.identities.get(&identity).map_err(broken)?.is_some())
    }

    fn is_of_stranger(&self, kept: &Kept) -> Result<bool, Error> {
        let is_somebodys = kept.kind != MessageKind::Unsupported && kept.from != self.sealer.account();
        Ok(is_somebodys && !self.is_written_to(&kept.from)?)
    }

    /// A request of another device of one's own to take a message back does not say in which conversation that is (messages §9):
    /// it is looked for in those that were written to.
    fn find_conversation(&self, kept: &mut Kept) -> Result<(), Error> {
        let own = self.sealer.account();
        let Some(Detail::Deletion { target }) = &mut kept.detail else { return Ok(()) };
        if kept.from != own || kept.conversation != own || self.is_filed(target)? {
            return Ok(());
        }
        for conversation in self.written_to()? {
            let candidate = MessageRef { conversation, ..*target };
            if self.is_filed(&candidate)? {
                *target = candidate;
                kept.conversation = conversation;
                break;
            }
        }
        Ok(())
    }
}
