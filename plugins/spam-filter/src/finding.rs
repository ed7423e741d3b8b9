//! What a rule finds.

use serde::Deserialize;
use starling_plugin::Verdict;

/// What is done about a finding, from nothing to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// The rule is not asked.
    Off,
    /// The item is shown with a mark.
    Flag,
    /// The item waits for a person.
    Hold,
    /// The item is forgotten.
    Reject,
}

impl Action {
    /// Its name in config, store and log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Flag => "flag",
            Self::Hold => "hold",
            Self::Reject => "reject",
        }
    }
}

/// That an item breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which rule, as its section in the config is called.
    pub(crate) rule: &'static str,
    pub(crate) action: Action,
    /// For the person who sees the item; it says nothing of what is written there.
    pub(crate) reason: String,
}

impl Finding {
    /// A finding, unless the rule is off.
    pub(crate) fn new(rule: &'static str, action: Action, reason: impl Into<String>) -> Option<Self> {
        (action != Action::Off).then(|| Self { rule, action, reason: reason.into() })
    }

    pub(crate) fn into_verdict(self) -> Verdict {
        match self.action {
            Action::Off => Verdict::Allow,
            Action::Flag => Verdict::Flag(self.reason),
            Action::Hold => Verdict::Hold(self.reason),
            Action::Reject => Verdict::Reject(self.reason),
        }
    }
}
