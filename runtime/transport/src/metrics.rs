//! What an operator sees of the transport. No label names a peer.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use starling_contracts::transport::{Error, Protocol};
use starling_kernel::CallError;

const CONNECTIONS: &str = "transport_connections";
const CONNECTIONS_OPENED: &str = "transport_connections_opened_total";
const CONNECTIONS_REFUSED: &str = "transport_connections_refused_total";
const DIALS_FAILED: &str = "transport_dials_failed_total";
const LOOKUPS: &str = "transport_lookups_total";
const REQUESTS_OUT: &str = "transport_requests_out_total";
const REQUESTS_WAITING: &str = "transport_requests_waiting";
const REQUESTS_IN: &str = "transport_requests_in_total";
const BYTES: &str = "transport_bytes_total";
const NOTICES_LOST: &str = "transport_notices_lost_total";
const SUBSCRIBERS: &str = "transport_subscribers";
const HTTPS_REQUESTS: &str = "transport_https_requests_total";
const HTTPS_BYTES: &str = "transport_https_bytes_total";
const WEB_REQUESTS: &str = "transport_web_requests_total";
const WEB_BYTES: &str = "transport_web_bytes_total";
const WEB_FETCHES: &str = "transport_web_fetches_total";
const WEB_FETCH_BYTES: &str = "transport_web_fetch_bytes_total";

/// All of them.
pub(crate) const PROTOCOLS: [Protocol; 6] = [
    Protocol::Onion,
    Protocol::Storage,
    Protocol::Swarm,
    Protocol::Ping,
    Protocol::Monitor,
    Protocol::Notify,
];
const WEB_OUTCOMES: [&str; 9] = [
    "done",
    "unreachable",
    "timed_out",
    "too_large",
    "busy",
    "broken",
    "forbidden",
    "untrusted",
    "redirected",
];
const FETCH_OUTCOMES: [&str; 9] = [
    "done",
    "unreachable",
    "timed_out",
    "too_large",
    "busy",
    "broken",
    "forbidden",
    "untrusted",
    "bad_request",
];
const CALL_OUTCOMES: [&str; 8] =
    ["done", "unreachable", "timed_out", "not_served", "too_large", "busy", "broken", "refused"];

/// What became of a request of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// It was handed on and answered.
    Answered,
    /// It was answered that too many of this peer are being worked on.
    Busy,
    /// It was answered that this peer asks too often.
    TooMany,
    /// The protocol is not served to this peer.
    NotServed,
    /// It did not arrive whole, or its answer could not be sent.
    Broken,
}

impl Inbound {
    const ALL: [Self; 5] = [Self::Answered, Self::Busy, Self::TooMany, Self::NotServed, Self::Broken];

    const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::TooMany => "too_many",
            Self::NotServed => "not_served",
            Self::Broken => "broken",
        }
    }
}

/// Which way something went, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From a peer.
    In,
    /// To a peer.
    Out,
}

impl Direction {
    const ALL: [Self; 2] = [Self::In, Self::Out];

    const fn label(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Describes the series and shows them at zero.
pub(crate) fn register() {
    describe_gauge!(CONNECTIONS, Unit::Count, "libp2p connections that are open.");
    describe_counter!(CONNECTIONS_OPENED, Unit::Count, "libp2p connections established, by who opened them.");
    describe_counter!(CONNECTIONS_REFUSED, Unit::Count, "Connections of others that failed or hit a limit.");
    describe_counter!(
        DIALS_FAILED,
        Unit::Count,
        "Tries to connect to a peer that failed, per carrier tried."
    );
    describe_counter!(LOOKUPS, Unit::Count, "Times other nodes were asked for the address of a listed peer.");
    describe_counter!(REQUESTS_OUT, Unit::Count, "Requests to peers, by protocol and what came of them.");
    describe_gauge!(
        REQUESTS_WAITING,
        Unit::Count,
        "Requests of listed nodes, and of strangers, that wait for their turn."
    );
    describe_counter!(REQUESTS_IN, Unit::Count, "Requests of peers, by protocol and what came of them.");
    describe_counter!(BYTES, Unit::Bytes, "Bodies of requests and answers, by protocol and direction.");
    describe_counter!(HTTPS_REQUESTS, Unit::Count, "Requests over HTTPS, by what came of them.");
    describe_counter!(HTTPS_BYTES, Unit::Bytes, "Bodies over HTTPS, by direction.");
    describe_counter!(
        WEB_REQUESTS,
        Unit::Count,
        "Requests to web servers for onion requests of others, by what came of them."
    );
    describe_counter!(WEB_BYTES, Unit::Bytes, "Bodies to and from those web servers, by direction.");
    describe_counter!(WEB_FETCHES, Unit::Count, "Requests of plugins to web servers, by what came of them.");
    describe_counter!(WEB_FETCH_BYTES, Unit::Bytes, "Bodies to and from those web servers, by direction.");
    describe_counter!(
        NOTICES_LOST,
        Unit::Count,
        "Notices for which a subscriber had no room, by whether it is a peer (out) or in this process (in)."
    );
    describe_gauge!(SUBSCRIBERS, Unit::Count, "Peers whose connections are kept for notices.");
    gauge!(SUBSCRIBERS).set(0.0);
    gauge!(CONNECTIONS).set(0.0);
    for is_listed in [false, true] {
        requests_waiting(is_listed, 0);
    }
    counter!(CONNECTIONS_REFUSED).increment(0);
    counter!(DIALS_FAILED).increment(0);
    counter!(LOOKUPS).increment(0);
    for direction in Direction::ALL.map(Direction::label) {
        counter!(CONNECTIONS_OPENED, "direction" => direction).increment(0);
        counter!(NOTICES_LOST, "direction" => direction).increment(0);
        counter!(HTTPS_BYTES, "direction" => direction).increment(0);
        counter!(WEB_BYTES, "direction" => direction).increment(0);
        counter!(WEB_FETCH_BYTES, "direction" => direction).increment(0);
        for protocol in PROTOCOLS.map(label) {
            counter!(BYTES, "protocol" => protocol, "direction" => direction).increment(0);
        }
    }
    for outcome in WEB_OUTCOMES {
        counter!(WEB_REQUESTS, "outcome" => outcome).increment(0);
    }
    for outcome in FETCH_OUTCOMES {
        counter!(WEB_FETCHES, "outcome" => outcome).increment(0);
    }
    for outcome in CALL_OUTCOMES {
        counter!(HTTPS_REQUESTS, "outcome" => outcome).increment(0);
        for protocol in PROTOCOLS.map(label) {
            counter!(REQUESTS_OUT, "protocol" => protocol, "outcome" => outcome).increment(0);
        }
    }
    for outcome in Inbound::ALL.map(Inbound::label) {
        for protocol in PROTOCOLS.map(label) {
            counter!(REQUESTS_IN, "protocol" => protocol, "outcome" => outcome).increment(0);
        }
    }
}

pub(crate) fn connections(open: u32) {
    gauge!(CONNECTIONS).set(f64::from(open));
}

pub(crate) fn connection_opened(direction: Direction) {
    counter!(CONNECTIONS_OPENED, "direction" => direction.label()).increment(1);
}

pub(crate) fn connection_refused() {
    counter!(CONNECTIONS_REFUSED).increment(1);
}

pub(crate) fn subscribers(count: usize) {
    // Far below 2^52, where a float would begin to round.
    gauge!(SUBSCRIBERS).set(count as f64);
}

pub(crate) fn notices_lost(direction: Direction, count: usize) {
    counter!(NOTICES_LOST, "direction" => direction.label()).increment(wide(count));
}

pub(crate) fn dial_failed() {
    counter!(DIALS_FAILED).increment(1);
}

pub(crate) fn lookup() {
    counter!(LOOKUPS).increment(1);
}

pub(crate) fn request_out<T>(protocol: Protocol, result: &Result<T, Error>) {
    counter!(REQUESTS_OUT, "protocol" => label(protocol), "outcome" => outcome(result)).increment(1);
}

pub(crate) fn request_in(protocol: Protocol, outcome: Inbound) {
    counter!(REQUESTS_IN, "protocol" => label(protocol), "outcome" => outcome.label()).increment(1);
}

pub(crate) fn requests_waiting(is_listed: bool, count: usize) {
    let peers = if is_listed { "listed" } else { "strangers" };
    gauge!(REQUESTS_WAITING, "peers" => peers).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}

pub(crate) fn bytes(protocol: Protocol, direction: Direction, count: usize) {
    counter!(BYTES, "protocol" => label(protocol), "direction" => direction.label()).increment(wide(count));
}

pub(crate) fn https_request<T>(result: &Result<T, Error>) {
    counter!(HTTPS_REQUESTS, "outcome" => outcome(result)).increment(1);
}

pub(crate) fn https_bytes(direction: Direction, count: usize) {
    counter!(HTTPS_BYTES, "direction" => direction.label()).increment(wide(count));
}

pub(crate) fn web_request<T>(result: &Result<T, Error>) {
    let outcome = match result {
        Err(Error::ForbiddenAddress | Error::BadAddress) => "forbidden",
        Err(Error::UnknownName) => "unreachable",
        Err(Error::Untrusted) => "untrusted",
        Err(Error::Redirected) => "redirected",
        other => outcome(other),
    };
    counter!(WEB_REQUESTS, "outcome" => outcome).increment(1);
}

pub(crate) fn web_bytes(direction: Direction, count: usize) {
    counter!(WEB_BYTES, "direction" => direction.label()).increment(wide(count));
}

pub(crate) fn web_fetch<T>(result: &Result<T, Error>) {
    let outcome = match result {
        Err(Error::ForbiddenAddress) => "forbidden",
        Err(Error::BadAddress | Error::BadHeader { .. }) => "bad_request",
        Err(Error::UnknownName) => "unreachable",
        Err(Error::Untrusted) => "untrusted",
        other => outcome(other),
    };
    counter!(WEB_FETCHES, "outcome" => outcome).increment(1);
}

pub(crate) fn web_fetch_bytes(direction: Direction, count: usize) {
    counter!(WEB_FETCH_BYTES, "direction" => direction.label()).increment(wide(count));
}

const fn label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Onion => "onion",
        Protocol::Storage => "storage",
        Protocol::Swarm => "swarm",
        Protocol::Ping => "ping",
        Protocol::Monitor => "monitor",
        Protocol::Notify => "notify",
    }
}

fn outcome<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Error::Unreachable(_)) => "unreachable",
        Err(Error::TimedOut { .. }) => "timed_out",
        Err(Error::NotServed { .. }) => "not_served",
        Err(Error::TooLarge { .. }) => "too_large",
        Err(Error::Call(CallError::Busy { .. })) => "busy",
        Err(Error::WrongCertificate | Error::BadAddress) => "refused",
        Err(_) => "broken",
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Remembers every change of a counter, by name and labels.
    #[derive(Default)]
    struct Notebook(Arc<Mutex<Vec<(String, u64)>>>);

    struct Line(String, Arc<Mutex<Vec<(String, u64)>>>);

    impl CounterFn for Line {
        fn increment(&self, value: u64) {
            self.1.lock().unwrap().push((self.0.clone(), value));
        }

        fn absolute(&self, value: u64) {
            self.increment(value);
        }
    }

    impl Recorder for Notebook {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<_> =
                key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
            let line = Line(format!("{}{}", key.name(), labels.concat()), Arc::clone(&self.0));
            Counter::from_arc(Arc::new(line))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn whatever_is_counted_was_shown_at_zero_before() {
        let notebook = Notebook::default();
        let errors = [
            Error::Unreachable(String::new()),
            Error::TimedOut { within_ms: 1 },
            Error::NotServed { protocol: Protocol::Ping },
            Error::TooLarge { what: "answer", size: 1, limit: 0 },
            Error::WrongCertificate,
            Error::Broken(String::new()),
            Error::BadAddress,
            CallError::Busy { actor: "transport", capacity: 1 }.into(),
            CallError::Stopping { actor: "transport" }.into(),
        ];

        metrics::with_local_recorder(&notebook, || {
            register();
            notebook.0.lock().unwrap().push(("registered".to_owned(), 0));
            for protocol in PROTOCOLS {
                for error in &errors {
                    request_out::<()>(protocol, &Err(error.clone()));
                    https_request::<()>(&Err(error.clone()));
                }
                request_out(protocol, &Ok(()));
                Inbound::ALL.into_iter().for_each(|outcome| request_in(protocol, outcome));
                Direction::ALL.into_iter().for_each(|direction| bytes(protocol, direction, 1));
            }
            for error in [
                Error::Unreachable(String::new()),
                Error::UnknownName,
                Error::TimedOut { within_ms: 1 },
                Error::TooLarge { what: "answer", size: 1, limit: 0 },
                CallError::Busy { actor: "transport", capacity: 1 }.into(),
                Error::Broken(String::new()),
                Error::ForbiddenAddress,
                Error::BadAddress,
                Error::Untrusted,
                Error::Redirected,
            ] {
                web_request::<()>(&Err(error.clone()));
                web_fetch::<()>(&Err(error));
            }
            web_request(&Ok(()));
            web_fetch(&Ok(()));
            Direction::ALL.into_iter().for_each(|direction| web_fetch_bytes(direction, 1));
            Direction::ALL.into_iter().for_each(|direction| web_bytes(direction, 1));
            Direction::ALL.into_iter().for_each(connection_opened);
            Direction::ALL.into_iter().for_each(|direction| notices_lost(direction, 1));
            Direction::ALL.into_iter().for_each(|direction| https_bytes(direction, 1));
            https_request(&Ok(()));
            connection_refused();
            dial_failed();
            lookup();
        });

        let lines = notebook.0.lock().unwrap();
        let registered = lines.iter().position(|(name, _)| name == "registered").unwrap();
        let (before, after) = lines.split_at(registered);
        assert!(before.iter().all(|(_, value)| *value == 0));
        for (name, value) in &after[1..] {
            assert!(before.iter().any(|(known, _)| known == name), "{name} was not there at the start");
            assert_ne!(*value, 0);
        }
        let names: Vec<_> = after.iter().map(|(name, _)| name).collect();
        assert!(before.iter().all(|(name, _)| names.contains(&name)), "what is shown can happen");
    }
}
