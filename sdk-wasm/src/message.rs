//! What people said.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Conversation, Timestamp};

/// What names a message among all messages of a conversation, on every device of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// Where it was said.
    pub conversation: Conversation,
    /// Who said it.
    pub author: AccountId,
    /// When its author sent it.
    pub sent_at: Timestamp,
}

/// A text that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Counts up in this inbox, in the order of arrival.
    pub id: u64,
    /// Which message it is: what a reply or a reaction points at.
    pub origin: MessageRef,
    /// The text, as it was written.
    pub body: String,
    /// When this inbox saw it first.
    pub received_at: Timestamp,
    /// Whether its author has never been written to from here: a message request.
    pub is_request: bool,
}

impl Message {
    /// Where it was said: where an answer goes.
    pub fn conversation(&self) -> &Conversation {
        &self.origin.conversation
    }

    /// Who said it.
    pub fn author(&self) -> &AccountId {
        &self.origin.author
    }
}
