//! Something scarce, divided among callers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::admission::Caller;

/// So much of something: places for connections, pages of memory.
///
/// Nobody may hold more than a quarter of what is left for the others. So one caller gets at most a fifth of all, and after ten
/// who each took all they could a tenth is still there.
#[derive(Debug)]
pub(crate) struct Shares {
    total: usize,
    /// The most for one caller; nothing switches off both this bound and the one above.
    most: Option<usize>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<Caller, usize>,
}

/// Why nothing was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// Nothing is left.
    Exhausted,
    /// This caller has its share.
    Share,
}

/// What one caller holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    caller: Caller,
    count: usize,
}

/// What is left is this many times what a caller may hold.
const LEFT_FOR_OTHERS: usize = 4;

impl Shares {
    /// `total` for all together; `most` for one caller, 0 for as much as there is.
    pub(crate) fn new(total: usize, most: usize) -> Self {
        Self { total, most: Some(most).filter(|most| *most > 0), taken: Mutex::default() }
    }

    /// Nothing yet, to be extended.
    pub(crate) fn share(self: &Arc<Self>, caller: Caller) -> Share {
        Share { of: Arc::clone(self), caller, count: 0 }
    }

    /// How much is held.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    fn take(&self, caller: Caller, count: usize) -> Result<(), Shortage> {
        let mut taken = self.lock();
        let left = self.total.saturating_sub(taken.all);
        if count > left {
            return Err(Shortage::Exhausted);
        }
        let own = taken.by.get(&caller).copied().unwrap_or_default() + count;
        if self.most.is_some_and(|most| own > most.min((left / LEFT_FOR_OTHERS).max(1))) {
            return Err(Shortage::Share);
        }
        taken.all += count;
        taken.by.insert(caller, own);
        Ok(())
    }

    fn give_back(&self, caller: Caller, count: usize) {
        let mut taken = self.lock();
        taken.all -= count;
        if let Some(own) = taken.by.get_mut(&caller) {
            *own -= count;
            if *own == 0 {
                taken.by.remove(&caller);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes `more`, or nothing of it.
    pub(crate) fn extend(&mut self, more: usize) -> Result<(), Shortage> {
        if more > 0 {
            self.of.take(self.caller, more)?;
            self.count += more;
        }
        Ok(())
    }

    /// How much it is.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.count > 0 {
            self.of.give_back(self.caller, self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn caller(last: u8) -> Caller {
        Caller::from(IpAddr::from([203, 0, 113, last]))
    }

    /// How many a caller gets, one by one, until it is refused.
    fn greed(shares: &Arc<Shares>, last: u8) -> Vec<Share> {
        let one = || {
            let mut share = shares.share(caller(last));
            share.extend(1).ok().map(|()| share)
        };
        std::iter::from_fn(one).collect()
    }

    #[test]
    fn one_caller_gets_a_fifth_and_after_ten_greedy_ones_a_tenth_is_left() {
        let shares = Arc::new(Shares::new(1200, 1200));

        let first = greed(&shares, 1);
        let others: Vec<_> = (2..=10).map(|last| greed(&shares, last)).collect();

        assert_eq!(first.len(), 240);
        assert!(others.iter().all(|other| !other.is_empty()));
        let left = 1200 - shares.taken();
        assert!(left >= 120, "{left} are left");
        drop((first, others));
        assert_eq!((shares.taken(), shares.lock().by.len()), (0, 0));
    }

    #[test]
    fn a_caller_has_its_bound_and_what_it_gives_back_is_there_again() {
        let shares = Arc::new(Shares::new(100, 3));
        let mut held = greed(&shares, 1);
        assert_eq!(held.len(), 3);
        assert_eq!(shares.share(caller(1)).extend(1), Err(Shortage::Share));

        held.pop();

        assert_eq!(greed(&shares, 1).len(), 1);
        assert_eq!(greed(&shares, 2).len(), 3);
    }

    #[test]
    fn without_a_bound_one_caller_may_have_everything_and_no_more() {
        let shares = Arc::new(Shares::new(10, 0));
        let mut share = shares.share(caller(1));

        assert_eq!(share.extend(10), Ok(()));
        assert_eq!(share.extend(1), Err(Shortage::Exhausted));
        assert_eq!((share.count(), shares.taken()), (10, 10));
    }

    #[test]
    fn the_only_place_is_given() {
        assert_eq!(greed(&Arc::new(Shares::new(1, 1)), 1).len(), 1);
    }
}
