//! The memory that bodies and answers may take together, over all threads.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    admission::Caller,
    metrics,
    shares::{Share, Shares},
};

/// The unit in which memory is given out. What fits into one is not worth the counting.
pub(crate) const PAGE: usize = 4096;

/// Pages for all; nobody may hold more than a quarter of what is left.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pages: Arc<Shares>,
}

/// What one body, or one answer, takes.
#[derive(Debug)]
pub(crate) struct Charge {
    pages: Share,
}

/// Bytes that are paid for as long as anybody has them.
struct Held {
    bytes: Bytes,
    _charge: Charge,
}

impl Memory {
    pub(crate) fn new(bytes: u64) -> Self {
        let pages = usize::try_from(bytes).unwrap_or(usize::MAX) / PAGE;
        Self { pages: Arc::new(Shares::new(pages, pages)) }
    }

    /// Nothing yet, to be extended.
    pub(crate) fn charge(&self, caller: Caller) -> Charge {
        Charge { pages: self.pages.share(caller) }
    }
}

impl Charge {
    /// Makes room for `length` bytes in all; false if they are not there.
    pub(crate) fn cover(&mut self, length: usize) -> bool {
        let more = length.div_ceil(PAGE).saturating_sub(self.pages.count());
        let covered = self.pages.extend(more).is_ok();
        if covered {
            metrics::memory_taken(more * PAGE);
        }
        covered
    }

    /// Ties the charge to the bytes and to every part and copy of them: whoever still works on a request whose client has gone
    /// keeps it paid for.
    pub(crate) fn tie(self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() { bytes } else { Bytes::from_owner(Held { bytes, _charge: self }) }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        metrics::memory_freed(self.pages.count() * PAGE);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_charge_lives_as_long_as_the_last_part_of_its_bytes() {
        let memory = Memory::new(16 * PAGE as u64);
        let caller = Caller::from(IpAddr::from([203, 0, 113, 7]));
        let mut charge = memory.charge(caller);
        assert!(charge.cover(2 * PAGE));

        let whole = charge.tie(Bytes::from(vec![7; 2 * PAGE]));
        let part = whole.slice(10..20);
        drop(whole);

        assert_eq!(memory.pages.taken(), 2);
        assert_eq!(&part[..], [7; 10]);
        drop(part);
        assert_eq!(memory.pages.taken(), 0);
    }
}
