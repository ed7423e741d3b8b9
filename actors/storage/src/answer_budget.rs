//! How much memory answers that are being put together may take: all of them, and those of one batch.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use starling_protocol::storage::response::MAX_RETRIEVE_BYTES;

use crate::metrics;

/// What all answers share. Bytes are counted as clients count them; while it is put together, an answer takes up to three times that.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    held: AtomicU64,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicU64::new(0) })
    }

    /// Takes so many bytes, if they are left.
    pub(crate) fn hold(self: &Arc<Self>, bytes: u64) -> Option<Hold> {
        let fits = |held: u64| held.checked_add(bytes).filter(|held| *held <= self.limit);
        if self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_err() {
            metrics::answer_shed();
            return None;
        }
        metrics::answer_bytes(self.held.load(Ordering::Acquire));
        Some(Hold { budget: Arc::clone(self), bytes })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let before = self.budget.held.fetch_sub(self.bytes, Ordering::AcqRel);
        metrics::answer_bytes(before.saturating_sub(self.bytes));
    }
}

/// What one request may be answered with, all its parts together: as much as a single `retrieve`.
///
/// Every `retrieve` gets its first message, and `more` when that was not all, so a client with a long batch simply asks again.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: Cell<u64>,
    holds: RefCell<Vec<Hold>>,
}

impl Allowance {
    pub(crate) fn new() -> Self {
        Self { left: Cell::new(MAX_RETRIEVE_BYTES), holds: RefCell::default() }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    pub(crate) fn spend(&self, bytes: u64) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    /// Keeps a part of the budget until the answer is given.
    pub(crate) fn keep(&self, hold: Hold) {
        self.holds.borrow_mut().push(hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(10);
        let first = budget.hold(6).expect("there is room");
        assert!(budget.hold(5).is_none());
        let second = budget.hold(4).expect("exactly what is left");
        drop((first, second));

        assert!(budget.hold(10).is_some());
        assert!(budget.hold(u64::MAX).is_none(), "no number wraps around");
    }
}
