//! The `[routing.relay]` section.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};
use starling_protocol::onion::MAX_REQUEST;

use super::{fair::Shares, web::WebConfig};

/// The `[routing.relay]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayConfig {
    /// How long the next node may take, with everything behind it.
    #[serde(with = "humantime_serde")]
    pub hop_within: Duration,
    /// Requests that may be under way to one next node; more are refused as congested.
    pub max_backlog: usize,
    /// Requests that may be under way at once. Nobody gets more than half of what the others have left.
    pub max_under_way: usize,
    /// Those of one link: a node that passes them on, or an address of clients.
    pub max_under_way_per_link: usize,
    /// Requests that may wait for their turn.
    pub max_queued: usize,
    /// Those of one link; more are refused.
    pub max_queued_per_link: usize,
    /// How long a request may wait for its turn before it is refused.
    #[serde(with = "humantime_serde")]
    pub queue_within: Duration,
    /// Web servers.
    pub web: WebConfig,
    /// Mailbox, deadlines and restarts.
    pub bounds: Bounds,
}

impl RelayConfig {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("hop_within", "How long the next node may take, with everything behind it."),
        Note::new(
            "max_backlog",
            "Requests that may be under way to one next node; more are refused as congested.",
        ),
        Note::new(
            "max_under_way",
            "Requests that may be under way at once. Nobody gets more than half of what the others have left.",
        ),
        Note::new(
            "max_under_way_per_link",
            "Those of one link: a node that passes them on, or an address of clients.",
        ),
        Note::new("max_queued", "Requests that may wait for their turn."),
        Note::new("max_queued_per_link", "Those of one link; more are refused."),
        Note::new("queue_within", "How long a request may wait for its turn before it is refused."),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        let counts = [
            ("max_backlog", self.max_backlog),
            ("max_under_way", self.max_under_way),
            ("max_under_way_per_link", self.max_under_way_per_link),
            ("max_queued", self.max_queued),
            ("max_queued_per_link", self.max_queued_per_link),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("routing.relay.{key} is 0; at least 1 is needed"));
        }
        if self.queue_within.is_zero() {
            return Err("routing.relay.queue_within is 0; it has to be some time".to_owned());
        }
        let held = self.max_under_way.saturating_add(self.max_queued);
        if self.bounds.concurrency <= held {
            return Err(format!(
                "routing.relay.bounds.concurrency is {}; expected more than routing.relay.max_under_way and \
                 routing.relay.max_queued together ({held}), so that requests wait where turns are given",
                self.bounds.concurrency,
            ));
        }
        self.web.validate()?;
        if self.web.answer_within >= self.hop_within {
            return Err(format!(
                "routing.relay.web.answer_within is {:?}; it has to be shorter than routing.relay.hop_within ({:?}), \
                 after which the node before gives up",
                self.web.answer_within, self.hop_within,
            ));
        }
        if self.hop_within >= self.bounds.answer_within {
            return Err(format!(
                "routing.relay.hop_within is {:?}; it has to be shorter than routing.relay.bounds.answer_within ({:?})",
                self.hop_within, self.bounds.answer_within,
            ));
        }
        Ok(())
    }
}

impl RelayConfig {
    /// What is shared out on a machine with so many threads for computing.
    pub(super) fn shares(&self, threads: usize) -> Shares {
        Shares {
            // One in work and one at hand for each thread; the order of more would be nobody's.
            opening: threads.saturating_mul(2).max(2),
            under_way: self.max_under_way,
            under_way_per_link: self.max_under_way_per_link,
            queued: self.max_queued,
            queued_per_link: self.max_queued_per_link,
            bytes_per_link: 2 * MAX_REQUEST,
        }
    }
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            // onion-requests §4.
            hop_within: Duration::from_secs(30),
            max_backlog: 512,
            max_under_way: 2048,
            max_under_way_per_link: 512,
            max_queued: 1536,
            max_queued_per_link: 512,
            queue_within: Duration::from_secs(5),
            web: WebConfig::default(),
            bounds: Bounds {
                // Most of them only wait for the next hop.
                concurrency: 4096,
                // Longer than a hop may take, so that its time-out is answered rather than ours.
                answer_within: Duration::from_secs(35),
                ..Bounds::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        #[track_caller]
        fn check(text: &str, named: &str) {
            let config: RelayConfig = toml::from_str(text).expect("the keys are known");
            let error = config.validate().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        check("max_backlog = 0", "routing.relay.max_backlog");
        check("max_queued_per_link = 0", "routing.relay.max_queued_per_link");
        check("max_under_way = 4000", "routing.relay.bounds.concurrency");
        check("queue_within = \"0s\"", "routing.relay.queue_within");
        check("hop_within = \"35s\"", "routing.relay.hop_within");
        check("hop_within = \"20s\"", "routing.relay.web.answer_within");
        check("[web]\nallow = [\"a/b\"]", "routing.relay.web.allow");
        assert_eq!(RelayConfig::default().validate(), Ok(()));
    }
}
