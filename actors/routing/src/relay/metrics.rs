//! What the relay counts: how requests ended, never whose they were.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const ONIONS: &str = "relay_onions_total";
const PEEL: &str = "relay_peel_duration_seconds";
const QUEUED: &str = "relay_queued_onions";
const UNDER_WAY: &str = "relay_under_way_onions";
const WAIT: &str = "relay_wait_duration_seconds";

/// How a request ended at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was for this node.
    Destination,
    /// It was passed on, and an answer of whatever kind came back.
    Forwarded,
    /// A web server was asked, and answered.
    WebServer,
    /// A web server was not asked: it is not allowed, or no url.
    WebRefused,
    /// A web server was asked, and did not answer.
    WebFailed,
    /// It could not be read.
    Invalid,
    /// This node was not ready.
    NotReady,
    /// The next node is not listed.
    Unknown,
    /// The next node could not be reached.
    Unreachable,
    /// The next node did not answer in time.
    TimedOut,
    /// The next node answered nonsense.
    BadAnswer,
    /// Too much was under way to the next node, or came from the last.
    Congested,
    /// Too much came from one address.
    Crowded,
    /// It broke here.
    Failed,
}

impl End {
    const ALL: [End; 14] = [
        End::Destination,
        End::Forwarded,
        End::WebServer,
        End::WebRefused,
        End::WebFailed,
        End::Invalid,
        End::NotReady,
        End::Unknown,
        End::Unreachable,
        End::TimedOut,
        End::BadAnswer,
        End::Congested,
        End::Crowded,
        End::Failed,
    ];

    fn label(self) -> &'static str {
        match self {
            End::Destination => "destination",
            End::Forwarded => "forwarded",
            End::WebServer => "web_server",
            End::WebRefused => "web_refused",
            End::WebFailed => "web_failed",
            End::Invalid => "invalid",
            End::NotReady => "not_ready",
            End::Unknown => "unknown",
            End::Unreachable => "unreachable",
            End::TimedOut => "timed_out",
            End::BadAnswer => "bad_answer",
            End::Congested => "congested",
            End::Crowded => "crowded",
            End::Failed => "failed",
        }
    }
}

/// Says what the series mean, and registers each at zero.
pub(super) fn register() {
    describe_counter!(ONIONS, Unit::Count, "Onion requests that reached this node, by how they ended here.");
    describe_histogram!(PEEL, Unit::Seconds, "Time to open one layer, waiting for the cpu pool included.");
    describe_gauge!(QUEUED, Unit::Count, "Onion requests that wait for their turn.");
    describe_gauge!(
        UNDER_WAY,
        Unit::Count,
        "Onion requests that are being opened, or wait for what is behind."
    );
    describe_histogram!(WAIT, Unit::Seconds, "Time until an onion request has its turn, or is refused one.");
    gauge!(QUEUED).set(0.0);
    gauge!(UNDER_WAY).set(0.0);
    for end in End::ALL {
        counter!(ONIONS, "end" => end.label()).increment(0);
    }
    // Naming a histogram is enough to have it listed once a recorder keeps it.
    let _ = (histogram!(PEEL), histogram!(WAIT));
}

/// One request ended.
pub(super) fn ended(end: End) {
    counter!(ONIONS, "end" => end.label()).increment(1);
}

/// One layer was opened, or could not be.
pub(super) fn peeled(took: Duration) {
    histogram!(PEEL).record(took);
}

/// So many requests wait for their turn, and so many have it.
pub(super) fn waiting(queued: usize, under_way: usize) {
    // Both are far below 2^52, where a float would begin to round.
    gauge!(QUEUED).set(queued as f64);
    gauge!(UNDER_WAY).set(under_way as f64);
}

/// One request waited so long.
pub(super) fn waited(took: Duration) {
    histogram!(WAIT).record(took);
}
