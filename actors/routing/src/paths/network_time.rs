//! How far this machine's clock is from the network's. Pure.
//!
//! Every answer tells its node's time in `t`. The offset is the median over the last nodes heard, so that one node whose clock
//! is off, or who lies, moves nothing once others were heard.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use starling_protocol::crypto::ed25519::PublicKey;

/// So many nodes are remembered, each with its last word.
const N_SAMPLES: usize = 9;
/// An answer that took longer says too little about the time.
const SLOWEST: Duration = Duration::from_secs(10);

/// Measured offsets in milliseconds; positive when the network is ahead.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    samples: VecDeque<Sample>,
    /// How many answers were counted so far.
    counted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    node: PublicKey,
    offset: i64,
    at: u64,
}

impl Offsets {
    /// Remembers what a node's answer says.
    pub(super) fn observe(&mut self, node: PublicKey, offset: i64) {
        self.samples.retain(|sample| sample.node != node);
        self.samples.push_back(Sample { node, offset, at: self.counted });
        self.counted += 1;
        while self.samples.len() > N_SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Was anything measured yet?
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Names this moment, for [`Offsets::forget_before`].
    pub(super) fn mark(&self) -> u64 {
        self.counted
    }

    /// Forgets what was heard before a moment, for it may be from before the clock was moved; unless nothing was heard since.
    pub(super) fn forget_before(&mut self, mark: u64) {
        if self.counted > mark {
            self.samples.retain(|sample| sample.at >= mark);
        }
    }

    /// The median in milliseconds; of two in the middle the one nearer to no change, and 0 before anything was measured.
    pub(super) fn median(&self) -> i64 {
        let mut offsets: Vec<_> = self.samples.iter().map(|sample| sample.offset).collect();
        offsets.sort_unstable();
        let upper = offsets.len() / 2;
        let lower = offsets.len().saturating_sub(1) / 2;
        let middle = offsets.get(lower..=upper).unwrap_or_default();
        middle.iter().copied().min_by_key(|offset| offset.unsigned_abs()).unwrap_or(0)
    }

    /// The network's time, from this machine's. Unix milliseconds both.
    pub(super) fn network_time(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.median())
    }
}

/// The offset that an answer tells: its `t`, plus half the round trip for the way back, minus the time it was read at.
pub(super) fn offset(body: &Value, round_trip: Duration, read_at_ms: u64) -> Option<i64> {
    if round_trip > SLOWEST {
        return None;
    }
    let half = u64::try_from(round_trip.as_millis() / 2).ok()?;
    let told = i64::try_from(told(body)?.checked_add(half)?).ok()?;
    told.checked_sub(i64::try_from(read_at_ms).ok()?)
}

/// The time in an answer, or in the first part of a batch that has one.
fn told(body: &Value) -> Option<u64> {
    let parts = body.get("results").and_then(Value::as_array).into_iter().flatten();
    let bodies = std::iter::once(body).chain(parts.filter_map(|part| part.get("body")));
    bodies.filter_map(|body| body.get("t").and_then(Value::as_u64)).next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::pool::tests::key, *};

    #[track_caller]
    fn check(body: Value, round_trip_ms: u64, expected: Option<i64>) {
        assert_eq!(offset(&body, Duration::from_millis(round_trip_ms), 10_000), expected, "{body}");
    }

    #[test]
    fn the_offset_counts_half_the_round_trip() {
        check(json!({ "t": 10_000 }), 0, Some(0));
        check(json!({ "t": 9_900 }), 200, Some(0));
        check(json!({ "t": 69_900 }), 200, Some(60_000));
        check(json!({ "t": 1_000 }), 0, Some(-9_000));
        check(json!({ "results": [{ "body": "text" }, { "body": { "t": 10_005 } }] }), 0, Some(5));
    }

    #[test]
    fn what_tells_no_time_tells_no_offset() {
        for body in
            [json!("text"), json!({}), json!({ "t": "12" }), json!({ "t": -1 }), json!({ "t": u64::MAX })]
        {
            check(body, 0, None);
        }
        check(json!({ "t": 10_000 }), 10_001, None);
    }

    #[test]
    fn one_node_that_is_off_moves_nothing() {
        let mut offsets = Offsets::default();
        assert!(offsets.is_empty());

        offsets.observe(key(1), 30);
        assert!(!offsets.is_empty());
        offsets.observe(key(2), i64::MAX);
        offsets.observe(key(3), 20);
        offsets.observe(key(2), i64::MIN);

        assert_eq!(offsets.median(), 20);
        assert_eq!(offsets.network_time(1000), 1020);
    }

    #[test]
    fn a_new_measurement_replaces_old_ones_and_no_measurement_does_not() {
        let mut offsets = Offsets::default();
        for index in 1..=20 {
            offsets.observe(key(index), 60_000);
        }
        assert_eq!(offsets.samples.len(), N_SAMPLES);

        let mark = offsets.mark();
        offsets.forget_before(mark);
        assert_eq!(offsets.median(), 60_000);
        offsets.observe(key(1), -5);
        offsets.observe(key(2), -6);
        offsets.observe(key(3), 100);
        assert_eq!(offsets.median(), 60_000);
        offsets.forget_before(mark);

        assert_eq!(offsets.median(), -5);
        assert_eq!(offsets.network_time(3), 0, "there is no time before 1970");
    }
}
