//! Ending a call: its changes go to the writer, together with what it was for.

use std::{fmt, sync::Arc};

use starling_kernel::Entropy;

use super::{
    Book, Done, Draft, LedgerError, Outgoing, Ticket,
    changes::Changes,
    limits::MAX_TEXT_BYTES,
    orders::{Call, Job, NewAside},
    outgoing::OutboxRow,
    quarantine::Aside,
    rows::Firing,
    sealing::Sealer,
    shelf::{Core, Lazy, Standing},
    tables::{KEYS_NAME, KV_NAME, OUTBOX_NAME, QUARANTINE_NAME, TIMERS_NAME},
};
use crate::event::Event;

/// A draft that was not accepted. While the reason is [`LedgerError::Busy`], it can be tried again.
pub struct Unaccepted {
    /// Why.
    pub error: LedgerError,
    /// The draft.
    pub draft: Box<Draft>,
}

impl fmt::Debug for Unaccepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Unaccepted").field("error", &self.error).finish_non_exhaustive()
    }
}

/// What is written with a call beside its changes.
#[derive(Default)]
struct Beside {
    /// Does somebody wait for it to be written?
    is_awaited: bool,
    released: Option<u64>,
    aside: Option<(u64, Vec<u8>)>,
}

impl Book {
    /// Hands in what a call changed, and that what it was for is done with. The next draft sees it at once; the ticket resolves when it is
    /// on disk, or at once if there is nothing but a place that moved.
    ///
    /// # Errors
    /// [`LedgerError::Busy`]; [`LedgerError::Outdated`] when a draft was begun after this one; [`LedgerError::Undone`] when an earlier
    /// call, which this one may have seen, was not written; the error of a read of the draft that failed, as the guest then did not see
    /// what is there; [`LedgerError::Closed`].
    pub fn accept(&self, draft: Draft, done: &Done) -> Result<Ticket, Unaccepted> {
        let mut draft = draft;
        self.try_accept(&mut draft, done).map_err(|error| Unaccepted { error, draft: Box::new(draft) })
    }

    fn try_accept(&self, draft: &mut Draft, done: &Done) -> Result<Ticket, LedgerError> {
        if let Some(error) = &draft.failed {
            return Err(error.clone());
        }
        let mut core = self.core()?;
        if core.epoch != draft.epoch {
            return Err(LedgerError::Undone);
        }
        if core.turn != draft.turn || !Arc::ptr_eq(&self.shelf, &draft.book.shelf) {
            return Err(LedgerError::Outdated);
        }
        let ticket = self.hand_in(&mut core, draft, done, Beside::default())?;
        // Whatever comes now is another call.
        core.turn += 1;
        Ok(ticket)
    }

    /// Passes over an event for which the plugin need not be called. As accepting a draft without changes.
    ///
    /// # Errors
    /// As of [`Book::begin`] and [`Book::accept`].
    pub fn pass(&self, now_ms: u64, done: &Done) -> Result<Ticket, LedgerError> {
        let mut draft = self.begin(now_ms)?;
        self.try_accept(&mut draft, done)
    }

    /// Puts an event into quarantine that could not be handled; it is done with at the same time. When there are more than may be, the
    /// oldest goes, and is counted. Messages up to the one with the number `behind` have to be done with.
    ///
    /// # Errors
    /// As of [`Book::begin`] and [`Book::accept`]; [`LedgerError::Undone`] when such a message is not done with after all.
    pub fn quarantine(
        &self,
        now_ms: u64,
        done: &Done,
        event: &Event,
        reason: &str,
        attempts: u32,
        behind: u64,
    ) -> Result<Ticket, LedgerError> {
        let mut draft = self.begin(now_ms)?;
        let row = Aside::encode(now_ms, event, reason, attempts);
        let mut core = self.core()?;
        if core.epoch != draft.epoch || core.standing.place.cursor < behind {
            return Err(LedgerError::Undone);
        }
        let number = core.standing.place.next_aside;
        self.hand_in(&mut core, &mut draft, done, Beside { aside: Some((number, row)), ..Beside::default() })
    }

    fn hand_in(
        &self,
        core: &mut Core,
        draft: &mut Draft,
        done: &Done,
        mut beside: Beside,
    ) -> Result<Ticket, LedgerError> {
        let mut standing = Standing { keys: draft.keys, bytes: draft.bytes, ..core.standing.clone() };
        match done {
            Done::Started { version } | Done::Migrated { version } => {
                let version = &version[..version.floor_char_boundary(MAX_TEXT_BYTES)];
                if *standing.place.version != *version {
                    standing.place.version = version.into();
                }
            }
            Done::Message { number } => standing.place.cursor = standing.place.cursor.max(*number),
            Done::Timer { name } => fire(core, &mut draft.changes, name, draft.now_ms),
            Done::Quarantined { number } => beside.released = Some(*number),
            Done::Unnumbered => {}
        }
        if let Some((number, _)) = beside.aside {
            standing.place.next_aside = number + 1;
        }
        standing.place.next_sending = core.next_sending;
        let is_lazy = draft.changes.is_empty() && beside.released.is_none() && beside.aside.is_none();
        if is_lazy && standing.place.version == core.standing.place.version {
            self.leave(core, standing);
            return Ok(Ticket::known());
        }
        standing.timers = draft.changes.n_timers(&core.timers) as u64;
        let call = core.last_call + 1;
        // What is sent leaves when it is on disk. All else can wait until there is more of it.
        beside.is_awaited = match done {
            Done::Started { .. } | Done::Migrated { .. } | Done::Quarantined { .. } => true,
            Done::Message { .. } | Done::Timer { .. } | Done::Unnumbered => draft.changes.is_to_be_sent(),
        };
        let ticket = self.ledger.shared.writer.submit(|| {
            self.shelf.supersede_lazy();
            Job::Call(Box::new(self.seal(core, draft, call, &standing, beside)))
        })?;
        core.push(call, std::mem::take(&mut draft.changes), standing);
        Ok(ticket)
    }

    /// The place moves, which is written by and by.
    fn leave(&self, core: &mut Core, standing: Standing) {
        core.move_on(standing.clone());
        let epoch = core.epoch.unwrap_or_default();
        if self.shelf.leave(Lazy { epoch, after: core.last_in_flight(), standing }) {
            self.ledger.shared.writer.note_left(&self.shelf);
        }
    }

    fn seal(&self, core: &Core, draft: &Draft, number: u64, standing: &Standing, beside: Beside) -> Call {
        let (sealer, entropy) = (&self.shelf.sealer, &*self.ledger.shared.entropy);
        let Changes { values, timers, sends, withdrawn } = &draft.changes;
        let mut sealed_values = Vec::with_capacity(values.len());
        let mut sealed_keys = Vec::new();
        for (key, change) in values {
            let tagged = sealer.tagged(KV_NAME, key);
            let value = change.value.as_ref().map(|value| sealer.seal(KV_NAME, &tagged, value, entropy));
            if value.is_some() != change.was_there {
                let is_there = value.is_some();
                let key = is_there.then(|| sealer.seal(KEYS_NAME, &tagged, key.as_bytes(), entropy));
                sealed_keys.push((tagged, key));
            }
            sealed_values.push((tagged, value));
        }
        let seal_timer = |name: &str, firing: &Option<Firing>| {
            let tagged = sealer.tagged(TIMERS_NAME, name);
            let row = firing.map(|firing| sealer.seal(TIMERS_NAME, &tagged, &firing.encode(name), entropy));
            (tagged, row)
        };
        let seal_send = |(number, outgoing): &(u64, Outgoing)| {
            let key = sealer.numbered(*number);
            let row = OutboxRow::encode(draft.now_ms, outgoing);
            (key, sealer.seal(OUTBOX_NAME, &key, &row, entropy))
        };
        let at_most = core.quotas.quarantined;
        Call {
            shelf: Arc::clone(&self.shelf),
            epoch: core.epoch.unwrap_or_default(),
            number,
            now_ms: draft.now_ms,
            standing: standing.clone(),
            values: sealed_values,
            keys: sealed_keys,
            timers: timers.iter().map(|(name, firing)| seal_timer(name, firing)).collect(),
            sends: sends.iter().map(seal_send).collect(),
            withdrawn: withdrawn.iter().copied().collect(),
            released: beside.released,
            aside: beside.aside.map(|(number, row)| seal_aside(sealer, number, &row, at_most, entropy)),
            is_awaited: beside.is_awaited,
        }
    }
}

fn seal_aside(sealer: &Sealer, number: u64, row: &[u8], at_most: u64, entropy: &dyn Entropy) -> NewAside {
    let key = sealer.numbered(number);
    NewAside { key, sealed: sealer.seal(QUARANTINE_NAME, &key, row, entropy), at_most }
}

/// A timer has fired, unless the call itself has decided what becomes of it.
fn fire(core: &Core, changes: &mut Changes, name: &str, now_ms: u64) {
    if changes.timers.contains_key(name) {
        return;
    }
    if let Some(firing) = core.timers.get(name) {
        changes.timers.insert(name.into(), firing.after_firing(now_ms));
    }
}
