//! How often clients asked, in all and lately (storage-load §4).

use std::time::Duration;

use starling_contracts::storage::Requests;

/// Parts of the time that is "lately".
const SLICES: usize = 6;
/// Length of one of them.
const SLICE: Duration = Duration::from_secs(600);

/// The kinds that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Store,
    Retrieve,
}

/// Counts since the actor's start. Times are of the kernel's clock, since the process began.
#[derive(Debug)]
pub(crate) struct Traffic {
    began: Duration,
    /// Number of the slice that the last entry of `slices` is.
    current: u64,
    /// Stores and retrieves per slice, oldest first.
    slices: [[u64; 2]; SLICES],
    totals: [u64; 2],
}

impl Traffic {
    pub(crate) fn new(now: Duration) -> Self {
        Self { began: now, current: slice_at(now), slices: Default::default(), totals: [0; 2] }
    }

    pub(crate) fn count(&mut self, asked: Asked, now: Duration) {
        self.turn(now);
        self.slices[SLICES - 1][asked as usize] += 1;
        self.totals[asked as usize] += 1;
    }

    pub(crate) fn requests(&mut self, asked: Asked, now: Duration) -> Requests {
        self.turn(now);
        let recent = self.slices.iter().map(|slice| slice[asked as usize]).sum();
        Requests { total: self.totals[asked as usize], recent }
    }

    /// The time that `recent` covers: the slices before this one, and what has passed of it.
    pub(crate) fn timespan(&self, now: Duration) -> Duration {
        let into_slice = Duration::from_secs(now.as_secs() % SLICE.as_secs());
        let slices = u32::try_from(SLICES - 1).unwrap_or(0);
        (SLICE * slices + into_slice).min(now.saturating_sub(self.began))
    }

    /// Lets go of slices that are too long ago.
    fn turn(&mut self, now: Duration) {
        let slice = slice_at(now);
        let passed = usize::try_from(slice.saturating_sub(self.current)).unwrap_or(SLICES).min(SLICES);
        self.slices.rotate_left(passed);
        self.slices[SLICES - passed..].fill([0; 2]);
        self.current = self.current.max(slice);
    }
}

fn slice_at(now: Duration) -> u64 {
    now.as_secs() / SLICE.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn what_is_an_hour_ago_is_not_recent() {
        let mut traffic = Traffic::new(minutes(5));
        traffic.count(Asked::Store, minutes(6));
        traffic.count(Asked::Store, minutes(15));
        traffic.count(Asked::Retrieve, minutes(59));

        assert_eq!(traffic.requests(Asked::Store, minutes(59)), Requests { total: 2, recent: 2 });
        assert_eq!(traffic.timespan(minutes(59)), minutes(54));
        assert_eq!(traffic.requests(Asked::Store, minutes(60)), Requests { total: 2, recent: 1 });
        assert_eq!(traffic.requests(Asked::Store, minutes(70)), Requests { total: 2, recent: 0 });
        assert_eq!(traffic.requests(Asked::Retrieve, minutes(119)), Requests { total: 1, recent: 0 });
        assert_eq!(traffic.timespan(minutes(119)), minutes(59));
        assert_eq!(traffic.requests(Asked::Retrieve, minutes(100_000)), Requests { total: 1, recent: 0 });
    }
}
