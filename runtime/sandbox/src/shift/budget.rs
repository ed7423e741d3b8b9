//! The share of a core that a plugin may use.

use std::time::Duration;

/// What may be used at once after a rest: so much of a core's time, in seconds.
const BURST: f64 = 2.0;

/// Fills at the pace of the plugin's share, and is emptied by what its calls use. It may be overdrawn by one call.
pub(super) struct Budget {
    /// Seconds of a core for each second that passes.
    share: f64,
    /// Seconds of a core that may be used.
    left: f64,
    /// When `left` was right.
    at: Duration,
}

impl Budget {
    /// A full one, at that time; the share is in percent of a core.
    pub(super) fn new(percent: u32, now: Duration) -> Self {
        Self { share: f64::from(percent.max(1)) / 100.0, left: BURST, at: now }
    }

    /// Takes what a call has used.
    pub(super) fn spend(&mut self, used: Duration) {
        self.left -= used.as_secs_f64();
    }

    /// How long to wait until there is something to use; nothing when there is.
    pub(super) fn wait(&mut self, now: Duration) -> Option<Duration> {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        self.left = (self.left + passed.as_secs_f64() * self.share).min(BURST);
        (self.left < 0.0).then(|| Duration::from_secs_f64(-self.left / self.share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_uses_a_core_for_long_waits_until_its_share_comes_to_as_much() {
        let seconds = Duration::from_secs;
        let mut budget = Budget::new(25, seconds(0));

        assert_eq!(budget.wait(seconds(0)), None);
        budget.spend(seconds(3));

        assert_eq!(
            budget.wait(seconds(0)),
            Some(seconds(4)),
            "one second is overdrawn, at a quarter of a core"
        );
        assert_eq!(budget.wait(seconds(4)), None);
        assert_eq!(budget.wait(seconds(1000)), None);
        budget.spend(Duration::from_millis(2500));
        assert_eq!(budget.wait(seconds(1000)), Some(seconds(2)), "a long rest saves up no more than a burst");
    }
}
