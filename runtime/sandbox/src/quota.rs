//! How much a plugin may do in a minute.
//!
//! The kernel's limiter counts whole requests a second for many callers; a plugin's quotas are a few a minute for one, so they
//! have buckets of their own, with the same exact arithmetic.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use starling_kernel::Clock;

use crate::config::Allowance;

/// Lets `per_minute` a minute pass for ever, and after a pause as many at once.
#[derive(Debug, Clone)]
pub struct Bucket {
    per_minute: u32,
    /// When it will be full again, in nanoseconds times `per_minute`: so a token is a whole number and no fraction is lost.
    full_at: u128,
}

/// A token, in the unit of [`Bucket::full_at`].
const TOKEN: u128 = 60_000_000_000;

impl Bucket {
    /// How long one waits for what never comes.
    pub const NEVER: Duration = Duration::MAX;

    /// A full bucket. One of 0 lets nothing pass.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, full_at: 0 }
    }

    /// How many tokens it gives in a minute.
    pub fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Takes a token, at a time of the kernel clock's `elapsed`.
    ///
    /// # Errors
    /// How long until there is one, if there is none; nothing was taken then. [`NEVER`](Self::NEVER) where none ever comes.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let rate = u128::from(self.per_minute);
        if rate == 0 {
            return Err(Self::NEVER);
        }
        let now = now.as_nanos() * rate;
        let after = self.full_at.max(now) + TOKEN;
        let latest = now + TOKEN * rate;
        if after > latest {
            let wait = u64::try_from((after - latest).div_ceil(rate)).unwrap_or(u64::MAX);
            return Err(Duration::from_nanos(wait));
        }
        self.full_at = after;
        Ok(())
    }
}

/// What one plugin has left of its quotas, shared by its calls. A call that fails has used what it used: else a plugin that fails
/// again and again would have no quota at all.
pub struct Quotas {
    clock: Arc<dyn Clock>,
    sends: Mutex<Bucket>,
    fetches: Mutex<Bucket>,
}

impl Quotas {
    /// Nothing is used yet.
    pub fn new(allowance: &Allowance, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            sends: Mutex::new(Bucket::new(allowance.sends_per_minute)),
            fetches: Mutex::new(Bucket::new(allowance.http_per_minute)),
        }
    }

    /// Takes one message, reaction or deletion.
    ///
    /// # Errors
    /// After how many milliseconds there is one more; never when it is `u32::MAX`, as the contract has it.
    pub fn take_send(&self) -> Result<(), u32> {
        self.take(&self.sends)
    }

    /// Takes one request to a web server.
    ///
    /// # Errors
    /// As [`take_send`](Self::take_send).
    pub fn take_fetch(&self) -> Result<(), u32> {
        self.take(&self.fetches)
    }

    fn take(&self, bucket: &Mutex<Bucket>) -> Result<(), u32> {
        let taken = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.elapsed());
        taken.map_err(milliseconds)
    }
}

fn milliseconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use starling_kernel::ManualClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn passed(bucket: &mut Bucket, from: Duration, period: Duration, count: u32) -> usize {
        (0..count).filter(|index| bucket.take(from + period * *index).is_ok()).count()
    }

    #[test]
    fn a_minute_s_worth_passes_at_once_and_then_the_rate() {
        let mut bucket = Bucket::new(30);

        assert_eq!(passed(&mut bucket, Duration::ZERO, Duration::ZERO, 100), 30);
        assert_eq!(bucket.take(Duration::ZERO), Err(2 * SECOND));
        assert_eq!(bucket.take(2 * SECOND), Ok(()));
        assert_eq!(passed(&mut bucket, 62 * SECOND, Duration::ZERO, 100), 30);
    }

    #[test]
    fn no_fraction_is_lost_at_a_steady_rate() {
        let mut bucket = Bucket::new(7);

        // One a second for an hour: the burst, and seven a minute.
        assert_eq!(passed(&mut bucket, Duration::ZERO, SECOND, 3_600), 7 + 7 * 60 - 1);
    }

    #[test]
    fn a_quota_of_zero_lets_nothing_pass() {
        assert_eq!(Bucket::new(0).take(SECOND), Err(Bucket::NEVER));
    }

    #[test]
    fn what_is_used_up_comes_back_with_time_and_each_kind_has_its_own() {
        let clock = ManualClock::at(0);
        let allowance = Allowance { sends_per_minute: 2, http_per_minute: 0, ..Allowance::default() };
        let quotas = Quotas::new(&allowance, Arc::new(clock.clone()));

        assert_eq!([(); 3].map(|()| quotas.take_send()), [Ok(()), Ok(()), Err(30_000)]);
        clock.advance(Duration::from_secs(30));
        assert_eq!([(); 2].map(|()| quotas.take_send()), [Ok(()), Err(30_000)]);
        assert_eq!(quotas.take_fetch(), Err(u32::MAX), "what is not allowed at all never comes");
    }

    #[test]
    fn a_wait_is_never_told_shorter_than_it_is() {
        assert_eq!(milliseconds(Duration::from_micros(1_500)), 2);
        assert_eq!(milliseconds(Bucket::NEVER), u32::MAX);
    }
}
