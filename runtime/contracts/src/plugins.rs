//! Plugins, as other actors meet them: filters that judge what comes in, and what an operator may know of each plugin.

use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::account::AccountId;
use thiserror::Error;

use crate::accounts::Profile;

/// What do the filters of this account say of a message that nobody has seen yet?
///
/// Where there are no filters, nobody serves this, and everything is shown.
#[derive(Debug, Clone)]
pub struct Review {
    /// Whose inbox.
    pub profile: Profile,
    /// The message.
    pub item: ReviewItem,
}
message!(Review => Verdict, Error, "review");

/// A message that waits to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    /// The other side of the conversation.
    pub conversation: AccountId,
    /// Who wrote it.
    pub author: AccountId,
    /// The author's time, Unix milliseconds.
    pub sent_at: u64,
    /// The text.
    pub body: String,
    /// Has its author never been written to from here?
    pub is_request: bool,
    /// How many attachments it has.
    pub attachments: u32,
}

/// What becomes of a message. Of several filters, the strictest holds: reject, hold, flag, allow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is shown.
    #[default]
    Allow,
    /// It is shown with a mark that says why.
    Flag {
        /// The filter's name, and its reason.
        reason: String,
        /// Stands in for the text; the filter replaced it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replacement: Option<String>,
    },
    /// It is kept, and not shown until a person lets it pass.
    Hold {
        /// The filter's name, and its reason.
        reason: String,
    },
    /// It is forgotten.
    Reject {
        /// The filter's name, and its reason.
        reason: String,
    },
}

/// Which plugins are there? Sorted by name.
#[derive(Debug, Clone, Copy)]
pub struct ListPlugins;
message!(ListPlugins => Vec<PluginStatus>, Error, "list_plugins");

/// How a plugin is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// Its name in the settings.
    pub name: String,
    /// The version that runs; the one that would, when none does.
    pub version: String,
    /// `bot` or `filter`.
    pub world: String,
    /// What it is doing.
    pub state: PluginState,
    /// Why it does not run, or what keeps it waiting; empty when all is well.
    pub reason: String,
    /// Events handled well since the process started.
    pub handled: u64,
    /// Calls that failed, trapped or overran since the process started.
    pub failed: u64,
    /// Events that were put aside for good.
    pub quarantined: u64,
}

/// What a plugin is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// It is loaded and takes events.
    Running,
    /// The operator has switched it off.
    Disabled,
    /// It cannot run; the reason says why.
    Refused,
}

/// Why a question about plugins was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Call(error) => error.kind(),
        }
    }
}
