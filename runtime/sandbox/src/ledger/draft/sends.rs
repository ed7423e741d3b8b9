//! What the call sends.

use super::Draft;
use crate::{
    call::MessageRef,
    ledger::{
        DraftError, LedgerError, Outgoing, Sending,
        limits::{MAX_ADDRESS_BYTES, MAX_BODY_BYTES, QUEUE_RETRY_MS, SENT_KEPT_MS},
        rows::Left,
    },
};

impl Draft {
    /// Queues a text.
    ///
    /// # Errors
    /// More than one call may send, a full outbox, an argument beyond any sensible length; or the file cannot be read.
    pub fn send(&mut self, to: &str, body: &str) -> Result<Sending, DraftError> {
        check_len("a conversation", to, MAX_ADDRESS_BYTES)?;
        check_len("a text", body, MAX_BODY_BYTES)?;
        self.queue(|| Outgoing::Send { to: to.to_owned(), body: body.to_owned() })
    }

    /// Queues a text that quotes a message.
    ///
    /// # Errors
    /// As of [`Draft::send`].
    pub fn reply(&mut self, to: &MessageRef, body: &str) -> Result<Sending, DraftError> {
        check_message(to)?;
        check_len("a text", body, MAX_BODY_BYTES)?;
        self.queue(|| Outgoing::Reply { to: to.clone(), body: body.to_owned() })
    }

    /// Queues an emoji on a message, or takes one off. It cannot be taken back by its name.
    ///
    /// # Errors
    /// As of [`Draft::send`].
    pub fn react(&mut self, to: &MessageRef, emoji: &str, remove: bool) -> Result<Sending, DraftError> {
        check_message(to)?;
        check_len("an emoji", emoji, MAX_ADDRESS_BYTES)?;
        self.queue(|| Outgoing::React { to: to.clone(), emoji: emoji.to_owned(), remove })
    }

    /// Takes back a text that the plugin sent in this call or an earlier one. One that is queued leaves the queue; one that was sent is
    /// deleted for everybody.
    ///
    /// # Errors
    /// [`DraftError::NotFound`] when there is no such text, or it was taken back already or sent more than 14 days ago; or the file
    /// cannot be read.
    pub fn delete_own(&mut self, sending: &str) -> Result<(), DraftError> {
        let Ok(sending) = sending.parse::<Sending>() else { return Err(DraftError::NotFound) };
        let is_own = |(number, outgoing): &(u64, Outgoing)| *number == sending.0 && outgoing.is_text();
        if let Some(index) = self.changes.sends.iter().position(is_own) {
            self.changes.sends.remove(index);
            return Ok(());
        }
        if self.changes.withdrawn.contains(&sending.0) {
            return Err(DraftError::NotFound);
        }
        match self.fate(sending)? {
            Fate::Withdrawable => {
                self.changes.withdrawn.insert(sending.0);
                Ok(())
            }
            Fate::Deleted => Ok(()),
            Fate::Unknown => Err(DraftError::NotFound),
        }
    }

    /// What has become of something that an earlier call sent.
    fn fate(&mut self, sending: Sending) -> Result<Fate, LedgerError> {
        let core = self.shelf().core();
        let (is_withdrawn, is_new) = (core.has_withdrawn(sending.0), core.has_text(sending.0));
        drop(core);
        if is_withdrawn || is_new {
            return Ok(if is_withdrawn { Fate::Unknown } else { Fate::Withdrawable });
        }
        let (queued, left) = self.read(|view, shelf| {
            Ok((view.queued_one(&shelf.sealer, sending)?, view.left(&shelf.sealer, sending)?))
        })?;
        Ok(match (queued.map(|queued| queued.outgoing), left) {
            (Some(Outgoing::Send { .. } | Outgoing::Reply { .. }), _) => Fate::Withdrawable,
            (Some(Outgoing::Delete { .. }), _) => Fate::Deleted,
            (None, Some(Left::Sent { sent_at, .. }))
                if self.now_ms.saturating_sub(sent_at) <= SENT_KEPT_MS =>
            {
                Fate::Withdrawable
            }
            _ => Fate::Unknown,
        })
    }

    /// May the call send one more?
    ///
    /// # Errors
    /// It has sent as much as one may, or too much waits to be sent; or the file cannot be read.
    pub fn may_send(&mut self) -> Result<(), DraftError> {
        if self.n_sends >= self.quotas.sends_per_call {
            return Err(DraftError::used_up("messages in one call"));
        }
        if self.n_queued()? + self.changes.sends.len() as u64 >= self.quotas.queued {
            return Err(DraftError::QuotaExceeded {
                of: "messages that wait",
                retry_after_ms: QUEUE_RETRY_MS,
            });
        }
        Ok(())
    }

    fn queue(&mut self, outgoing: impl FnOnce() -> Outgoing) -> Result<Sending, DraftError> {
        self.may_send()?;
        let number = {
            let mut core = self.shelf().core();
            let number = core.next_sending;
            core.next_sending += 1;
            number
        };
        self.n_sends += 1;
        self.changes.sends.push((number, outgoing()));
        Ok(Sending(number))
    }

    /// What earlier calls have queued, on disk and on its way there. Something that is just getting there may be counted twice.
    fn n_queued(&mut self) -> Result<u64, LedgerError> {
        if let Some(n_queued) = self.n_queued {
            return Ok(n_queued);
        }
        let on_disk = self.read(|view, shelf| view.n_queued(&shelf.name, &shelf.sealer))?;
        let n_queued = on_disk + self.shelf().core().n_sends();
        Ok(*self.n_queued.insert(n_queued))
    }
}

enum Fate {
    Withdrawable,
    Deleted,
    Unknown,
}

fn check_message(message: &MessageRef) -> Result<(), DraftError> {
    check_len("a conversation", &message.conversation, MAX_ADDRESS_BYTES)?;
    check_len("an author", &message.author, MAX_ADDRESS_BYTES)
}

fn check_len(what: &str, text: &str, most: usize) -> Result<(), DraftError> {
    match text.len() {
        len if len <= most => Ok(()),
        len => Err(DraftError::InvalidArgument(format!("{what} has at most {most} bytes, and not {len}"))),
    }
}
