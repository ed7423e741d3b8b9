//! What the door counts. None of the labels is a stranger's choice.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const CONNECTIONS: &str = "quic_connections_count";
const HANDSHAKES: &str = "quic_handshakes_total";
const REQUESTS: &str = "quic_requests_total";
const DURATION: &str = "quic_request_duration_seconds";
const ENDED: &str = "quic_streams_ended_total";
const MEMORY: &str = "quic_memory_bytes";
const NOTICES: &str = "quic_notices_total";

/// What became of somebody who knocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knock {
    Welcome,
    /// Had to prove its address first.
    Retried,
    /// The address, or all of them, have too many connections.
    Refused,
    /// The handshake broke off, or its time was up.
    Failed,
}

impl Knock {
    const ALL: [Knock; 4] = [Knock::Welcome, Knock::Retried, Knock::Refused, Knock::Failed];

    fn label(self) -> &'static str {
        match self {
            Knock::Welcome => "welcome",
            Knock::Retried => "retried",
            Knock::Refused => "refused",
            Knock::Failed => "failed",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Storage,
    Onion,
    Monitor,
    Ping,
    Unknown,
}

impl Endpoint {
    const ALL: [Endpoint; 5] =
        [Endpoint::Storage, Endpoint::Onion, Endpoint::Monitor, Endpoint::Ping, Endpoint::Unknown];

    fn label(self) -> &'static str {
        match self {
            Endpoint::Storage => "storage",
            Endpoint::Onion => "onion_req",
            Endpoint::Monitor => "monitor",
            Endpoint::Ping => "snode_ping",
            Endpoint::Unknown => "unknown",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Replied,
    /// An error reply of whoever was asked.
    Refused,
    /// The client asks too often.
    Limited,
    /// Too much is under way, or no memory is left.
    Busy,
    Panicked,
}

impl Outcome {
    const ALL: [Outcome; 5] =
        [Outcome::Replied, Outcome::Refused, Outcome::Limited, Outcome::Busy, Outcome::Panicked];

    fn label(self) -> &'static str {
        match self {
            Outcome::Replied => "replied",
            Outcome::Refused => "refused",
            Outcome::Limited => "limited",
            Outcome::Busy => "busy",
            Outcome::Panicked => "panicked",
        }
    }
}

/// Why a stream was given up; those that their client ended are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// What came on it is no message.
    Malformed,
    /// A message did not arrive in time.
    SlowWriter,
    /// An answer was not taken in time.
    SlowReader,
    /// A defect of ours.
    Panicked,
}

impl Ending {
    const ALL: [Ending; 4] = [Ending::Malformed, Ending::SlowWriter, Ending::SlowReader, Ending::Panicked];

    fn label(self) -> &'static str {
        match self {
            Ending::Malformed => "malformed",
            Ending::SlowWriter => "slow_writer",
            Ending::SlowReader => "slow_reader",
            Ending::Panicked => "panicked",
        }
    }
}

/// Says what the series mean, and registers each at zero.
pub(super) fn register() {
    describe_gauge!(CONNECTIONS, Unit::Count, "QUIC connections, those in their handshake included.");
    describe_counter!(HANDSHAKES, Unit::Count, "Tries to connect over QUIC, by outcome.");
    describe_counter!(REQUESTS, Unit::Count, "Commands over QUIC, by endpoint and outcome.");
    describe_histogram!(DURATION, Unit::Seconds, "Time from a whole command to its answer, by endpoint.");
    describe_counter!(ENDED, Unit::Count, "QUIC streams that were given up, by reason.");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory that commands and answers over QUIC take now.");
    describe_counter!(NOTICES, Unit::Count, "Notifications written to subscribers over QUIC.");
    gauge!(CONNECTIONS).set(0.0);
    gauge!(MEMORY).set(0.0);
    counter!(NOTICES).increment(0);
    for knock in Knock::ALL {
        counter!(HANDSHAKES, "outcome" => knock.label()).increment(0);
    }
    for endpoint in Endpoint::ALL {
        for outcome in Outcome::ALL {
            counter!(REQUESTS, "endpoint" => endpoint.label(), "outcome" => outcome.label()).increment(0);
        }
        // Naming the histogram is enough to have it listed once a recorder keeps it.
        let _ = histogram!(DURATION, "endpoint" => endpoint.label());
    }
    for ending in Ending::ALL {
        counter!(ENDED, "reason" => ending.label()).increment(0);
    }
}

/// Somebody knocked.
pub(super) fn knocked(knock: Knock) {
    counter!(HANDSHAKES, "outcome" => knock.label()).increment(1);
}

/// A connection came.
pub(super) fn connected() {
    gauge!(CONNECTIONS).increment(1.0);
}

/// A connection went.
pub(super) fn disconnected() {
    gauge!(CONNECTIONS).decrement(1.0);
}

/// A command was answered.
pub(super) fn answered(endpoint: Endpoint, outcome: Outcome, took: Duration) {
    counter!(REQUESTS, "endpoint" => endpoint.label(), "outcome" => outcome.label()).increment(1);
    histogram!(DURATION, "endpoint" => endpoint.label()).record(took);
}

/// A stream was given up.
pub(super) fn ended(ending: Ending) {
    counter!(ENDED, "reason" => ending.label()).increment(1);
}

/// A notification was written.
pub(super) fn notified() {
    counter!(NOTICES).increment(1);
}

/// So many bytes more are taken.
pub(super) fn memory_taken(bytes: usize) {
    gauge!(MEMORY).increment(as_f64(bytes));
}

/// So many bytes are free again.
pub(super) fn memory_freed(bytes: usize) {
    gauge!(MEMORY).decrement(as_f64(bytes));
}

fn as_f64(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
