//! The `[inbox]` section.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

/// What an operator may set about sending and polling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long one request to a swarm may take, all paths and members tried for it included. From the next start.
    #[serde(with = "humantime_serde")]
    pub request_deadline: Duration,
    /// How often a message is offered to a swarm before its sending fails, 1 to 10. From the next start.
    pub send_attempts: usize,
    /// The pause between those attempts. From the next start.
    #[serde(with = "humantime_serde")]
    pub retry_pause: Duration,
    /// How many members of the own swarm one poll reads, 1 to 10; more than one fills the gaps of the others. From the next
    /// start.
    pub members_per_poll: usize,
    /// How many answers of one member a poll reads before it leaves the rest to the next one, at least 1. From the next start.
    pub pages_per_poll: usize,
    /// What becomes of an incoming text that the filters gave no answer on. From the next start.
    pub unreviewed: Unreviewed,
    /// How long the filters have for their answer on one message. From the next start.
    #[serde(with = "humantime_serde")]
    pub review_deadline: Duration,
    /// The actor's bounds. From the next start.
    pub bounds: Bounds,
}

/// What becomes of an incoming text that the filters gave no answer on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreviewed {
    /// It is shown as if there were no filters.
    #[default]
    Show,
    /// It is held until a person lets it pass.
    Hold,
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("request_deadline", "How long one request to a swarm may take, all tries included."),
        Note::new(
            "send_attempts",
            "How often a message is offered to a swarm before its sending fails, 1 to 10.",
        ),
        Note::new("retry_pause", "The pause between those attempts."),
        Note::new(
            "members_per_poll",
            "How many members of the own swarm one poll reads, 1 to 10; more than one fills the gaps of the others.",
        ),
        Note::new(
            "pages_per_poll",
            "How many answers of one member a poll reads before it leaves the rest to the next one.",
        ),
        Note::new(
            "unreviewed",
            "What becomes of a text when there are filters but they give no answer: show, or hold it until a person lets it pass.",
        ),
        Note::new("review_deadline", "How long the filters have for their answer on one message."),
    ];

    /// Checks what the types alone cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let Bounds { mailbox_capacity, concurrency, .. } = self.bounds;
        if mailbox_capacity == 0 || concurrency == 0 {
            return Err("inbox.bounds: mailbox_capacity and concurrency must be at least 1".to_owned());
        }
        for (key, value) in
            [("send_attempts", self.send_attempts), ("members_per_poll", self.members_per_poll)]
        {
            if !(1..=10).contains(&value) {
                return Err(format!("inbox.{key} is {value}, expected 1 to 10"));
            }
        }
        if self.pages_per_poll == 0 {
            return Err("inbox.pages_per_poll is 0, expected at least 1".to_owned());
        }
        for (key, value) in
            [("request_deadline", self.request_deadline), ("review_deadline", self.review_deadline)]
        {
            if value.is_zero() {
                return Err(format!("inbox.{key} is 0, expected a duration such as \"20s\""));
            }
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        // Three attempts, the copy to oneself and the pauses between them fit into the time that a caller waits.
        let bounds = Bounds { answer_within: Duration::from_secs(180), ..Bounds::default() };
        Self {
            request_deadline: Duration::from_secs(20),
            send_attempts: 3,
            retry_pause: Duration::from_secs(1),
            members_per_poll: 2,
            pages_per_poll: 32,
            unreviewed: Unreviewed::Show,
            review_deadline: Duration::from_secs(10),
            bounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::config::Notes;

    use super::*;

    #[test]
    fn every_key_has_a_note() {
        let notes = Notes::new().section("", "", Config::NOTES).section("bounds", "", Bounds::NOTES);

        assert!(notes.example(&Config::default()).unwrap().contains("request_deadline = \"20s\""));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refused = |config: Config| config.validate().unwrap_err();

        assert_eq!(Config::default().validate(), Ok(()));
        assert!(refused(Config { send_attempts: 0, ..Config::default() }).contains("inbox.send_attempts"));
        assert!(refused(Config { members_per_poll: 11, ..Config::default() }).contains("members_per_poll"));
        assert!(refused(Config { pages_per_poll: 0, ..Config::default() }).contains("pages_per_poll"));
        let review_deadline = Duration::ZERO;
        assert!(
            refused(Config { review_deadline, ..Config::default() }).contains("inbox.review_deadline is 0")
        );
    }
}
