//! What happens beside messages.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{AccountId, Conversation, Error, MessageRef, Timestamp};

/// Something that happened, other than a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An emoji was put on a message, or taken off.
    Reaction(Reaction),
    /// Messages were read.
    Receipt(Receipt),
    /// A message was taken back.
    Deletion(Deletion),
    /// Something that this version of the contract has no case for.
    Other(OtherEvent),
}

/// Somebody put an emoji on a message, or took it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Who did.
    pub author: AccountId,
    /// On which message.
    pub target: MessageRef,
    /// The emoji.
    pub emoji: String,
    /// Whether it was taken off.
    pub is_removed: bool,
}

/// Somebody has read messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// In which conversation.
    pub conversation: Conversation,
    /// Who has.
    pub reader: AccountId,
    /// The times at which the read messages were sent.
    pub sent_at: Vec<Timestamp>,
}

/// Somebody took a message back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Which one.
    pub target: MessageRef,
}

/// Something that this version of the contract has no case for, such as what happens in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherEvent {
    /// What kind of event, such as `group-member-added`. New kinds come with new versions of the host.
    pub kind: String,
    /// In which conversation.
    pub conversation: Conversation,
    /// Its particulars, as one JSON object.
    pub detail: String,
}

impl OtherEvent {
    /// Its particulars, as a type of the author's.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.detail)
            .map_err(|error| Error::malformed(format!("the detail of `{}`", self.kind), error))
    }
}
