//! How long answers took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer ones count as this, in microseconds: two minutes, far beyond what anything here waits.
const LONGEST: u64 = 120_000_000;

/// Latencies in microseconds, to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_max(LONGEST, 3).expect("three digits are possible"))
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same range");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn count_as_f64(&self) -> f64 {
        u32::try_from(self.0.len()).map_or(f64::MAX, f64::from)
    }

    /// The latency that so many of a hundred stay within.
    pub(crate) fn percentile(&self, percentile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_percentile(percentile))
    }

    pub(crate) fn highest(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}
