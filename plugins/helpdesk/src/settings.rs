//! What the operator sets.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use starling_plugin::{AccountId, Error, Host, duration};

/// The `[config]` of `plugin.toml`, which has every default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Said to who writes without a command, and the first line of `/help`.
    pub(crate) greeting: String,
    /// Accounts of the people who take over. Nobody else may use the commands of the staff.
    pub(crate) staff: Vec<AccountId>,
    /// Answers that need nobody, by their topics.
    pub(crate) answers: BTreeMap<String, String>,
    /// How long a question may wait before the staff is told again.
    #[serde(with = "duration")]
    pub(crate) nudge_after: Duration,
    /// How many reminders one account may have at a time.
    pub(crate) reminders: usize,
    /// How far off a reminder may be.
    #[serde(with = "duration")]
    pub(crate) longest_reminder: Duration,
}

impl Settings {
    pub(crate) fn read(host: &Host) -> Result<Self, Error> {
        host.config().parse()
    }

    pub(crate) fn is_staff(&self, account: &AccountId) -> bool {
        self.staff.contains(account)
    }

    /// The answer to a topic, in whatever case it is asked.
    pub(crate) fn answer(&self, topic: &str) -> Option<&str> {
        let mut answers = self.answers.iter();
        let (_, answer) = answers.find(|(known, _)| known.to_lowercase() == topic.trim().to_lowercase())?;
        Some(answer)
    }
}
