//! What the edge counts. Requests by route and class of status: both sets are small and none of them is a stranger's choice.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::shares::Shortage;

const REQUESTS: &str = "gateway_requests_total";
const DURATION: &str = "gateway_request_duration_seconds";
const REFUSED: &str = "gateway_refused_total";
const MEMORY: &str = "gateway_memory_bytes";
const CONNECTIONS: &str = "gateway_connections";
const CONNECTIONS_REFUSED: &str = "gateway_connections_refused_total";
const CONNECTIONS_CUT: &str = "gateway_connections_cut_total";

/// Where a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    StorageRpc,
    Onion,
    NodeList,
    Ping,
    Stats,
    Unknown,
}

impl Route {
    const ALL: [Route; 6] =
        [Route::StorageRpc, Route::Onion, Route::NodeList, Route::Ping, Route::Stats, Route::Unknown];

    fn label(self) -> &'static str {
        match self {
            Route::StorageRpc => "storage_rpc",
            Route::Onion => "onion_req",
            Route::NodeList => "json_rpc",
            Route::Ping => "ping_test",
            Route::Stats => "get_stats",
            Route::Unknown => "unknown",
        }
    }
}

/// Why the edge turned a request away without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooLarge,
    TooMany,
    TooSlow,
    Memory,
    Broken,
    Panicked,
}

impl Refusal {
    const ALL: [Refusal; 6] = [
        Refusal::TooLarge,
        Refusal::TooMany,
        Refusal::TooSlow,
        Refusal::Memory,
        Refusal::Broken,
        Refusal::Panicked,
    ];

    fn label(self) -> &'static str {
        match self {
            Refusal::TooLarge => "too_large",
            Refusal::TooMany => "too_many",
            Refusal::TooSlow => "too_slow",
            Refusal::Memory => "memory",
            Refusal::Broken => "broken",
            Refusal::Panicked => "panicked",
        }
    }
}

/// Why a connection was closed by this side while its client still held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client did not read its answer.
    Unread,
    /// The client did not finish a head.
    Head,
}

impl Cut {
    const ALL: [Cut; 2] = [Cut::Unread, Cut::Head];

    fn label(self) -> &'static str {
        match self {
            Cut::Unread => "unread",
            Cut::Head => "head",
        }
    }
}

const fn shortage(shortage: Shortage) -> &'static str {
    match shortage {
        Shortage::Exhausted => "total",
        Shortage::Share => "address",
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Says what the series mean, and registers each at zero.
pub(crate) fn register() {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Requests to the HTTPS API, by route and class of the answer's status."
    );
    describe_histogram!(DURATION, Unit::Seconds, "Time from a request's head to its answer, by route.");
    describe_counter!(REFUSED, Unit::Count, "Requests that the edge turned away by itself, by reason.");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory that bodies and answers take now.");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections to the HTTPS API.");
    describe_counter!(
        CONNECTIONS_REFUSED,
        Unit::Count,
        "Connections closed at once: too many of one address, or too many in all."
    );
    describe_counter!(
        CONNECTIONS_CUT,
        Unit::Count,
        "Connections closed because the client did not read its answer or finish a head."
    );
    for route in Route::ALL {
        for class in CLASSES {
            counter!(REQUESTS, "route" => route.label(), "status" => class).increment(0);
        }
        // Naming the histogram is enough to have it listed once a recorder keeps it.
        let _ = histogram!(DURATION, "route" => route.label());
    }
    for refusal in Refusal::ALL {
        counter!(REFUSED, "reason" => refusal.label()).increment(0);
    }
    for label in [Shortage::Exhausted, Shortage::Share].map(shortage) {
        counter!(CONNECTIONS_REFUSED, "bound" => label).increment(0);
    }
    for cut in Cut::ALL {
        counter!(CONNECTIONS_CUT, "reason" => cut.label()).increment(0);
    }
    gauge!(MEMORY).set(0.0);
    gauge!(CONNECTIONS).set(0.0);
}

/// One request was answered.
pub(crate) fn answered(route: Route, status: u16, took: Duration) {
    let class = CLASSES[usize::from(status / 100).clamp(1, 5) - 1];
    counter!(REQUESTS, "route" => route.label(), "status" => class).increment(1);
    histogram!(DURATION, "route" => route.label()).record(took);
}

/// One request was turned away by the edge itself.
pub(crate) fn refused(refusal: Refusal) {
    counter!(REFUSED, "reason" => refusal.label()).increment(1);
}

/// A body or an answer began to take `bytes` more.
pub(crate) fn memory_taken(bytes: usize) {
    gauge!(MEMORY).increment(as_f64(bytes));
}

/// A body or an answer of `bytes` was let go.
pub(crate) fn memory_freed(bytes: usize) {
    gauge!(MEMORY).decrement(as_f64(bytes));
}

/// A connection was taken.
pub(crate) fn connection_opened() {
    gauge!(CONNECTIONS).increment(1.0);
}

/// A connection that was taken has ended.
pub(crate) fn connection_closed() {
    gauge!(CONNECTIONS).decrement(1.0);
}

/// A connection was not taken.
pub(crate) fn connection_refused(bound: Shortage) {
    counter!(CONNECTIONS_REFUSED, "bound" => shortage(bound)).increment(1);
}

/// A connection was closed by this side.
pub(crate) fn connection_cut(cut: Cut) {
    counter!(CONNECTIONS_CUT, "reason" => cut.label()).increment(1);
}

fn as_f64(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
