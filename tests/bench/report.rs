//! Prints figures for people or for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Outcome, latencies::Latencies};

/// Where the figures go.
pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Says on what all was measured.
    pub(crate) fn machine(&self) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        self.line(
            &format!("machine: {cores} cores, {build} build"),
            &json!({"cores": cores, "build": build}),
        );
    }

    /// One comparison: ours against what bounds it.
    pub(crate) fn ratio(&self, what: &str, ours: f64, bound: f64, unit: &str) {
        let ratio = ours / bound;
        self.line(
            &format!("{what}: {ours:.0} {unit}, bound {bound:.0} {unit}, ratio {ratio:.2}"),
            &json!({"what": what, "ours": ours, "bound": bound, "unit": unit, "ratio": ratio}),
        );
    }

    /// How often something was answered, and how fast.
    pub(crate) fn load(&self, what: &str, workers: usize, outcome: &Outcome) {
        let Outcome { latencies, others, partial, .. } = outcome;
        let per_second = outcome.per_second();
        let failed = match others.is_empty() {
            true => String::new(),
            false => {
                let told: Vec<_> =
                    others.iter().map(|(status, count)| format!("{status}: {count}")).collect();
                format!(", not 200: {}", told.join(", "))
            }
        };
        let without = match partial {
            0 => String::new(),
            count => format!(", {count} answers name a failed member"),
        };
        self.line(
            &format!("{what}, {workers} at once: {per_second:.0}/s, {}{failed}{without}", percentiles(latencies)),
            &json!({
                "what": what, "at_once": workers, "per_second": per_second, "latency": milliseconds(latencies),
                "answered": latencies.count(), "not_200": others, "with_failed_member": partial,
            }),
        );
    }

    /// How fast something was answered.
    pub(crate) fn latency(&self, what: &str, latencies: &Latencies) {
        self.line(
            &format!("{what}: {} answers, {}", latencies.count(), percentiles(latencies)),
            &json!({"what": what, "answered": latencies.count(), "latency": milliseconds(latencies)}),
        );
    }

    /// One figure.
    pub(crate) fn figure(&self, what: &str, value: f64, unit: &str) {
        self.line(
            &format!("{what}: {value:.2} {unit}"),
            &json!({"what": what, "value": value, "unit": unit}),
        );
    }

    /// Something that cannot be said in a figure, such as why there is none.
    pub(crate) fn note(&self, text: &str) {
        self.line(text, &json!({"note": text}));
    }

    fn line(&self, text: &str, object: &Value) {
        if self.json { println!("{object}") } else { println!("{text}") }
    }
}

fn percentiles(latencies: &Latencies) -> String {
    let at = |percentile| ms(latencies.percentile(percentile));
    format!(
        "p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms",
        at(50.0),
        at(99.0),
        at(99.9),
        ms(latencies.highest())
    )
}

fn milliseconds(latencies: &Latencies) -> Value {
    let at = |percentile| ms(latencies.percentile(percentile));
    json!({"p50_ms": at(50.0), "p99_ms": at(99.0), "p999_ms": at(99.9), "longest_ms": ms(latencies.highest())})
}

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
