//! What the operator can count.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use starling_contracts::plugins;

use crate::filing::Reason;

const SENT: &str = "inbox_messages_sent_total";
const SEND_FAILURES: &str = "inbox_send_failures_total";
const COPIES_STORED: &str = "inbox_copies_stored_total";
const COPIES_WAITING: &str = "inbox_copies_waiting";
const POLLS: &str = "inbox_polls_total";
const RECEIVED: &str = "inbox_messages_received_total";
const KNOWN: &str = "inbox_items_known_total";
const DROPPED: &str = "inbox_items_dropped_total";
const TAKEN_BACK: &str = "inbox_messages_taken_back_total";
const DELETED: &str = "inbox_swarm_deletions_total";
const REVIEWS: &str = "inbox_reviews_total";
const SETTLED: &str = "inbox_held_settled_total";

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sending {
    Text,
    Reply,
    Reaction,
    Unsend,
}

impl Sending {
    const ALL: [Self; 4] = [Self::Text, Self::Reply, Self::Reaction, Self::Unsend];

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reply => "reply",
            Self::Reaction => "reaction",
            Self::Unsend => "unsend",
        }
    }
}

/// How asking the filters ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReviewOutcome {
    Allowed,
    Flagged,
    Held,
    Rejected,
    /// They gave no answer, and `inbox.unreviewed` decided.
    Unreviewed,
}

impl ReviewOutcome {
    const ALL: [Self; 5] = [Self::Allowed, Self::Flagged, Self::Held, Self::Rejected, Self::Unreviewed];

    const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Flagged => "flagged",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Unreviewed => "unreviewed",
        }
    }

    pub(crate) const fn of(verdict: &plugins::Verdict) -> Self {
        match verdict {
            plugins::Verdict::Allow => Self::Allowed,
            plugins::Verdict::Flag { .. } => Self::Flagged,
            plugins::Verdict::Hold { .. } => Self::Held,
            plugins::Verdict::Reject { .. } => Self::Rejected,
        }
    }
}

/// What became of something that waited.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settled {
    Released,
    Discarded,
}

impl Settled {
    const ALL: [Self; 2] = [Self::Released, Self::Discarded];

    const fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Discarded => "discarded",
        }
    }
}

/// What became of a copy in the own swarm that was to be deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deleted {
    /// A member has signed that it is gone.
    Done,
    /// The swarm has forgotten it before it could be asked.
    GivenUp,
}

impl Deleted {
    const ALL: [Self; 2] = [Self::Done, Self::GivenUp];

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::GivenUp => "given_up",
        }
    }
}

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
    describe_counter!(
        SENT,
        Unit::Count,
        "Messages that a member of the recipient's swarm has on disk, by kind."
    );
    describe_counter!(
        SEND_FAILURES,
        Unit::Count,
        "Messages that no swarm took, or that were refused before, by kind."
    );
    describe_counter!(COPIES_STORED, Unit::Count, "Copies for the account's other devices that were stored.");
    describe_gauge!(COPIES_WAITING, Unit::Count, "Such copies that wait for the next try, as last seen.");
    describe_counter!(POLLS, Unit::Count, "Polls, by outcome.");
    describe_counter!(RECEIVED, Unit::Count, "Messages seen for the first time and kept.");
    describe_counter!(KNOWN, Unit::Count, "Items of answers that were known already.");
    describe_counter!(DROPPED, Unit::Count, "Items of answers that were not kept, by reason.");
    describe_counter!(
        TAKEN_BACK,
        Unit::Count,
        "Messages that left the inbox because a request of their author came in."
    );
    describe_counter!(
        DELETED,
        Unit::Count,
        "Copies of messages taken back that were to be deleted in the own swarm, by outcome."
    );
    describe_counter!(REVIEWS, Unit::Count, "Incoming texts that filters were asked about, by outcome.");
    describe_counter!(SETTLED, Unit::Count, "Held messages that somebody has decided on, by decision.");
    for name in [COPIES_STORED, RECEIVED, KNOWN, TAKEN_BACK] {
        counter!(name).increment(0);
    }
    copies_waiting(0);
    for sending in Sending::ALL {
        counter!(SENT, "kind" => sending.name()).increment(0);
        counter!(SEND_FAILURES, "kind" => sending.name()).increment(0);
    }
    for outcome in ReviewOutcome::ALL {
        counter!(REVIEWS, "outcome" => outcome.name()).increment(0);
    }
    for settled in Settled::ALL {
        counter!(SETTLED, "decision" => settled.name()).increment(0);
    }
    for deleted in Deleted::ALL {
        counter!(DELETED, "outcome" => deleted.name()).increment(0);
    }
    for outcome in PollOutcome::ALL {
        counter!(POLLS, "outcome" => outcome.name()).increment(0);
    }
    for reason in Reason::ALL {
        counter!(DROPPED, "reason" => reason.name()).increment(0);
    }
}

pub(crate) fn sent(sending: Sending) {
    counter!(SENT, "kind" => sending.name()).increment(1);
}

pub(crate) fn send_failed(sending: Sending) {
    counter!(SEND_FAILURES, "kind" => sending.name()).increment(1);
}

pub(crate) fn taken_back(messages: usize) {
    counter!(TAKEN_BACK).increment(messages as u64);
}

pub(crate) fn deleted(outcome: Deleted, copies: usize) {
    counter!(DELETED, "outcome" => outcome.name()).increment(copies as u64);
}

pub(crate) fn reviewed(outcome: ReviewOutcome) {
    counter!(REVIEWS, "outcome" => outcome.name()).increment(1);
}

pub(crate) fn settled(decision: Settled) {
    counter!(SETTLED, "decision" => decision.name()).increment(1);
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
