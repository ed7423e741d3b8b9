//! What the actor counts. No label names a node.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use starling_contracts::routing::Error;

use super::reaction::{Blame, Event};

const REQUESTS: &str = "routing_paths_requests_total";
const REQUEST_DURATION: &str = "routing_paths_request_duration_seconds";
const TRIES: &str = "routing_paths_tries_total";
const RETRIES: &str = "routing_paths_retries_total";
const BLAMES: &str = "routing_paths_blames_total";
const BUILDS: &str = "routing_paths_builds_total";
const ROTATIONS: &str = "routing_paths_rotations_total";
const REFRESHES: &str = "routing_paths_refreshes_total";
const POOL: &str = "routing_paths_pool_nodes";
const STANDING: &str = "routing_paths_standing";
const CLOCK_OFFSET: &str = "routing_paths_clock_offset_seconds";

const OUTCOMES: [&str; 6] = ["answered", "no_answer", "refused", "unreadable", "no_nodes", "failed"];
const TRY_OUTCOMES: [&str; 9] = [
    "answered",
    "guard_unreachable",
    "gone",
    "not_ready",
    "blocked",
    "timed_out",
    "refused",
    "unreadable",
    "destination_failed",
];
const BLAMED: [&str; 4] = ["node_struck", "path_struck", "node_dropped", "guard_suspected"];

/// Where a node list came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A seed.
    Seed,
    /// Nodes of the network, through onion requests.
    Nodes,
}

impl Source {
    const fn label(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Nodes => "nodes",
        }
    }
}

/// Describes the series and makes them visible at zero.
pub(super) fn register() {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Requests that were to go through the onion network, by outcome."
    );
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time until a request was answered or given up.");
    describe_counter!(TRIES, Unit::Count, "Single tries of requests, by how each ended.");
    describe_counter!(RETRIES, Unit::Count, "Tries after the first of a request.");
    describe_counter!(BLAMES, Unit::Count, "Strikes and drops of nodes and paths.");
    describe_counter!(BUILDS, Unit::Count, "Paths built, by whether the guard answered.");
    describe_counter!(ROTATIONS, Unit::Count, "Paths that got new nodes behind their guard.");
    describe_counter!(REFRESHES, Unit::Count, "Fetches of the node list, by source and outcome.");
    describe_gauge!(POOL, Unit::Count, "Service nodes known.");
    describe_gauge!(STANDING, Unit::Count, "Paths that stand ready.");
    describe_gauge!(CLOCK_OFFSET, Unit::Seconds, "How far the network's time is ahead of this machine's.");
    OUTCOMES.iter().for_each(|outcome| counter!(REQUESTS, "outcome" => *outcome).increment(0));
    TRY_OUTCOMES.iter().for_each(|outcome| counter!(TRIES, "outcome" => *outcome).increment(0));
    BLAMED.iter().for_each(|what| counter!(BLAMES, "what" => *what).increment(0));
    for ok in [true, false] {
        counter!(BUILDS, "outcome" => outcome(ok)).increment(0);
        for source in [Source::Seed, Source::Nodes] {
            counter!(REFRESHES, "source" => source.label(), "outcome" => outcome(ok)).increment(0);
        }
    }
    counter!(RETRIES).increment(0);
    counter!(ROTATIONS).increment(0);
    gauge!(POOL).set(0.0);
    gauge!(STANDING).set(0.0);
    gauge!(CLOCK_OFFSET).set(0.0);
    // Naming the histogram is enough to have it listed once a recorder keeps it.
    let _ = histogram!(REQUEST_DURATION);
}

const fn outcome(ok: bool) -> &'static str {
    if ok { "done" } else { "failed" }
}

pub(super) fn request<T>(outcome: &Result<T, Error>, took: Duration) {
    let outcome = match outcome {
        Ok(_) => "answered",
        Err(Error::NoAnswer { .. }) => "no_answer",
        Err(Error::Refused { .. } | Error::UnknownDestination) => "refused",
        Err(Error::Unreadable) => "unreadable",
        Err(Error::NoNodeReachable | Error::TooFewNodes { .. }) => "no_nodes",
        Err(_) => "failed",
    };
    counter!(REQUESTS, "outcome" => outcome).increment(1);
    histogram!(REQUEST_DURATION).record(took);
}

pub(super) fn tried(event: &Event) {
    let outcome = match event {
        Event::GuardUnreachable => "guard_unreachable",
        Event::DestinationGone | Event::HopGone(_) | Event::StrangerGone => "gone",
        Event::GuardNotReady | Event::NodeNotReady(_) => "not_ready",
        Event::Congested | Event::NoExit => "blocked",
        Event::PathTimedOut => "timed_out",
        Event::OtherPlain(_) => "refused",
        Event::Unreadable => "unreadable",
        Event::DestinationFailed { .. } => "destination_failed",
        Event::ClockOff { .. } | Event::WrongSwarm | Event::Answered => "answered",
    };
    counter!(TRIES, "outcome" => outcome).increment(1);
}

pub(super) fn retry() {
    counter!(RETRIES).increment(1);
}

pub(super) fn blamed(event: &Event, blame: Blame) {
    let what = match (event, blame) {
        (Event::GuardUnreachable, _) => "guard_suspected",
        (_, Blame::StrikeGuard | Blame::StrikeNode(_) | Blame::StrikeDestination) => "node_struck",
        (_, Blame::StrikePath) => "path_struck",
        (_, Blame::DropHop(_) | Blame::DropDestination) => "node_dropped",
        (_, Blame::Praise | Blame::Nobody) => return,
    };
    counter!(BLAMES, "what" => what).increment(1);
}

pub(super) fn suspects_struck(count: usize) {
    counter!(BLAMES, "what" => "node_struck").increment(u64::try_from(count).unwrap_or(u64::MAX));
}

pub(super) fn built(ok: bool) {
    counter!(BUILDS, "outcome" => outcome(ok)).increment(1);
}

pub(super) fn rotated(count: usize) {
    counter!(ROTATIONS).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

pub(super) fn refreshed(source: Source, ok: bool) {
    counter!(REFRESHES, "source" => source.label(), "outcome" => outcome(ok)).increment(1);
}

pub(super) fn known(nodes: usize, paths: usize) {
    // Both are far below 2^52, where a float would begin to round.
    gauge!(POOL).set(nodes as f64);
    gauge!(STANDING).set(paths as f64);
}

pub(super) fn clock_offset(milliseconds: i64) {
    gauge!(CLOCK_OFFSET).set(milliseconds as f64 / 1000.0);
}
