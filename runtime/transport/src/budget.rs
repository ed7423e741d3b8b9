//! A number of bytes that may be held at once, shared by everybody who holds some.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use crate::purse::{Expense, Purse};

/// A shared allowance. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    left: Arc<AtomicUsize>,
}

/// Bytes taken from a [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Budget,
    bytes: usize,
}

/// Bytes that count against an allowance for as long as they are held.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    expense: Expense,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// An empty hold, to be extended.
    pub(crate) fn hold(&self) -> Hold {
        Hold { budget: self.clone(), bytes: 0 }
    }

    /// How much is left at this moment.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::Acquire)
    }
}

impl Hold {
    /// Takes `more` bytes, or none if so many are not left.
    pub(crate) fn extend(&mut self, more: usize) -> bool {
        let taken =
            self.budget.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(more));
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }

    /// How much it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

/// So that bytes can be handed on with what they count for.
impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body {
    /// Pays for `bytes`; nothing when the purse does not hold so much.
    pub(crate) fn paid(bytes: Bytes, purse: &Purse) -> Option<Self> {
        let mut expense = purse.expense();
        expense.extend(bytes.len()).then_some(Self { bytes, expense })
    }

    /// Bytes that were paid for while they came.
    pub(crate) fn kept(bytes: Vec<u8>, expense: Expense) -> Self {
        Self { bytes: bytes.into(), expense }
    }

    /// The bytes and what they cost, apart: for handing the bytes on while the expense stays here.
    pub(crate) fn into_parts(self) -> (Bytes, Expense) {
        (self.bytes, self.expense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_there_for_others_until_it_is_dropped() {
        let purse = Purse::new(Budget::new(10));

        let first = Body::paid(Bytes::from_static(b"1234567"), &purse).unwrap();
        assert!(Body::paid(Bytes::from_static(b"1234"), &purse).is_none());
        drop(first);
        assert!(Body::paid(Bytes::from_static(b"1234567890"), &purse).is_some());
    }

    #[test]
    fn a_hold_grows_only_within_the_budget() {
        let budget = Budget::new(10);
        let mut hold = budget.hold();

        assert!(hold.extend(6));
        assert!(!hold.extend(5));
        assert!(hold.extend(4));
        assert_eq!((hold.bytes(), budget.left()), (10, 0));
        drop(hold);
        assert!(budget.hold().extend(10));
    }
}
