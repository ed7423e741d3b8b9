//! What the actor counts.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const HEIGHT: &str = "swarm_height";
const SWARMS: &str = "swarm_swarms";
const LOOKUPS: &str = "swarm_lookups_total";
const COPIES: &str = "swarm_copies_total";
const COPY_DURATION: &str = "swarm_copy_duration_seconds";
const RETRIES_WAITING: &str = "swarm_retries_waiting";
const RETRIES_GIVEN_UP: &str = "swarm_retries_given_up_total";
const MEMBERS_DOWN: &str = "swarm_members_down";
const NOT_AWAITED: &str = "swarm_copies_not_awaited_total";

/// How a copy of a write ended, first or later try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    Done,
    Refused,
    TimedOut,
    Unreadable,
    /// Not sent now, because the member is known to be down or older copies wait for it.
    Skipped,
}

impl Copied {
    const ALL: [Self; 5] = [Self::Done, Self::Refused, Self::TimedOut, Self::Unreadable, Self::Skipped];

    const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Unreadable => "unreadable",
            Self::Skipped => "skipped",
        }
    }
}

/// Why an answer did not wait for a member, so that it names that member as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAwaited {
    /// It was known to be silent or down, or older copies wait for it.
    Down,
    /// It fell silent while it was waited for.
    Silent,
    /// It answered other copies meanwhile, and not this one.
    Slow,
}

impl NotAwaited {
    const ALL: [Self; 3] = [Self::Down, Self::Silent, Self::Slow];

    const fn label(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Silent => "silent",
            Self::Slow => "slow",
        }
    }
}

/// Describes the directory's series and makes them visible at zero.
pub(crate) fn register_ring() {
    describe_gauge!(HEIGHT, Unit::Count, "Height of the node list that the map is made from.");
    describe_gauge!(SWARMS, Unit::Count, "Swarms there are.");
    describe_counter!(LOOKUPS, Unit::Count, "Questions for an account's swarm.");
    gauge!(HEIGHT).set(0.0);
    gauge!(SWARMS).set(0.0);
    counter!(LOOKUPS).increment(0);
}

/// Describes the copier's series and makes them visible at zero.
pub(crate) fn register_copies() {
    describe_counter!(COPIES, Unit::Count, "Copies of writes for other members, by how each try ended.");
    describe_histogram!(COPY_DURATION, Unit::Seconds, "Time until a member answered a copy.");
    describe_gauge!(RETRIES_WAITING, Unit::Count, "Copies that members missed and will be sent again.");
    describe_counter!(
        RETRIES_GIVEN_UP,
        Unit::Count,
        "Missed copies given up, for want of room or because a member failed at one too often."
    );
    describe_gauge!(MEMBERS_DOWN, Unit::Count, "Members of the own swarm that did not answer last time.");
    describe_counter!(
        NOT_AWAITED,
        Unit::Count,
        "Copies whose answers the reply to the client did not wait for, by what was known of the member."
    );
    for reason in NotAwaited::ALL {
        counter!(NOT_AWAITED, "reason" => reason.label()).increment(0);
    }
    gauge!(RETRIES_WAITING).set(0.0);
    gauge!(MEMBERS_DOWN).set(0.0);
    counter!(RETRIES_GIVEN_UP).increment(0);
    for outcome in Copied::ALL {
        counter!(COPIES, "outcome" => outcome.label()).increment(0);
    }
    // Naming the histogram is enough to have it listed once a recorder keeps it.
    let _ = histogram!(COPY_DURATION);
}

pub(crate) fn ring(height: u64, n_swarms: usize) {
    // Both are far below 2^52, where a float would begin to round.
    gauge!(HEIGHT).set(height as f64);
    gauge!(SWARMS).set(n_swarms as f64);
}

pub(crate) fn lookup() {
    counter!(LOOKUPS).increment(1);
}

pub(crate) fn copied(outcome: Copied) {
    counter!(COPIES, "outcome" => outcome.label()).increment(1);
}

pub(crate) fn not_awaited(reason: NotAwaited) {
    counter!(NOT_AWAITED, "reason" => reason.label()).increment(1);
}

pub(crate) fn copy_took(took: Duration) {
    histogram!(COPY_DURATION).record(took);
}

pub(crate) fn retries(waiting: usize, given_up: u64) {
    gauge!(RETRIES_WAITING).set(waiting as f64);
    counter!(RETRIES_GIVEN_UP).increment(given_up);
}

pub(crate) fn members_down(n_down: usize) {
    gauge!(MEMBERS_DOWN).set(n_down as f64);
}
