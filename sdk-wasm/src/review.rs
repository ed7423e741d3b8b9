//! What a filter judges, and how.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Conversation, Timestamp};

/// Where an item would be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the inbox.
    Inbox,
    /// In the room of a community, by its address.
    Room(String),
}

/// Something that waits to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it would be shown.
    pub place: Place,
    /// Which conversation it belongs to.
    pub conversation: Conversation,
    /// Who wrote it.
    pub author: AccountId,
    /// When its author sent it.
    pub sent_at: Timestamp,
    /// The text.
    pub body: String,
    /// Whether its author has never been written to from here.
    pub is_request: bool,
    /// How many attachments it has.
    pub attachments: u32,
}

/// What becomes of an item. Of several filters, the strictest verdict holds: reject, hold, flag, allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is shown.
    Allow,
    /// It is shown with a mark; the reason is for the person.
    Flag(String),
    /// It is kept, but not shown until a person lets it pass.
    Hold(String),
    /// It is forgotten.
    Reject(String),
    /// It is shown with this text in place of its own, and a mark.
    Replace(String),
}
