//! The counters that `/stats` tells, found in the text of all metrics.

/// Counters at one moment; absent where nothing collects them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) store: Option<u64>,
    pub(super) retrieve: Option<u64>,
    pub(super) onion: Option<u64>,
    /// Onion requests that ended at a web server: what is left of the proxy requests of old.
    pub(super) web: Option<u64>,
    pub(super) refused: Option<u64>,
    pub(super) connections: Option<u64>,
}

impl Counts {
    /// What was counted since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let since = |now: Option<u64>, before: Option<u64>| {
            now.map(|now| now.saturating_sub(before.unwrap_or_default()))
        };
        Self {
            store: since(self.store, before.store),
            retrieve: since(self.retrieve, before.retrieve),
            onion: since(self.onion, before.onion),
            web: since(self.web, before.web),
            refused: since(self.refused, before.refused),
            connections: self.connections,
        }
    }
}

/// Reads the counters out of the text.
pub(super) fn count(metrics: &str) -> Counts {
    let mut counts = Counts::default();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<u64>() else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let has = |label: &str| labels.contains(label);
        // Whatever prefix the exporter puts before all names.
        if name.ends_with("storage_requests_total") {
            if has(r#"method="store""#) {
                add(&mut counts.store, value);
            } else if has(r#"method="retrieve""#) {
                add(&mut counts.retrieve, value);
            }
        } else if name.ends_with("relay_onions_total") {
            add(&mut counts.onion, value);
            if has(r#"end="web_server""#) {
                add(&mut counts.web, value);
            }
        } else if name.ends_with("gateway_refused_total") {
            add(&mut counts.refused, value);
        } else if name.ends_with("gateway_connections") {
            add(&mut counts.connections, value);
        }
    }
    counts
}

fn add(count: &mut Option<u64>, more: u64) {
    *count = Some(count.unwrap_or_default().saturating_add(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP starling_storage_requests_total Clients' requests.
# TYPE starling_storage_requests_total counter
starling_storage_requests_total{method="store",outcome="ok"} 7
starling_storage_requests_total{method="store",outcome="refused"} 2
starling_storage_requests_total{method="retrieve",outcome="ok"} 40
starling_storage_requests_total{method="info",outcome="ok"} 500

# TYPE starling_relay_onions_total counter
starling_relay_onions_total{end="forwarded"} 30
starling_relay_onions_total{end="web_server"} 4
starling_gateway_request_duration_seconds_bucket{route="onion_req",le="0.5"} 9
starling_gateway_connections 12
"#;

    #[test]
    fn counters_are_added_up_over_their_labels() {
        let counts = count(TEXT);

        let expected = Counts {
            store: Some(9),
            retrieve: Some(40),
            onion: Some(34),
            web: Some(4),
            refused: None,
            connections: Some(12),
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn what_nobody_collects_is_unknown_and_not_zero() {
        assert_eq!(count(""), Counts::default());
    }

    #[test]
    fn what_is_recent_is_the_difference() {
        let before = Counts { store: Some(5), retrieve: None, connections: Some(3), ..Counts::default() };

        let recent = count(TEXT).since(&before);

        assert_eq!((recent.store, recent.retrieve, recent.connections), (Some(4), Some(40), Some(12)));
    }
}
