//! What waits to be sent.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::call::MessageRef;

/// Names something that a plugin sends. A number that counts up, and is not used again in this plugin once its call was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sending(pub u64);

impl fmt::Display for Sending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Sending {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a plugin has said is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outgoing {
    /// A text.
    Send {
        /// The conversation.
        to: String,
        /// The text.
        body: String,
    },
    /// A text that quotes a message.
    Reply {
        /// The message.
        to: MessageRef,
        /// The text.
        body: String,
    },
    /// An emoji on a message.
    React {
        /// The message.
        to: MessageRef,
        /// The emoji.
        emoji: String,
        /// Is it taken off?
        remove: bool,
    },
    /// A message of the plugin's own is to be deleted for everybody.
    Delete {
        /// Where it was sent.
        conversation: String,
        /// When it was sent, Unix milliseconds.
        sent_at: u64,
    },
}

impl Outgoing {
    /// Is this something that can be taken back?
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Reply { .. })
    }
}

/// What is in an outbox. A deletion has the name of the message that it deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its name.
    pub sending: Sending,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it was queued, Unix milliseconds.
    pub queued_at: u64,
    /// What it is.
    pub outgoing: Outgoing,
}

/// Where and when something was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// In which conversation.
    pub conversation: String,
    /// When, Unix milliseconds.
    pub sent_at: u64,
}

/// A row of `plugins/outbox/1` before it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutboxRow {
    queued_at: u64,
    what: Outgoing,
}

impl OutboxRow {
    pub(super) fn encode(queued_at: u64, what: &Outgoing) -> Vec<u8> {
        let row = Self { queued_at, what: what.clone() };
        serde_json::to_vec(&row).expect("strings and numbers can be written as JSON")
    }

    pub(super) fn decode(sending: Sending, attempts: u32, row: &[u8]) -> Option<Queued> {
        let Self { queued_at, what: outgoing } = serde_json::from_slice(row).ok()?;
        Some(Queued { sending, attempts, queued_at, outgoing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_comes_back_as_it_was() {
        let to = MessageRef { conversation: "05aa".to_owned(), author: "05bb".to_owned(), sent_at: 7 };
        let all = [
            Outgoing::Send { to: "05aa".to_owned(), body: "\u{1f426}".to_owned() },
            Outgoing::Reply { to: to.clone(), body: "b".to_owned() },
            Outgoing::React { to, emoji: "e".to_owned(), remove: true },
            Outgoing::Delete { conversation: "05aa".to_owned(), sent_at: 9 },
        ];
        for outgoing in all {
            let row = OutboxRow::encode(3, &outgoing);

            let queued = OutboxRow::decode(Sending(5), 2, &row);

            assert_eq!(queued, Some(Queued { sending: Sending(5), attempts: 2, queued_at: 3, outgoing }));
        }
        assert_eq!("17".parse(), Ok(Sending(17)));
        assert_eq!(Sending(17).to_string(), "17");
    }
}
