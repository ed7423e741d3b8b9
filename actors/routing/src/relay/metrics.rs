//! What the relay counts: how requests ended, never whose they were.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const ONIONS: &str = "relay_onions_total";
const PEEL: &str = "relay_peel_duration_seconds";

/// How a request ended at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was for this node.
    Destination,
    /// It was passed on, and an answer of whatever kind came back.
    Forwarded,
    /// A web server was asked for.
    WebServer,
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
    /// Too much was under way to the next node.
    Congested,
    /// It broke here.
    Failed,
}

impl End {
    const ALL: [End; 11] = [
        End::Destination,
        End::Forwarded,
        End::WebServer,
        End::Invalid,
        End::NotReady,
        End::Unknown,
        End::Unreachable,
        End::TimedOut,
        End::BadAnswer,
        End::Congested,
        End::Failed,
    ];

    fn label(self) -> &'static str {
        match self {
            End::Destination => "destination",
            End::Forwarded => "forwarded",
            End::WebServer => "web_server",
            End::Invalid => "invalid",
            End::NotReady => "not_ready",
            End::Unknown => "unknown",
            End::Unreachable => "unreachable",
            End::TimedOut => "timed_out",
            End::BadAnswer => "bad_answer",
            End::Congested => "congested",
            End::Failed => "failed",
        }
    }
}

/// Says what the series mean, and registers each at zero.
pub(super) fn register() {
    describe_counter!(ONIONS, Unit::Count, "Onion requests that reached this node, by how they ended here.");
    describe_histogram!(PEEL, Unit::Seconds, "Time to open one layer, waiting for the cpu pool included.");
    for end in End::ALL {
        counter!(ONIONS, "end" => end.label()).increment(0);
    }
    // Naming the histogram is enough to have it listed once a recorder keeps it.
    let _ = histogram!(PEEL);
}

/// One request ended.
pub(super) fn ended(end: End) {
    counter!(ONIONS, "end" => end.label()).increment(1);
}

/// One layer was opened, or could not be.
pub(super) fn peeled(took: Duration) {
    histogram!(PEEL).record(took);
}
