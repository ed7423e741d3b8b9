//! What becomes of what was queued.

use std::sync::Arc;

use redb::ReadableTable as _;

use super::Batch;
use crate::ledger::{
    LedgerError, Outgoing, Sending,
    limits::SENT_KEPT_MS,
    orders::Delivery,
    outgoing::OutboxRow,
    rows::Left,
    sealing::{Numbered, Sealer},
    shelf::Shelf,
    tables::{OUTBOX_NAME, SENT_NAME},
    view::{open_left, open_queued},
};

/// Most rows that remember sent messages that one delivery forgets.
const SWEPT_AT_ONCE: usize = 32;

impl Batch<'_> {
    /// Takes a message back: out of the queue, or, once it was sent, by a deletion.
    pub(super) fn withdraw(
        &mut self,
        shelf: &Arc<Shelf>,
        number: u64,
        now_ms: u64,
    ) -> Result<(), LedgerError> {
        let key = shelf.sealer.numbered(number);
        let queued = self.tables.outbox.get(&key)?.map(|row| open_queued(&shelf.sealer, &key, row.value()));
        match queued.transpose()? {
            Some(queued) if queued.outgoing.is_text() => {
                self.tables.outbox.remove(&key)?;
                self.page(shelf)?.usage.take_queued();
                // It may be on its way at this moment; should it be sent, it is deleted.
                self.remember(&shelf.sealer, number, &Left::Withdrawn { at: now_ms })
            }
            // It is being deleted already.
            Some(_) => Ok(()),
            None => match self.left(shelf, number)? {
                Some(Left::Sent { sent_at, conversation }) => {
                    self.queue_deletion(shelf, number, now_ms, conversation, sent_at)
                }
                Some(Left::Withdrawn { .. }) | None => Ok(()),
            },
        }
    }

    pub(super) fn deliver(
        &mut self,
        shelf: &Arc<Shelf>,
        sending: Sending,
        delivery: &Delivery,
    ) -> Result<(), LedgerError> {
        let key = shelf.sealer.numbered(sending.0);
        let row = self.tables.outbox.get(&key)?.map(|row| row.value().to_vec());
        let queued = row.as_deref().map(|row| open_queued(&shelf.sealer, &key, row)).transpose()?;
        match (delivery, &queued) {
            (Delivery::Postponed, Some(queued)) => {
                let attempts = queued.attempts.saturating_add(1);
                let mut row = row.unwrap_or_default();
                row[..4].copy_from_slice(&attempts.to_be_bytes());
                self.tables.outbox.insert(&key, row.as_slice())?;
                self.is_changed = true;
            }
            (Delivery::Sent { sent_at, conversation }, _) => {
                self.sent(
                    shelf,
                    sending,
                    queued.as_ref().map(|queued| &queued.outgoing),
                    *sent_at,
                    conversation,
                )?;
            }
            (Delivery::Done, Some(queued)) => {
                if matches!(queued.outgoing, Outgoing::Delete { .. }) {
                    self.tables.sent.remove(&key)?;
                }
                self.unqueue(shelf, sending)?;
            }
            (Delivery::GivenUp, Some(_)) => self.unqueue(shelf, sending)?,
            // It was taken back meanwhile, or the plugin was removed.
            (Delivery::Postponed | Delivery::Done | Delivery::GivenUp, None) => {}
        }
        Ok(())
    }

    fn sent(
        &mut self,
        shelf: &Arc<Shelf>,
        sending: Sending,
        queued: Option<&Outgoing>,
        sent_at: u64,
        conversation: &str,
    ) -> Result<(), LedgerError> {
        let conversation = conversation.to_owned();
        let left = Left::Sent { sent_at, conversation: conversation.clone() };
        match queued {
            // That it was sent is known, and it is to be deleted.
            Some(Outgoing::Delete { .. }) => return Ok(()),
            Some(outgoing) => {
                self.unqueue(shelf, sending)?;
                if outgoing.is_text() {
                    self.remember(&shelf.sealer, sending.0, &left)?;
                }
            }
            None if matches!(self.left(shelf, sending.0)?, Some(Left::Withdrawn { .. })) => {
                self.remember(&shelf.sealer, sending.0, &left)?;
                self.queue_deletion(shelf, sending.0, sent_at, conversation, sent_at)?;
            }
            None => return Ok(()),
        }
        self.is_changed = true;
        self.sweep(&shelf.sealer, sent_at)
    }

    fn unqueue(&mut self, shelf: &Arc<Shelf>, sending: Sending) -> Result<(), LedgerError> {
        self.is_changed = true;
        self.tables.outbox.remove(&shelf.sealer.numbered(sending.0))?;
        self.page(shelf)?.usage.take_queued();
        Ok(())
    }

    fn queue_deletion(
        &mut self,
        shelf: &Arc<Shelf>,
        number: u64,
        queued_at: u64,
        conversation: String,
        sent_at: u64,
    ) -> Result<(), LedgerError> {
        let key = shelf.sealer.numbered(number);
        let row = OutboxRow::encode(queued_at, &Outgoing::Delete { conversation, sent_at });
        let sealed = shelf.sealer.seal(OUTBOX_NAME, &key, &row, self.entropy);
        self.tables.outbox.insert(&key, [&0_u32.to_be_bytes(), sealed.as_slice()].concat().as_slice())?;
        self.page(shelf)?.usage.queued += 1;
        Ok(())
    }

    fn left(&self, shelf: &Shelf, number: u64) -> Result<Option<Left>, LedgerError> {
        let key = shelf.sealer.numbered(number);
        self.tables.sent.get(&key)?.map(|row| open_left(&shelf.sealer, &key, row.value())).transpose()
    }

    fn remember(&mut self, sealer: &Sealer, number: u64, left: &Left) -> Result<(), LedgerError> {
        let key = sealer.numbered(number);
        let sealed = sealer.seal(SENT_NAME, &key, &left.encode(), self.entropy);
        self.tables.sent.insert(&key, sealed.as_slice())?;
        Ok(())
    }

    /// Forgets messages that are too old to be taken back, the first ones first.
    fn sweep(&mut self, sealer: &Sealer, now_ms: u64) -> Result<(), LedgerError> {
        let (first, last) = (sealer.numbered(0), sealer.numbered(u64::MAX));
        let mut old = Vec::new();
        for row in self.tables.sent.range::<&Numbered>(&first..=&last)?.take(SWEPT_AT_ONCE) {
            let (key, sealed) = row?;
            let left = open_left(sealer, key.value(), sealed.value())?;
            if now_ms.saturating_sub(left.at()) <= SENT_KEPT_MS {
                break;
            }
            old.push(*key.value());
        }
        for key in old {
            self.tables.sent.remove(&key)?;
        }
        Ok(())
    }
}
