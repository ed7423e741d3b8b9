//! The book of one plugin.

use std::sync::{Arc, MutexGuard};

use tracing::warn;

use super::{
    Aside, Draft, Ledger, LedgerError, Queued, Sending, Sent, Ticket, metrics,
    orders::{Delivery, Job},
    rows::Left,
    sealing::Sealer,
    shelf::{Core, Shelf},
    view::View,
};
use crate::call::Timer;

/// What one plugin of one account keeps. Clones share it.
///
/// Calls of a plugin do not overlap: of several drafts, only the one begun last can be accepted. What becomes of its outbox may be told
/// at any time, from anywhere.
#[derive(Clone)]
pub struct Book {
    pub(super) ledger: Ledger,
    pub(super) shelf: Arc<Shelf>,
}

/// What a call was for, which is done with when the call is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The start of that version.
    Started {
        /// The version, at most 1,024 bytes of which are kept.
        version: String,
    },
    /// The migration to that version.
    Migrated {
        /// The version.
        version: String,
    },
    /// A message of the inbox.
    Message {
        /// Its number there; messages with numbers up to this are done with.
        number: u64,
    },
    /// A timer that fired. It is removed, or fires again after its period, unless the call itself has set or cancelled it.
    Timer {
        /// Its name.
        name: String,
    },
    /// An event of the quarantine that was tried again.
    Quarantined {
        /// Its number there.
        number: u64,
    },
    /// An event that has no place in any order.
    Unnumbered,
}

impl Book {
    /// Begins a call, whose clock stands at `now_ms`.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while as many calls of the plugin wait to be written as may; or the file failed, and cannot be read.
    pub fn begin(&self, now_ms: u64) -> Result<Draft, LedgerError> {
        let mut core = self.core()?;
        self.shelf.forget_written(&mut core);
        let capacity = self.ledger.shared.in_flight;
        if core.n_in_flight() >= capacity {
            return Err(LedgerError::Busy { capacity });
        }
        core.turn += 1;
        Ok(Draft::new(self, &core, now_ms))
    }

    /// Number of the last message that an accepted call was for; 0 before the first.
    ///
    /// # Errors
    /// The file failed, and cannot be read.
    pub fn cursor(&self) -> Result<u64, LedgerError> {
        Ok(self.core()?.standing.place.cursor)
    }

    /// The version of the plugin that was started or migrated to last.
    ///
    /// # Errors
    /// The file failed, and cannot be read.
    pub fn version(&self) -> Result<Option<Arc<str>>, LedgerError> {
        let version = Arc::clone(&self.core()?.standing.place.version);
        Ok(Some(version).filter(|version| !version.is_empty()))
    }

    /// When the next timer fires, Unix milliseconds.
    ///
    /// # Errors
    /// The file failed, and cannot be read.
    pub fn next_due(&self) -> Result<Option<u64>, LedgerError> {
        Ok(self.core()?.next_due)
    }

    /// The timers that are due, the one that has waited longest first.
    ///
    /// # Errors
    /// The file failed, and cannot be read.
    pub fn due_timers(&self, now_ms: u64) -> Result<Vec<Timer>, LedgerError> {
        let core = self.core()?;
        if core.next_due.is_none_or(|due_at| due_at > now_ms) {
            return Ok(Vec::new());
        }
        let due = core.timers.iter().filter(|(_, firing)| firing.due_at <= now_ms);
        let mut due: Vec<_> = due
            .map(|(name, firing)| Timer {
                name: name.to_string(),
                due_at: firing.due_at,
                every: firing.every,
            })
            .collect();
        due.sort_by_key(|timer| timer.due_at);
        Ok(due)
    }

    /// What waits to be sent and is on disk, the oldest first; at most so many, from behind one of them on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn outgoing(&self, after: Option<Sending>, limit: usize) -> Result<Vec<Queued>, LedgerError> {
        self.read(|view, sealer| view.queued(sealer, after, limit))
    }

    /// A text was sent: it leaves the outbox, and can be taken back for 14 days. If the plugin took it back while it was being sent, its
    /// deletion takes its place.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn sent(&self, sending: Sending, sent_at: u64, conversation: &str) -> Result<Ticket, LedgerError> {
        self.deliver(sending, Delivery::Sent { sent_at, conversation: conversation.to_owned() })
    }

    /// A reaction or a deletion was sent: it leaves the outbox.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn done(&self, sending: Sending) -> Result<Ticket, LedgerError> {
        self.deliver(sending, Delivery::Done)
    }

    /// It could not be sent for now: one more attempt is counted.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn postpone(&self, sending: Sending) -> Result<Ticket, LedgerError> {
        self.deliver(sending, Delivery::Postponed)
    }

    /// It will never be sent, for that reason, and leaves the outbox. The reason is logged; it must tell nothing of what was written.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn give_up(&self, sending: Sending, reason: &str) -> Result<Ticket, LedgerError> {
        let ticket = self.deliver(sending, Delivery::GivenUp)?;
        warn!(plugin = &*self.shelf.name, sending = sending.0, reason, "given up sending");
        metrics::given_up(&self.shelf.name);
        Ok(ticket)
    }

    /// Where and when something was sent, if that is remembered.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find_sent(&self, sending: Sending) -> Result<Option<Sent>, LedgerError> {
        Ok(match self.read(|view, sealer| view.left(sealer, sending))? {
            Some(Left::Sent { sent_at, conversation }) => Some(Sent { conversation, sent_at }),
            Some(Left::Withdrawn { .. }) | None => None,
        })
    }

    /// Events in quarantine, the oldest first; at most so many. To try one again, call the plugin for it and accept with
    /// [`Done::Quarantined`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn quarantined(&self, limit: usize) -> Result<Vec<Aside>, LedgerError> {
        self.read(|view, sealer| view.asides(sealer, limit))
    }

    /// Removes an event from the quarantine.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn release(&self, number: u64) -> Result<Ticket, LedgerError> {
        self.ledger.shared.writer.submit(|| Job::Release { shelf: Arc::clone(&self.shelf), number })
    }

    /// Resolves when it is known of everything that was handed in before whether it was written; what was not is undone then.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn settle(&self) -> Result<Ticket, LedgerError> {
        self.ledger.shared.writer.submit(|| Job::Settle { shelf: Arc::clone(&self.shelf) })
    }

    fn deliver(&self, sending: Sending, delivery: Delivery) -> Result<Ticket, LedgerError> {
        let shelf = Arc::clone(&self.shelf);
        self.ledger.shared.writer.submit(|| Job::Deliver { shelf, sending, delivery })
    }

    pub(super) fn core(&self) -> Result<MutexGuard<'_, Core>, LedgerError> {
        self.shelf.fresh_core(&self.ledger.shared.held)
    }

    fn read<T>(&self, look: impl FnOnce(&View, &Sealer) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.ledger.shared.held.read(|view| look(view, &self.shelf.sealer))
    }
}
