//! What the actor counts.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use starling_protocol::storage::request::METHODS;

const REQUESTS: &str = "storage_requests_total";
const FORWARDED: &str = "storage_forwarded_total";
const STORES: &str = "storage_stores_total";
const RETRIEVED: &str = "storage_retrieved_messages_total";
const COMMITS: &str = "storage_commits_total";
const COMMIT_FAILURES: &str = "storage_commit_failures_total";
const COMMIT_OPERATIONS: &str = "storage_commit_operations";
const COMMIT_DURATION: &str = "storage_commit_duration_seconds";
const MESSAGES: &str = "storage_messages";
const BODY_BYTES: &str = "storage_body_bytes";
const EXPIRED: &str = "storage_expired_total";
const CAPACITY: &str = "storage_capacity_bytes";
const ANSWER_BYTES: &str = "storage_answer_bytes";
const ANSWERS_SHED: &str = "storage_answers_shed_total";
const ANNOUNCEMENTS: &str = "storage_announcements_total";
const COPIES_LOST: &str = "storage_copies_lost_total";

/// How a request was answered; "retrieve, ok" counts polls, "store, refused" what was turned away.
const OUTCOMES: [&str; 4] = ["ok", "refused", "wrong_swarm", "failed"];
/// Stands for whatever a stranger named that is no method.
const NO_METHOD: &str = "none";

/// What became of a message that was to be stored here, by a client or by another member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stored {
    New,
    Already,
    Obsolete,
    Full,
    Failed,
}

impl Stored {
    const ALL: [Self; 5] = [Self::New, Self::Already, Self::Obsolete, Self::Full, Self::Failed];

    const fn label(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Already => "already",
            Self::Obsolete => "obsolete",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}

/// What became of a new message on its way to whoever tells subscribers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Announced {
    Told,
    /// Whoever tells subscribers has no place for it.
    Busy,
    /// Too much waited to be told.
    Dropped,
    Failed,
}

impl Announced {
    const ALL: [Self; 4] = [Self::Told, Self::Busy, Self::Dropped, Self::Failed];

    const fn label(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Busy => "busy",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// Describes the series and makes them visible at zero.
pub(crate) fn register() {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Clients' requests, parts of batches included, by method and outcome."
    );
    describe_counter!(
        FORWARDED,
        Unit::Count,
        "Writes that other members of the swarm forwarded, by outcome."
    );
    describe_counter!(STORES, Unit::Count, "Messages to be stored here, by what became of them.");
    describe_counter!(RETRIEVED, Unit::Count, "Messages handed out.");
    describe_counter!(
        COMMITS,
        Unit::Count,
        "Durable commits. Operations per commit: storage_commit_operations."
    );
    describe_counter!(COMMIT_FAILURES, Unit::Count, "Commits that failed; nothing in them was acknowledged.");
    describe_histogram!(COMMIT_OPERATIONS, Unit::Count, "Operations that shared a commit.");
    describe_histogram!(
        COMMIT_DURATION,
        Unit::Seconds,
        "Time from the first operation of a batch to its fsync."
    );
    describe_gauge!(MESSAGES, Unit::Count, "Messages in the store.");
    describe_gauge!(BODY_BYTES, Unit::Bytes, "Bytes of message bodies in the store.");
    describe_counter!(EXPIRED, Unit::Count, "Messages deleted because their time was up.");
    describe_counter!(
        COPIES_LOST,
        Unit::Count,
        "Writes that could not be handed over to be copied to the other members."
    );
    describe_gauge!(CAPACITY, Unit::Bytes, "Most that messages may take on disk.");
    describe_gauge!(ANSWER_BYTES, Unit::Bytes, "Bytes of answers that are being put together.");
    describe_counter!(ANSWERS_SHED, Unit::Count, "Answers for which there was no memory left.");
    describe_counter!(
        ANNOUNCEMENTS,
        Unit::Count,
        "New messages for subscribers, by what became of them on the way to the actor that tells them."
    );
    for method in METHODS.into_iter().chain([NO_METHOD]) {
        for outcome in OUTCOMES {
            counter!(REQUESTS, "method" => method, "outcome" => outcome).increment(0);
        }
    }
    for outcome in OUTCOMES {
        counter!(FORWARDED, "outcome" => outcome).increment(0);
    }
    for stored in Stored::ALL {
        counter!(STORES, "outcome" => stored.label()).increment(0);
    }
    for announced in Announced::ALL {
        counter!(ANNOUNCEMENTS, "outcome" => announced.label()).increment(0);
    }
    for name in [RETRIEVED, COMMITS, COMMIT_FAILURES, EXPIRED, COPIES_LOST, ANSWERS_SHED] {
        counter!(name).increment(0);
    }
    gauge!(ANSWER_BYTES).set(0.0);
    gauge!(MESSAGES).set(0.0);
    gauge!(BODY_BYTES).set(0.0);
    // Naming a histogram is enough to have it listed once a recorder keeps it.
    let _ = histogram!(COMMIT_OPERATIONS);
    let _ = histogram!(COMMIT_DURATION);
}

fn outcome(status: u16) -> &'static str {
    match status {
        200..=299 => "ok",
        421 => "wrong_swarm",
        400..=499 => "refused",
        _ => "failed",
    }
}

/// A client's request was answered; `method` is absent where none was understood.
pub(crate) fn answered(method: Option<&'static str>, status: u16) {
    counter!(REQUESTS, "method" => method.unwrap_or(NO_METHOD), "outcome" => outcome(status)).increment(1);
}

pub(crate) fn forwarded(status: u16) {
    counter!(FORWARDED, "outcome" => outcome(status)).increment(1);
}

pub(crate) fn stored(stored: Stored) {
    counter!(STORES, "outcome" => stored.label()).increment(1);
}

pub(crate) fn retrieved(n_messages: usize) {
    counter!(RETRIEVED).increment(n_messages as u64);
}

pub(crate) fn committed(n_operations: usize, took: Duration) {
    counter!(COMMITS).increment(1);
    histogram!(COMMIT_OPERATIONS).record(n_operations as f64);
    histogram!(COMMIT_DURATION).record(took);
}

pub(crate) fn commit_failed() {
    counter!(COMMIT_FAILURES).increment(1);
}

pub(crate) fn stock(rows: u64, body_bytes: u64) {
    // Both are below 2^52, where a float would begin to round.
    gauge!(MESSAGES).set(rows as f64);
    gauge!(BODY_BYTES).set(body_bytes as f64);
}

pub(crate) fn expired(n_messages: usize) {
    counter!(EXPIRED).increment(n_messages as u64);
}

pub(crate) fn capacity(bytes: u64) {
    // Below 2^52, as above.
    gauge!(CAPACITY).set(bytes as f64);
}

pub(crate) fn answer_bytes(bytes: u64) {
    gauge!(ANSWER_BYTES).set(bytes as f64);
}

pub(crate) fn answer_shed() {
    counter!(ANSWERS_SHED).increment(1);
}

pub(crate) fn announced(announced: Announced, n_messages: usize) {
    counter!(ANNOUNCEMENTS, "outcome" => announced.label()).increment(n_messages as u64);
}

pub(crate) fn copies_lost() {
    counter!(COPIES_LOST).increment(1);
}
