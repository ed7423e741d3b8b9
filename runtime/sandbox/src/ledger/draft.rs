//! A call in the making: answers what the guest asks of its store, and takes what it changes.
//!
//! Reads see the draft's own changes, then those of earlier calls that are not on disk yet, then the disk. The snapshot of the disk is
//! taken at the first read that needs one, and kept for the call.

mod sends;
mod timers;
mod values;

use std::sync::Arc;

use super::{
    Book, DraftError, LedgerError, Quotas,
    changes::Changes,
    limits::MAX_NAME_BYTES,
    shelf::{Core, Shelf},
    view::View,
};

/// A call of a plugin that has not ended yet. Dropping it undoes the call.
pub struct Draft {
    pub(super) book: Book,
    pub(super) epoch: Option<u64>,
    pub(super) turn: u64,
    pub(super) now_ms: u64,
    pub(super) keys: u64,
    pub(super) bytes: u64,
    pub(super) changes: Changes,
    quotas: Quotas,
    view: Option<Arc<View>>,
    /// What the call has written to its store so far, even if it wrote over that; and what calls before it in the same draft have.
    n_writes: u64,
    n_writes_before: u64,
    has_write_quota: bool,
    /// Why a read failed, if one did.
    pub(super) failed: Option<LedgerError>,
    /// What the call has queued so far, even if it took that back.
    n_sends: usize,
    /// What was queued before, once somebody asked.
    n_queued: Option<u64>,
}

impl Draft {
    pub(super) fn new(book: &Book, core: &Core, now_ms: u64) -> Self {
        Self {
            book: book.clone(),
            epoch: core.epoch,
            turn: core.turn,
            now_ms,
            keys: core.standing.keys,
            bytes: core.standing.bytes,
            changes: Changes::default(),
            quotas: core.quotas,
            view: None,
            n_writes: 0,
            n_writes_before: 0,
            has_write_quota: true,
            failed: None,
            n_sends: 0,
            n_queued: None,
        }
    }

    /// The time at which the call's clock stands, Unix milliseconds.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Has the call changed nothing so far?
    pub fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// How much accepting the call would write, in writes of [`WRITE_BYTES`](super::WRITE_BYTES).
    pub fn n_writes(&self) -> u64 {
        let Changes { values: _, timers, sends, withdrawn } = &self.changes;
        self.n_writes_before + self.n_writes + (timers.len() + sends.len() + withdrawn.len()) as u64
    }

    /// Another call begins in the same transaction. A migration may write as much as the store takes.
    pub fn begin_call(&mut self, is_migration: bool) {
        self.n_writes_before += std::mem::take(&mut self.n_writes);
        self.has_write_quota = !is_migration;
    }

    /// Keys and bytes of the store, as they are with this call.
    pub const fn stored(&self) -> (u64, u64) {
        (self.keys, self.bytes)
    }

    /// Reads what is on disk. A failure is remembered: whatever the guest makes of it must not be kept.
    fn read<T>(
        &mut self,
        look: impl FnOnce(&View, &Shelf) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let held = &self.book.ledger.shared.held;
        let view = match &self.view {
            Some(view) => Ok(view),
            None => held.view().map(|view| &*self.view.insert(view)),
        };
        view.and_then(|view| look(view, &self.book.shelf)).inspect_err(|error| {
            held.report(error);
            self.failed = Some(error.clone());
        })
    }

    fn shelf(&self) -> &Shelf {
        &self.book.shelf
    }
}

/// Checks the length of a key of a value, or of the name of a timer.
fn check_name(what: &str, name: &str) -> Result<(), DraftError> {
    match name.len() {
        1..=MAX_NAME_BYTES => Ok(()),
        len => {
            Err(DraftError::InvalidArgument(format!("{what} has 1 to {MAX_NAME_BYTES} bytes, and not {len}")))
        }
    }
}
