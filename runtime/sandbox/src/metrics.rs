//! What the operator can count of plugins. The label `plugin` is a name from the settings, so that there are few.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::{
    call::{HostError, HostReply},
    event::Verdict,
    guest::FaultKind,
    manifest::PluginName,
};

const CALLS: &str = "plugin_calls_total";
const CALL_SECONDS: &str = "plugin_call_seconds";
const BUSY_MICROS: &str = "plugin_busy_microseconds_total";
const HOST_CALLS: &str = "plugin_host_calls_total";
const QUARANTINED: &str = "plugin_quarantined_total";
const THROTTLED: &str = "plugin_throttled_total";
const DELIVERED: &str = "plugin_sendings_delivered_total";
const VERDICTS: &str = "plugin_verdicts_total";
const RUNNING: &str = "plugins_running";

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallOutcome {
    Done,
    Retry,
    Rejected,
    Fault(FaultKind),
}

impl CallOutcome {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Done, Self::Retry, Self::Rejected].into_iter().chain(FaultKind::ALL.map(Self::Fault))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Rejected => "rejected",
            Self::Fault(kind) => kind.name(),
        }
    }
}

/// Says what the series mean.
pub(crate) fn describe() {
    describe_counter!(CALLS, Unit::Count, "Calls of plugins, by plugin, export and outcome.");
    describe_histogram!(
        CALL_SECONDS,
        Unit::Seconds,
        "How long calls of plugins took, the host's time included."
    );
    describe_counter!(BUSY_MICROS, Unit::Microseconds, "How long calls of plugins kept a thread busy.");
    describe_counter!(
        HOST_CALLS,
        Unit::Count,
        "What plugins asked of the host, by plugin, import and outcome; `access-denied` is a grant that was not given."
    );
    describe_counter!(
        QUARANTINED,
        Unit::Count,
        "Events that plugins could not handle and that were put aside."
    );
    describe_counter!(
        THROTTLED,
        Unit::Count,
        "Calls that waited because the plugin had used its share of a core or of the disk, by plugin and which."
    );
    describe_counter!(
        DELIVERED,
        Unit::Count,
        "Messages, reactions and deletions of plugins that a swarm took."
    );
    describe_counter!(VERDICTS, Unit::Count, "What filters said of messages, by plugin and verdict.");
    describe_gauge!(RUNNING, Unit::Count, "Plugins that take calls.");
    running(0);
}

/// Makes the series of a plugin visible at zero.
pub(crate) fn register(plugin: &PluginName) {
    let plugin = plugin.to_string();
    for outcome in CallOutcome::all() {
        counter!(CALLS, "plugin" => plugin.clone(), "export" => "on-start", "outcome" => outcome.name())
            .increment(0);
    }
    for name in [QUARANTINED, DELIVERED] {
        counter!(name, "plugin" => plugin.clone()).increment(0);
    }
    for of in ["core", "disk"] {
        counter!(THROTTLED, "plugin" => plugin.clone(), "of" => of).increment(0);
    }
}

pub(crate) fn called(
    plugin: &PluginName,
    export: &'static str,
    outcome: CallOutcome,
    took: Duration,
    busy: Duration,
) {
    let plugin = plugin.to_string();
    counter!(CALLS, "plugin" => plugin.clone(), "export" => export, "outcome" => outcome.name()).increment(1);
    histogram!(CALL_SECONDS, "plugin" => plugin.clone()).record(took.as_secs_f64());
    let micros = u64::try_from(busy.as_micros()).unwrap_or(u64::MAX);
    counter!(BUSY_MICROS, "plugin" => plugin).increment(micros);
}

pub(crate) fn host_call(plugin: &PluginName, import: &'static str, answer: &Result<HostReply, HostError>) {
    let outcome = match answer {
        Ok(_) => "ok",
        Err(error) => error.name(),
    };
    counter!(HOST_CALLS, "plugin" => plugin.to_string(), "import" => import, "outcome" => outcome)
        .increment(1);
}

pub(crate) fn quarantined(plugin: &PluginName) {
    counter!(QUARANTINED, "plugin" => plugin.to_string()).increment(1);
}

pub(crate) fn throttled(plugin: &PluginName, of: &'static str) {
    counter!(THROTTLED, "plugin" => plugin.to_string(), "of" => of).increment(1);
}

pub(crate) fn delivered(plugin: &PluginName) {
    counter!(DELIVERED, "plugin" => plugin.to_string()).increment(1);
}

pub(crate) fn judged(plugin: &PluginName, verdict: &Verdict) {
    let verdict = match verdict {
        Verdict::Allow => "allow",
        Verdict::Flag(_) => "flag",
        Verdict::Hold(_) => "hold",
        Verdict::Reject(_) => "reject",
        Verdict::Replace(_) => "replace",
    };
    counter!(VERDICTS, "plugin" => plugin.to_string(), "verdict" => verdict).increment(1);
}

pub(crate) fn running(plugins: usize) {
    // A number of plugins is far below 2^52, where a float would begin to round.
    gauge!(RUNNING).set(plugins as f64);
}
