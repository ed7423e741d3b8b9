//! What the ledger counts.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const COMMITS: &str = "plugins_ledger_commits_total";
const COMMIT_FAILURES: &str = "plugins_ledger_commit_failures_total";
const COMMIT_CALLS: &str = "plugins_ledger_commit_calls";
const COMMIT_DURATION: &str = "plugins_ledger_commit_duration_seconds";
const DROPPED: &str = "plugins_ledger_quarantine_dropped_total";
const GIVEN_UP: &str = "plugins_ledger_given_up_total";

pub(super) fn describe() {
    describe_counter!(COMMITS, Unit::Count, "Commits of what plugins keep.");
    describe_counter!(
        COMMIT_FAILURES,
        Unit::Count,
        "Commits of what plugins keep that failed; their calls were undone."
    );
    describe_histogram!(COMMIT_CALLS, Unit::Count, "Calls and deliveries that one commit wrote.");
    describe_histogram!(COMMIT_DURATION, Unit::Seconds, "How long one commit of what plugins keep took.");
    describe_counter!(DROPPED, Unit::Count, "Quarantined events that made room for newer ones, by plugin.");
    describe_counter!(GIVEN_UP, Unit::Count, "Messages of plugins that were never sent, by plugin.");
}

pub(super) fn committed(calls: usize, took: Duration) {
    counter!(COMMITS).increment(1);
    histogram!(COMMIT_CALLS).record(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)));
    histogram!(COMMIT_DURATION).record(took.as_secs_f64());
}

pub(super) fn commit_failed() {
    counter!(COMMIT_FAILURES).increment(1);
}

pub(super) fn dropped(plugin: &str, events: u64) {
    counter!(DROPPED, "plugin" => plugin.to_owned()).increment(events);
}

pub(super) fn given_up(plugin: &str) {
    counter!(GIVEN_UP, "plugin" => plugin.to_owned()).increment(1);
}
