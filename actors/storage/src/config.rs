//! The `[storage]` section.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

use crate::store::Options;

/// The `[storage]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most that messages may take on disk; beyond it stores fail on this node and nothing is evicted. From the next start.
    pub capacity: ByteSize,
    /// Most memory for pages of the file. From the next start.
    pub cache: ByteSize,
    /// Most writes that share one commit. From the next start.
    pub commit_batch: usize,
    /// How long a commit waits for more writes, if the one before it had several. From the next start.
    #[serde(with = "humantime_serde")]
    pub commit_linger: Duration,
    /// Writes that may wait for a commit before callers are told to come back. From the next start.
    pub commit_queue: usize,
    /// Most memory for answers that are being put together, counted as clients count messages; in memory it is up to three times
    /// that. From the next start.
    pub answer_memory: ByteSize,
    /// How often messages whose time is up are deleted. From the next start.
    #[serde(with = "humantime_serde")]
    pub sweep: Duration,
    /// Serves the method `debug_panic`, which panics inside a handler: for trials of supervision only. From the next start.
    pub fault_injection: bool,
    /// Mailbox, deadlines and restarts of the way in for clients. From the next start.
    pub bounds: Bounds,
    /// The same for writes that other members of the swarm forward. From the next start.
    pub replica_bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        // A file that was not closed properly is checked as it is opened, which takes as long as reading it.
        let bounds = Bounds { concurrency: 512, start_within: Duration::from_secs(300), ..Bounds::default() };
        Self {
            capacity: ByteSize::gib(10),
            cache: ByteSize::mib(64),
            commit_batch: 256,
            commit_linger: Duration::from_millis(1),
            commit_queue: 2048,
            answer_memory: ByteSize::mib(128),
            sweep: Duration::from_secs(10),
            fault_injection: false,
            replica_bounds: bounds.clone(),
            bounds,
        }
    }
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new(
            "capacity",
            "Most that messages may take on disk; beyond it stores fail on this node and nothing is evicted.",
        ),
        Note::new("cache", "Most memory for pages of the file."),
        Note::new("commit_batch", "Most writes that share one commit."),
        Note::new(
            "commit_linger",
            "How long a commit waits for more writes, if the one before it had several.",
        ),
        Note::new("commit_queue", "Writes that may wait for a commit before callers are told to come back."),
        Note::new(
            "answer_memory",
            "Most memory for answers that are being put together; beyond it callers are told to come back. Counted as clients count \
             messages: in memory it is up to three times that.",
        ),
        Note::new("sweep", "How often messages whose time is up are deleted."),
        Note::new(
            "fault_injection",
            "Serves the method debug_panic, which panics inside a handler: for trials of supervision only.",
        ),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        const LEAST_CAPACITY: ByteSize = ByteSize::mib(1);
        if self.capacity < LEAST_CAPACITY {
            return Err(format!("storage.capacity is {}: expected at least {LEAST_CAPACITY}", self.capacity));
        }
        // Less would refuse some answers for ever: a batch has up to ten million bytes.
        const LEAST_ANSWERS: ByteSize = ByteSize::mib(16);
        if self.answer_memory < LEAST_ANSWERS {
            return Err(format!(
                "storage.answer_memory is {}: expected at least {LEAST_ANSWERS}",
                self.answer_memory
            ));
        }
        for (key, number) in [("commit_batch", self.commit_batch), ("commit_queue", self.commit_queue)] {
            if number == 0 {
                return Err(format!("storage.{key} is 0: expected at least 1"));
            }
        }
        if self.sweep.is_zero() {
            return Err("storage.sweep is 0s: expected a time above zero, such as \"10s\"".to_owned());
        }
        Ok(())
    }

    /// The part that the store is run by.
    pub(crate) fn store_options(&self) -> Options {
        Options {
            cache_bytes: usize::try_from(self.cache.as_u64()).unwrap_or(usize::MAX),
            capacity_bytes: self.capacity.as_u64(),
            max_batch: self.commit_batch,
            linger: self.commit_linger,
            queue: self.commit_queue,
        }
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
        assert!(toml::from_str::<Config>("capcity = \"1 GiB\"").is_err());
    }

    #[test]
    fn each_refusal_names_its_key() {
        let refused = |config: Config| config.validate().unwrap_err();
        let config = Config::default;

        assert!(refused(Config { capacity: ByteSize::kib(1), ..config() }).contains("storage.capacity"));
        assert!(refused(Config { commit_batch: 0, ..config() }).contains("storage.commit_batch"));
        assert!(refused(Config { commit_queue: 0, ..config() }).contains("storage.commit_queue"));
        let answer_memory = ByteSize::mib(1);
        assert!(refused(Config { answer_memory, ..config() }).contains("storage.answer_memory"));
        assert!(refused(Config { sweep: Duration::ZERO, ..config() }).contains("storage.sweep"));
    }
}
