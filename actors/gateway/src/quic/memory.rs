//! What requests and answers take in memory: counted per connection and over all, in pages.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::metrics;

/// The unit in which memory is given out.
const PAGE: usize = 4096;

/// Memory for all connections together, or for one of them.
#[derive(Debug, Clone)]
pub(super) struct Quota {
    free: Arc<Semaphore>,
    pages: usize,
}

impl Quota {
    pub(super) fn new(bytes: u64) -> Self {
        let pages = usize::try_from(bytes).unwrap_or(usize::MAX) / PAGE;
        let pages = pages.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(pages)), pages }
    }

    /// How many bytes are taken.
    pub(super) fn taken(&self) -> usize {
        (self.pages - self.free.available_permits()) * PAGE
    }

    fn take(&self, pages: usize) -> Result<(), Full> {
        let pages = u32::try_from(pages).map_err(|_| Full)?;
        self.free.try_acquire_many(pages).map_err(|_| Full)?.forget();
        Ok(())
    }

    fn give_back(&self, pages: usize) {
        self.free.add_permits(pages);
    }
}

/// There is no memory left: of this connection's, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// What one request and its answer take, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Quota,
    own: Quota,
    pages: usize,
}

impl Held {
    /// Nothing yet, to be taken of both quotas.
    pub(super) fn new(all: &Quota, own: &Quota) -> Self {
        Self { all: all.clone(), own: own.clone(), pages: 0 }
    }

    /// Takes what is missing to `bytes`. Nothing is taken when it is not all there.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.div_ceil(PAGE).saturating_sub(self.pages);
        if more == 0 {
            return Ok(());
        }
        self.own.take(more)?;
        if let Err(full) = self.all.take(more) {
            self.own.give_back(more);
            return Err(full);
        }
        self.pages += more;
        metrics::memory_taken(more * PAGE);
        Ok(())
    }

    /// As [`Held::grow_to`], beside what is held already.
    pub(super) fn grow_by(&mut self, bytes: usize) -> Result<(), Full> {
        self.grow_to((self.pages * PAGE).saturating_add(bytes))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.own.give_back(self.pages);
        self.all.give_back(self.pages);
        metrics::memory_freed(self.pages * PAGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quota_bounds_and_what_is_dropped_is_there_again() {
        let (all, one, other) = (Quota::new(4 * 4096), Quota::new(3 * 4096), Quota::new(3 * 4096));
        let (mut first, mut second) = (Held::new(&all, &one), Held::new(&all, &other));

        assert_eq!(first.grow_to(3 * 4096), Ok(()));
        assert_eq!(first.grow_to(1), Ok(()), "it is held already");
        assert_eq!(first.grow_by(1), Err(Full), "its own quota is used up");
        assert_eq!(second.grow_to(2 * 4096), Err(Full), "one page is left of all");
        assert_eq!(second.grow_to(4096), Ok(()), "a failed try has taken nothing");
        drop(first);
        assert_eq!(second.grow_to(3 * 4096), Ok(()));
        drop(second);
        assert_eq!((all.taken(), one.taken(), other.taken()), (0, 0, 0));
    }
}
