//! A number of bytes that may be held at once, shared by everybody who holds some.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

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

/// Bytes that count against a budget for as long as they are held.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    hold: Hold,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// An empty hold, to be extended.
    pub(crate) fn hold(&self) -> Hold {
        Hold { budget: self.clone(), bytes: 0 }
    }

    /// Takes what `bytes` needs; nothing when so much is not left.
    pub(crate) fn body(&self, bytes: Bytes) -> Option<Body> {
        let mut hold = self.hold();
        hold.extend(bytes.len()).then_some(Body { bytes, hold })
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

    /// Keeps the hold as long as `bytes`.
    pub(crate) fn keep(self, bytes: Vec<u8>) -> Body {
        Body { bytes: bytes.into(), hold: self }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

impl Body {
    /// The bytes and what they count for, apart: for handing the bytes on while the hold stays here.
    pub(crate) fn into_parts(self) -> (Bytes, Hold) {
        (self.bytes, self.hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_there_for_others_until_it_is_dropped() {
        let budget = Budget::new(10);

        let first = budget.body(Bytes::from_static(b"1234567")).unwrap();
        assert!(budget.body(Bytes::from_static(b"1234")).is_none());
        drop(first);
        assert!(budget.body(Bytes::from_static(b"1234567890")).is_some());
    }

    #[test]
    fn a_hold_grows_only_within_the_budget() {
        let budget = Budget::new(10);
        let mut hold = budget.hold();

        assert!(hold.extend(6));
        assert!(!hold.extend(5));
        assert!(hold.extend(4));
        drop(hold);
        assert!(budget.hold().extend(10));
    }
}
