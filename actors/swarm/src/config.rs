//! The `[swarm]` section.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

/// The `[swarm]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long a member has for a copy before it counts as missed. From the next start.
    #[serde(with = "humantime_serde")]
    pub copy_deadline: Duration,
    /// How long a member that has answered before may be silent, at the least, until answers stop waiting for it; twice as
    /// long as its slow answers of late took if that is more. From the next start.
    #[serde(with = "humantime_serde")]
    pub least_patience: Duration,
    /// How often a member that does not answer is tried with a fresh copy. From the next start.
    #[serde(with = "humantime_serde")]
    pub probe_every: Duration,
    /// When a missed copy is tried for the second time. From the next start.
    #[serde(with = "humantime_serde")]
    pub first_retry: Duration,
    /// The pause between all later tries. From the next start.
    #[serde(with = "humantime_serde")]
    pub later_retries: Duration,
    /// Most memory that missed copies may take; beyond it, the oldest are given up. From the next start.
    pub retry_memory: ByteSize,
    /// Mailbox, deadlines and restarts, of the directory and of the copier each. From the next start.
    pub bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            copy_deadline: Duration::from_secs(5),
            least_patience: Duration::from_millis(50),
            probe_every: Duration::from_secs(1),
            first_retry: Duration::from_secs(15),
            later_retries: Duration::from_secs(60),
            retry_memory: ByteSize::mib(32),
            // A write holds its place at the copier for as long as its slowest member may take.
            bounds: Bounds { concurrency: 1024, ..Bounds::default() },
        }
    }
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("copy_deadline", "How long a member has for a copy before it counts as missed."),
        Note::new(
            "least_patience",
            "How long a member may be silent, at the least, until answers stop waiting for it; twice as long as its slow answers of late took if that is more.",
        ),
        Note::new("probe_every", "How often a member that does not answer is tried with a fresh copy."),
        Note::new("first_retry", "When a missed copy is tried for the second time."),
        Note::new("later_retries", "The pause between all later tries."),
        Note::new(
            "retry_memory",
            "Most memory that missed copies may take; beyond it, the oldest are given up.",
        ),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let times = [
            ("copy_deadline", self.copy_deadline),
            ("least_patience", self.least_patience),
            ("probe_every", self.probe_every),
            ("first_retry", self.first_retry),
            ("later_retries", self.later_retries),
        ];
        if let Some((key, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(format!("swarm.{key} is 0s: expected a time above zero"));
        }
        if self.least_patience > self.copy_deadline {
            return Err(
                "swarm.least_patience is longer than swarm.copy_deadline: expected at most that".to_owned()
            );
        }
        if self.copy_deadline >= self.bounds.answer_within {
            return Err(
                "swarm.copy_deadline is not below swarm.bounds.answer_within: callers would give up before \
                        their answer is there"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_file() {
        let text = toml::to_string(&Config::default()).unwrap();

        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        assert_eq!(Config::default().validate(), Ok(()));
        assert!(toml::from_str::<Config>("copy_dedline = \"5s\"").is_err());
    }

    #[test]
    fn each_refusal_names_its_key() {
        let refused = |config: Config| config.validate().unwrap_err();
        let config = Config::default;

        assert!(refused(Config { probe_every: Duration::ZERO, ..config() }).contains("swarm.probe_every"));
        let patient = Config { least_patience: Duration::from_secs(6), ..config() };
        assert!(refused(patient).contains("swarm.least_patience"));
        let late = Config { copy_deadline: Duration::from_secs(30), ..config() };
        assert!(refused(late).contains("swarm.copy_deadline"));
    }
}
