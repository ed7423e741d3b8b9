//! What the edge counts. Requests by route and class of status: both sets are small and none of them is a stranger's choice.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const REQUESTS: &str = "gateway_requests_total";
const DURATION: &str = "gateway_request_duration_seconds";
const REFUSED: &str = "gateway_refused_total";
const BODIES: &str = "gateway_bodies_bytes";

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
    TooSlow,
    Memory,
    Broken,
    Panicked,
}

impl Refusal {
    const ALL: [Refusal; 5] =
        [Refusal::TooLarge, Refusal::TooSlow, Refusal::Memory, Refusal::Broken, Refusal::Panicked];

    fn label(self) -> &'static str {
        match self {
            Refusal::TooLarge => "too_large",
            Refusal::TooSlow => "too_slow",
            Refusal::Memory => "memory",
            Refusal::Broken => "broken",
            Refusal::Panicked => "panicked",
        }
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
    describe_gauge!(BODIES, Unit::Bytes, "Memory that request bodies take now.");
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
    gauge!(BODIES).set(0.0);
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

/// A body began to take `bytes` more.
pub(crate) fn body_grew(bytes: usize) {
    gauge!(BODIES).increment(as_f64(bytes));
}

/// A body of `bytes` was let go.
pub(crate) fn body_freed(bytes: usize) {
    gauge!(BODIES).decrement(as_f64(bytes));
}

fn as_f64(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
