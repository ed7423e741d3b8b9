//! The `[routing.relay]` section.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

/// The `[routing.relay]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayConfig {
    /// How long the next node may take, with everything behind it.
    #[serde(with = "humantime_serde")]
    pub hop_within: Duration,
    /// Requests that may be under way to one next node; more are refused as congested.
    pub max_backlog: usize,
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
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.max_backlog == 0 {
            return Err("routing.relay.max_backlog is 0; at least 1 is needed".to_owned());
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

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            // onion-requests §4.
            hop_within: Duration::from_secs(30),
            max_backlog: 512,
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
