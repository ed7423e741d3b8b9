//! What a plugin is called for, and how the call ends. As JSON, these are the lines of a recording and of a test's script.

use serde::{Deserialize, Serialize};

use crate::call::{Message, MessageRef};

/// One call of a plugin; a case for each export of `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub enum Event {
    /// `handler.on-start`.
    Start,
    /// `handler.on-message`.
    Message { message: Message },
    /// `handler.on-command`.
    Command { command: Command },
    /// `handler.on-event`: a reaction.
    Reaction {
        author: String,
        target: MessageRef,
        emoji: String,
        #[serde(default)]
        is_removed: bool,
    },
    /// `handler.on-event`: a read receipt.
    Receipt { conversation: String, reader: String, sent_at: Vec<u64> },
    /// `handler.on-event`: a deletion.
    Deletion { target: MessageRef },
    /// `handler.on-event`: what the contract has no case for.
    Other { kind: String, conversation: String, detail: String },
    /// `handler.on-timer`.
    Timer { name: String },
    /// `handler.migrate`.
    Migrate { from_version: String },
    /// `reviewer.review`.
    Review { item: Item },
}

impl Event {
    /// The export that it calls, as in `on-message`.
    pub fn export(&self) -> &'static str {
        match self {
            Self::Start => "on-start",
            Self::Message { .. } => "on-message",
            Self::Command { .. } => "on-command",
            Self::Reaction { .. } | Self::Receipt { .. } | Self::Deletion { .. } | Self::Other { .. } => {
                "on-event"
            }
            Self::Timer { .. } => "on-timer",
            Self::Migrate { .. } => "migrate",
            Self::Review { .. } => "review",
        }
    }
}

/// The contract's `types.command`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct Command {
    pub name: String,
    #[serde(default)]
    pub arguments: Vec<String>,
    pub message: Message,
}

/// The contract's `reviewer.item`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct Item {
    /// The address of a community's room; the inbox when there is none.
    #[serde(default)]
    pub room: Option<String>,
    pub conversation: String,
    pub author: String,
    pub sent_at: u64,
    pub body: String,
    #[serde(default)]
    pub is_request: bool,
    #[serde(default)]
    pub attachments: u32,
}

/// How a call ended that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It went well.
    Done,
    /// The plugin said that it could not; what the call changed is undone.
    Failed(Failure),
    /// A filter has judged.
    Judged(Verdict),
}

/// The contract's `types.failure`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Offer the event again, after at least so many milliseconds.
    Retry(u32),
    /// Put the event aside, for this reason.
    Reject(String),
}

/// The contract's `reviewer.verdict`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "cases have the names and meanings of those in wit/")]
pub enum Verdict {
    Allow,
    Flag(String),
    Hold(String),
    Reject(String),
    Replace(String),
}
