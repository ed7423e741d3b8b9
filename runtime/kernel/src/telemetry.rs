//! Metrics that every actor has alike; the house prefix is added once, by the exporter.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const MAILBOX_DEPTH: &str = "actor_mailbox_depth";
const HANDLED: &str = "actor_handled_total";
const FAILED: &str = "actor_failed_total";
const REFUSED: &str = "actor_refused_total";
const RESTARTS: &str = "actor_restarts_total";
const DURATION: &str = "actor_handle_duration_seconds";
const EVENTS_LOST: &str = "actor_events_lost_total";

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// With an error, a panic, or the end of its actor.
    Failed,
}

/// Says once what the series mean.
pub(crate) fn describe() {
    describe_gauge!(MAILBOX_DEPTH, Unit::Count, "Messages waiting in an actor's mailbox.");
    describe_counter!(HANDLED, Unit::Count, "Messages an actor has handled, whatever came of it.");
    describe_counter!(
        FAILED,
        Unit::Count,
        "Messages an actor has begun and not answered well: errors, panics, and what a restart or a kill cut off."
    );
    describe_counter!(
        REFUSED,
        Unit::Count,
        "Messages turned away because the mailbox was full or the actor takes none any more."
    );
    describe_counter!(RESTARTS, Unit::Count, "Times an actor was restarted after a panic.");
    describe_histogram!(DURATION, Unit::Seconds, "Time from the start of handling a message to its answer.");
    describe_counter!(EVENTS_LOST, Unit::Count, "Events that a subscriber could not be told.");
}

/// Makes an actor's series visible at zero, before anything happens. Another runtime of this process may use them already,
/// so they are touched and not set.
pub(crate) fn register(actor: &'static str, messages: &[&'static str]) {
    gauge!(MAILBOX_DEPTH, "actor" => actor).increment(0.0);
    counter!(REFUSED, "actor" => actor).increment(0);
    counter!(RESTARTS, "actor" => actor).increment(0);
    for message in messages.iter().copied() {
        counter!(HANDLED, "actor" => actor, "message" => message).increment(0);
        counter!(FAILED, "actor" => actor, "message" => message).increment(0);
        // Naming the histogram is enough to have it listed once a recorder keeps it.
        let _ = histogram!(DURATION, "actor" => actor, "message" => message);
    }
}

/// Makes the series of an event visible at zero.
pub(crate) fn register_event(event: &'static str) {
    counter!(EVENTS_LOST, "event" => event).increment(0);
}

/// A message took a place in the mailbox. Threads race here, so the gauge is moved by one and never set.
pub(crate) fn entered(actor: &'static str) {
    gauge!(MAILBOX_DEPTH, "actor" => actor).increment(1.0);
}

/// A message gave its place back.
pub(crate) fn left(actor: &'static str) {
    gauge!(MAILBOX_DEPTH, "actor" => actor).decrement(1.0);
}

pub(crate) fn refused(actor: &'static str) {
    counter!(REFUSED, "actor" => actor).increment(1);
}

pub(crate) fn restarted(actor: &'static str) {
    counter!(RESTARTS, "actor" => actor).increment(1);
}

pub(crate) fn event_lost(event: &'static str) {
    counter!(EVENTS_LOST, "event" => event).increment(1);
}

pub(crate) fn handled(actor: &'static str, message: &'static str, outcome: Outcome, took: Duration) {
    counter!(HANDLED, "actor" => actor, "message" => message).increment(1);
    if outcome == Outcome::Failed {
        counter!(FAILED, "actor" => actor, "message" => message).increment(1);
    }
    histogram!(DURATION, "actor" => actor, "message" => message).record(took);
}
