//! What the operator can count.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::filing::Reason;

const SENT: &str = "inbox_messages_sent_total";
const SEND_FAILURES: &str = "inbox_send_failures_total";
const COPIES_STORED: &str = "inbox_copies_stored_total";
const COPIES_WAITING: &str = "inbox_copies_waiting";
const POLLS: &str = "inbox_polls_total";
const RECEIVED: &str = "inbox_messages_received_total";
const KNOWN: &str = "inbox_items_known_total";
const DROPPED: &str = "inbox_items_dropped_total";

/// How a poll ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PollOutcome {
    /// At least one member was read.
    Done,
    /// None was.
    Failed,
}

impl PollOutcome {
    const ALL: [Self; 2] = [Self::Done, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Says what the series mean and makes them visible at zero.
pub(crate) fn register() {
    describe_counter!(SENT, Unit::Count, "Messages that a member of the recipient's swarm has on disk.");
    describe_counter!(
        SEND_FAILURES,
        Unit::Count,
        "Messages that no swarm took, or that were refused before."
    );
    describe_counter!(COPIES_STORED, Unit::Count, "Copies for the account's other devices that were stored.");
    describe_gauge!(COPIES_WAITING, Unit::Count, "Such copies that wait for the next try, as last seen.");
    describe_counter!(POLLS, Unit::Count, "Polls, by outcome.");
    describe_counter!(RECEIVED, Unit::Count, "Messages seen for the first time and kept.");
    describe_counter!(KNOWN, Unit::Count, "Items of answers that were known already.");
    describe_counter!(DROPPED, Unit::Count, "Items of answers that were not kept, by reason.");
    for name in [SENT, SEND_FAILURES, COPIES_STORED, RECEIVED, KNOWN] {
        counter!(name).increment(0);
    }
    copies_waiting(0);
    for outcome in PollOutcome::ALL {
        counter!(POLLS, "outcome" => outcome.name()).increment(0);
    }
    for reason in Reason::ALL {
        counter!(DROPPED, "reason" => reason.name()).increment(0);
    }
}

pub(crate) fn sent() {
    counter!(SENT).increment(1);
}

pub(crate) fn send_failed() {
    counter!(SEND_FAILURES).increment(1);
}

pub(crate) fn copy_stored() {
    counter!(COPIES_STORED).increment(1);
}

pub(crate) fn copies_waiting(copies: usize) {
    // A number of queued copies is far below 2^52, where a float would begin to round.
    gauge!(COPIES_WAITING).set(copies as f64);
}

pub(crate) fn polled(outcome: PollOutcome) {
    counter!(POLLS, "outcome" => outcome.name()).increment(1);
}

pub(crate) fn received(messages: usize) {
    counter!(RECEIVED).increment(messages as u64);
}

pub(crate) fn known(items: usize) {
    counter!(KNOWN).increment(items as u64);
}

pub(crate) fn dropped(reason: Reason, items: usize) {
    counter!(DROPPED, "reason" => reason.name()).increment(items as u64);
}
