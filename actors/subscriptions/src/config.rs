//! The `[subscriptions]` section.

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

use crate::table::Limits;

/// The `[subscriptions]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many subscriptions are held for all connections together. From the next start.
    pub held: usize,
    /// How many of them for one connection. From the next start.
    pub held_per_link: usize,
    /// How many requests are read and checked at once; more are answered as busy. From the next start.
    pub requests_at_once: usize,
    /// Mailbox, deadlines and restarts. From the next start.
    pub bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            held: 1_000_000,
            held_per_link: 250_000,
            requests_at_once: 16,
            // What is announced is handled at once; the places are for requests, and for bursts of what is announced.
            bounds: Bounds { mailbox_capacity: 4096, ..Bounds::default() },
        }
    }
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new(
            "held",
            "How many subscriptions are held for all connections together; each takes about 120 bytes.",
        ),
        Note::new("held_per_link", "How many of them for one connection, such as that of a push server."),
        Note::new(
            "requests_at_once",
            "How many requests to subscribe are read and checked at once; more are answered as busy.",
        ),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let counts = [
            ("held", self.held),
            ("held_per_link", self.held_per_link),
            ("requests_at_once", self.requests_at_once),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("subscriptions.{key} is 0: expected a number above zero"));
        }
        if self.held_per_link > self.held {
            return Err(
                "subscriptions.held_per_link is above subscriptions.held: expected at most that".to_owned()
            );
        }
        if self.requests_at_once >= self.bounds.concurrency {
            return Err(
                "subscriptions.requests_at_once is not below subscriptions.bounds.concurrency: new messages \
                 would wait behind requests"
                    .to_owned(),
            );
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { held: self.held, held_per_link: self.held_per_link }
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
        assert!(toml::from_str::<Config>("helt = 5").is_err());
    }

    #[test]
    fn each_refusal_names_its_key() {
        let refused = |config: Config| config.validate().unwrap_err();
        let config = Config::default;

        assert!(refused(Config { held: 0, ..config() }).contains("subscriptions.held is 0"));
        assert!(refused(Config { held: 5, ..config() }).contains("subscriptions.held_per_link"));
        let crowded = Config { requests_at_once: 256, ..config() };
        assert!(refused(crowded).contains("subscriptions.requests_at_once"));
    }
}
