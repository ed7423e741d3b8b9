//! Collects the metrics of every runtime of this process, and writes them for Prometheus.
//!
//! The recorder is the one thing that a process has once: `metrics` knows no other way. The first runtime installs it, later
//! ones share it. A program that has installed its own keeps it; then [`render`] has nothing to show.

use std::{sync::OnceLock, thread, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::{Layer as _, PrefixLayer};
use tracing::warn;

/// Put before every name, once and here.
const PREFIX: &str = "starling";
/// From a tenth of a millisecond, where a lookup lies, to half a minute, where every deadline has passed.
const SECONDS: &[f64] =
    &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// From an empty reply to the largest body, by fours.
const BYTES: &[f64] =
    &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 10_485_760.0];
/// Counts of things in a batch.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// How often recorded samples are folded into buckets; until then each takes memory.
const FOLD_EVERY: Duration = Duration::from_secs(5);

static COLLECTED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes sure that metrics are collected from now on.
pub(crate) fn collect() {
    COLLECTED.get_or_init(install);
}

/// Everything collected so far, in the text format of Prometheus.
pub(crate) fn render() -> String {
    COLLECTED.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

fn install() -> Option<PrometheusHandle> {
    let suffix = |suffix: &str| Matcher::Suffix(suffix.to_owned());
    let built = PrometheusBuilder::new()
        .set_buckets(COUNTS)
        .and_then(|builder| builder.set_buckets_for_metric(suffix("_seconds"), SECONDS))
        .and_then(|builder| builder.set_buckets_for_metric(suffix("_bytes"), BYTES))
        .expect("no list of buckets is empty");
    let recorder = built.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(PrefixLayer::new(PREFIX).layer(recorder)).is_err() {
        warn!("another metrics recorder is installed; it gets the metrics");
        return None;
    }
    let folding = handle.clone();
    let fold = move || {
        loop {
            thread::sleep(FOLD_EVERY);
            folding.run_upkeep();
        }
    };
    if let Err(error) = thread::Builder::new().name("starling-metrics".to_owned()).spawn(fold) {
        warn!(%error, "no thread to fold metrics; they are folded when they are read");
    }
    Some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_prefix_once_and_series_show_before_their_first_use() {
        collect();
        collect();
        metrics::describe_counter!("example_things_total", metrics::Unit::Count, "Things seen.");
        metrics::counter!("example_things_total").increment(0);
        let _ = metrics::histogram!("example_wait_seconds");

        let text = render();

        assert!(text.contains("# HELP starling_example_things_total Things seen."), "{text}");
        assert!(text.contains("\nstarling_example_things_total 0\n"), "{text}");
        assert!(text.contains("\nstarling_example_wait_seconds_count 0\n"), "{text}");
        assert!(text.contains("starling_example_wait_seconds_bucket{le=\"0.0001\"} 0\n"), "{text}");
        assert!(!text.contains("starling_starling_"), "{text}");
    }
}
