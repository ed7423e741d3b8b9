//! How often somebody may ask: a token bucket for each.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::config::Note;

/// Settings of a [`RateLimiter`]: a section or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Requests a second that may go on for ever. 0 switches the limit off.
    pub per_second: u32,
    /// Requests that may come at once, after a pause.
    pub burst: u32,
    /// How many callers are remembered; when all of them are busy, new ones are refused.
    pub callers: usize,
}

impl RateLimit {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("per_second", "Requests a second that may go on for ever. 0 switches the limit off."),
        Note::new("burst", "Requests that may come at once, after a pause."),
        Note::new(
            "callers",
            "How many callers are remembered; when all of them are busy, new ones are refused.",
        ),
    ];

    /// Checks that a limit that is on lets anything pass.
    ///
    /// # Errors
    /// A sentence that begins with `section` and the key.
    pub fn validate(&self, section: &str) -> Result<(), String> {
        if self.per_second == 0 {
            return Ok(());
        }
        if self.burst == 0 {
            return Err(format!("{section}.burst is 0; at least 1 is needed for anything to pass"));
        }
        if self.callers == 0 {
            return Err(format!("{section}.callers is 0; at least 1 has to be remembered"));
        }
        Ok(())
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 300, burst: 600, callers: 10_000 }
    }
}

/// Counts the requests of each caller, exactly: no fraction of a token is lost between two of them.
///
/// Each caller has a bucket of `burst` tokens that fills by `per_second` a second; a request takes one. Only callers whose
/// bucket is not full are remembered.
#[derive(Debug)]
pub struct RateLimiter<K> {
    limit: RateLimit,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    /// When each bucket will be full again, in [`Ticks`].
    full_at: HashMap<K, Ticks>,
    /// No clean-up before, in [`Ticks`]: a flood of new callers must not pay for one each.
    next_cleanup: Ticks,
}

/// Nanoseconds times `per_second`: one token is a whole number of them.
type Ticks = u128;

const TICKS_PER_TOKEN: Ticks = 1_000_000_000;

impl<K: Hash + Eq> RateLimiter<K> {
    /// A limiter with all buckets full.
    pub fn new(limit: RateLimit) -> Self {
        let buckets = Buckets { full_at: HashMap::new(), next_cleanup: 0 };
        Self { limit, buckets: Mutex::new(buckets) }
    }

    /// Takes a token of `caller`'s, at a time of [`Clock::elapsed`](crate::Clock::elapsed).
    ///
    /// # Errors
    /// How long until there is one, if there is none; nothing was taken then.
    pub fn admit(&self, caller: K, now: Duration) -> Result<(), Duration> {
        let RateLimit { per_second, burst, callers } = self.limit;
        if per_second == 0 {
            return Ok(());
        }
        let rate = Ticks::from(per_second);
        let now = now.as_nanos() * rate;
        let capacity = Ticks::from(burst) * TICKS_PER_TOKEN;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.full_at.contains_key(&caller) && buckets.full_at.len() >= callers {
            buckets.clean_up(now, rate);
            if buckets.full_at.len() >= callers {
                return Err(duration(TICKS_PER_TOKEN, rate));
            }
        }
        let full_at = buckets.full_at.entry(caller).or_insert(now);
        let after = (*full_at).max(now) + TICKS_PER_TOKEN;
        if after > now + capacity {
            return Err(duration(after - now - capacity, rate));
        }
        *full_at = after;
        Ok(())
    }

    /// Forgets the callers whose buckets are full.
    pub fn sweep(&self, now: Duration) {
        let rate = Ticks::from(self.limit.per_second);
        let now = now.as_nanos() * rate;
        self.buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .full_at
            .retain(|_, full_at| *full_at > now);
    }

    /// How many callers are remembered.
    pub fn len(&self) -> usize {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).full_at.len()
    }

    /// Is nobody remembered?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq> Buckets<K> {
    fn clean_up(&mut self, now: Ticks, rate: Ticks) {
        if now < self.next_cleanup {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        self.next_cleanup = now + TICKS_PER_TOKEN * rate;
    }
}

fn duration(ticks: Ticks, rate: Ticks) -> Duration {
    let nanoseconds = ticks.div_ceil(rate.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { per_second: 300, burst: 600, callers: 2 };

    /// How many of `count` requests, one every `period`, pass.
    fn passed(
        limiter: &RateLimiter<&str>,
        caller: &'static str,
        from: Duration,
        period: Duration,
        count: u32,
    ) -> u32 {
        let at = |index: u32| from + period * index;
        (0..count).filter(|index| limiter.admit(caller, at(*index)).is_ok()).count().try_into().unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let limiter = RateLimiter::new(LIMIT);

        assert_eq!(passed(&limiter, "a", Duration::ZERO, Duration::ZERO, 1000), 600);
        let second = Duration::from_secs(1);
        assert_eq!(passed(&limiter, "a", second, Duration::ZERO, 1000), 300);
        assert_eq!(limiter.admit("a", second), Err(Duration::from_nanos(3_333_334)));
        assert_eq!(limiter.admit("a", second + Duration::from_nanos(3_333_334)), Ok(()));
    }

    #[test]
    fn no_fraction_is_lost_at_a_steady_rate() {
        let limiter = RateLimiter::new(LIMIT);
        let third = Duration::from_millis(3);

        // 333 a second for a minute: the burst and the whole rate pass, not the half of it.
        let passed = passed(&limiter, "a", Duration::ZERO, third, 20_000);

        assert_eq!(passed, 600 + 300 * 60 - 1);
    }

    #[test]
    fn callers_have_buckets_of_their_own_and_only_so_many() {
        let limiter = RateLimiter::new(LIMIT);
        assert_eq!(passed(&limiter, "a", Duration::ZERO, Duration::ZERO, 601), 600);
        assert_eq!(limiter.admit("b", Duration::ZERO), Ok(()));

        assert!(limiter.admit("c", Duration::ZERO).is_err(), "both places are taken");
        let later = Duration::from_secs(2);
        assert_eq!(limiter.admit("c", later), Ok(()), "both buckets are full again, so both are forgotten");
        limiter.sweep(later * 2);
        assert!(limiter.is_empty());
    }

    #[test]
    fn a_rate_of_zero_switches_the_limit_off() {
        let limiter = RateLimiter::new(RateLimit { per_second: 0, ..LIMIT });

        assert_eq!(passed(&limiter, "a", Duration::ZERO, Duration::ZERO, 5000), 5000);
        assert!(limiter.is_empty());
    }

    #[test]
    fn settings_that_let_nothing_pass_are_refused() {
        let refused = |limit: RateLimit| limit.validate("gateway.rate").unwrap_err();

        assert!(refused(RateLimit { burst: 0, ..LIMIT }).starts_with("gateway.rate.burst"));
        assert!(refused(RateLimit { callers: 0, ..LIMIT }).starts_with("gateway.rate.callers"));
        assert_eq!(RateLimit { per_second: 0, burst: 0, callers: 0 }.validate("gateway.rate"), Ok(()));
    }
}
