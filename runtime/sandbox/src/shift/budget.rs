//! What a plugin may use in the long run: of a core, and of the disk.

use std::time::Duration;

/// What may be used at once after a rest: so much of a core's time, in seconds.
const BURST: f64 = 2.0;
/// And so many seconds' worth of writes.
const BURST_OF_WRITES: f64 = 10.0;

/// The longest rest of a filter for what it has written: people wait for what it says.
const LONGEST_REST_OF_FILTERS: f64 = 1.0;

/// Fills at a steady pace, and is emptied by what the plugin's calls use. It may be overdrawn by one call.
pub(super) struct Budget {
    /// What comes in each second.
    share: f64,
    /// The most there can be, and the most that can be owed.
    burst: f64,
    debt: f64,
    /// What may be used.
    left: f64,
    /// When `left` was right.
    at: Duration,
}

impl Budget {
    /// A full one of a core's seconds, at that time; the share is in percent of a core.
    pub(super) fn of_core(percent: u32, now: Duration) -> Self {
        let share = f64::from(percent.max(1)) / 100.0;
        Self { share, burst: BURST, debt: f64::INFINITY, left: BURST, at: now }
    }

    /// A full one of writes.
    pub(super) fn of_writes(per_minute: u32, now: Duration, is_filter: bool) -> Self {
        let share = f64::from(per_minute.max(1)) / 60.0;
        let burst = share * BURST_OF_WRITES;
        let debt = if is_filter { share * LONGEST_REST_OF_FILTERS } else { f64::INFINITY };
        Self { share, burst, debt, left: burst, at: now }
    }

    /// Takes what a call has used that has just ended.
    pub(super) fn spend(&mut self, used: f64, now: Duration) {
        self.fill(now);
        self.left = (self.left - used).max(-self.debt);
    }

    /// How long to wait until there is something to use; nothing when there is.
    pub(super) fn wait(&mut self, now: Duration) -> Option<Duration> {
        self.fill(now);
        let rest = Duration::from_secs_f64((-self.left / self.share).max(0.0));
        (self.left < 0.0).then(|| rest.max(Duration::from_millis(1)))
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        self.left = (self.left + passed.as_secs_f64() * self.share).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_uses_a_core_for_long_waits_until_its_share_comes_to_as_much() {
        let seconds = Duration::from_secs;
        let mut budget = Budget::of_core(25, seconds(0));

        assert_eq!(budget.wait(seconds(0)), None);
        budget.spend(3.0, seconds(0));

        assert_eq!(
            budget.wait(seconds(0)),
            Some(seconds(4)),
            "one second is overdrawn, at a quarter of a core"
        );
        assert_eq!(budget.wait(seconds(4)), None);
        assert_eq!(budget.wait(seconds(1000)), None);
        budget.spend(2.5, seconds(1000));
        assert_eq!(budget.wait(seconds(1000)), Some(seconds(2)), "a long rest saves up no more than a burst");
    }

    #[test]
    fn who_writes_a_lot_rests_until_its_pace_comes_to_as_much() {
        let seconds = Duration::from_secs;
        let mut budget = Budget::of_writes(600, seconds(0), false);

        budget.spend(100.0, seconds(0));
        assert_eq!(budget.wait(seconds(0)), None, "ten seconds' worth at once");
        budget.spend(30.0, seconds(0));
        assert_eq!(budget.wait(seconds(0)), Some(seconds(3)));
        assert_eq!(budget.wait(seconds(3)), None);
    }

    #[test]
    fn a_filter_does_not_let_people_wait_for_what_it_has_written() {
        let second = Duration::from_secs(1);
        let mut budget = Budget::of_writes(600, second, true);

        budget.spend(5_000.0, second);

        assert_eq!(budget.wait(second), Some(second));
    }
}
