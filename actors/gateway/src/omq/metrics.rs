//! What the OxenMQ door counts. No label is a stranger's choice.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use starling_protocol::omq::{Action, Refusal};

const REQUESTS: &str = "omq_requests_total";
const DURATION: &str = "omq_request_duration_seconds";
const REFUSED: &str = "omq_refused_commands_total";
const NOTICES: &str = "omq_notices_total";
const CONNECTIONS: &str = "omq_connections";
const ENDED: &str = "omq_connections_ended_total";

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noticed {
    Sent,
    Dropped,
}

/// Why a connection ended, or was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client, or libzmq for a fault of the client in encryption or framing.
    Closed,
    /// There were too many from that address.
    Crowd,
    /// A message was not finished, or nothing was read.
    Stalled,
    /// An answer would have been too much to keep for somebody who does not read.
    Unread,
    /// Nothing but heartbeats.
    Idle,
}

impl Ending {
    const ALL: [Ending; 5] = [Ending::Closed, Ending::Crowd, Ending::Stalled, Ending::Unread, Ending::Idle];

    fn label(self) -> &'static str {
        match self {
            Ending::Closed => "closed",
            Ending::Crowd => "crowd",
            Ending::Stalled => "stalled",
            Ending::Unread => "unread",
            Ending::Idle => "idle",
        }
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const CATEGORIES: [&str; 2] = ["storage", "monitor"];

fn category(action: Action) -> &'static str {
    match action {
        Action::Storage(_) => CATEGORIES[0],
        Action::Monitor => CATEGORIES[1],
    }
}

/// Says what the series mean, and registers each at zero.
pub(super) fn register() {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Requests over OxenMQ, by category and class of the answer's status."
    );
    describe_histogram!(DURATION, Unit::Seconds, "Time from a request's arrival to its answer, by category.");
    describe_counter!(REFUSED, Unit::Count, "Commands over OxenMQ that are not for clients, by refusal.");
    describe_counter!(
        NOTICES,
        Unit::Count,
        "Notifications over OxenMQ: sent, or dropped for a client that does not read."
    );
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections to the OxenMQ door.");
    describe_counter!(ENDED, Unit::Count, "Connections to the OxenMQ door that ended, by reason.");
    for category in CATEGORIES {
        for class in CLASSES {
            counter!(REQUESTS, "category" => category, "status" => class).increment(0);
        }
        // Naming the histogram is enough to have it listed once a recorder keeps it.
        let _ = histogram!(DURATION, "category" => category);
    }
    for refusal in Refusal::ALL {
        counter!(REFUSED, "refusal" => refusal.word()).increment(0);
    }
    for outcome in ["sent", "dropped"] {
        counter!(NOTICES, "outcome" => outcome).increment(0);
    }
    for ending in Ending::ALL {
        counter!(ENDED, "reason" => ending.label()).increment(0);
    }
    gauge!(CONNECTIONS).set(0.0);
}

/// One request was answered.
pub(super) fn answered(action: Action, status: u16, took: Duration) {
    let class = CLASSES[usize::from(status / 100).clamp(1, 5) - 1];
    counter!(REQUESTS, "category" => category(action), "status" => class).increment(1);
    histogram!(DURATION, "category" => category(action)).record(took);
}

/// A command was refused.
pub(super) fn refused(refusal: Refusal) {
    counter!(REFUSED, "refusal" => refusal.word()).increment(1);
}

/// A notification met its fate.
pub(super) fn noticed(outcome: Noticed) {
    let outcome = match outcome {
        Noticed::Sent => "sent",
        Noticed::Dropped => "dropped",
    };
    counter!(NOTICES, "outcome" => outcome).increment(1);
}

/// A connection was opened.
pub(super) fn opened() {
    gauge!(CONNECTIONS).increment(1.0);
}

/// An open connection is gone.
pub(super) fn closed() {
    gauge!(CONNECTIONS).decrement(1.0);
}

/// A connection ended, or was not begun.
pub(super) fn ended(ending: Ending) {
    counter!(ENDED, "reason" => ending.label()).increment(1);
}
