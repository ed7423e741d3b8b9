//! Conversations of the accounts of this installation: sending, polling, reading, and what filters have put aside.

use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, ErrorKind, Event, Kinded, message};
use starling_protocol::{
    account::{AccountId, Prefix},
    crypto::ed25519,
    storage::MessageHash,
    swarm::SwarmId,
};
use thiserror::Error;

use crate::{accounts, accounts::Profile, routing};

/// Sends a text to an account, and the copy to oneself.
#[derive(Debug, Clone)]
pub struct SendText {
    /// Who sends.
    pub profile: Profile,
    /// The recipient: a conversation target (identity §2).
    pub to: AccountId,
    /// The text.
    pub body: String,
}
message!(SendText => Sent, Error, "send_text");

/// Names a message among all messages of its conversation, on every device of both sides (messages §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// The other side of the conversation; the own id for notes to self.
    pub conversation: AccountId,
    /// Who wrote it.
    pub author: AccountId,
    /// The author's time, Unix milliseconds.
    pub sent_at: u64,
}

/// Sends a text that quotes a message of the same conversation, and the copy to oneself.
///
/// The quoted message need not be in this inbox; readers who do not have it are shown that it was not found.
#[derive(Debug, Clone)]
pub struct SendReply {
    /// Who sends.
    pub profile: Profile,
    /// The recipient: a conversation target (identity §2).
    pub to: AccountId,
    /// The text.
    pub body: String,
    /// The message that is quoted: of the conversation with `to`.
    pub quoted: MessageRef,
}
message!(SendReply => Sent, Error, "send_reply");

/// Puts an emoji on a message, or takes the own one off again, and sends the copy to oneself.
#[derive(Debug, Clone)]
pub struct SendReaction {
    /// Who reacts.
    pub profile: Profile,
    /// The other side of the conversation.
    pub to: AccountId,
    /// On which message: one of the conversation with `to`.
    pub target: MessageRef,
    /// One emoji, which may be a sequence of several code points.
    pub emoji: String,
    /// Whether it is taken off.
    pub remove: bool,
}
message!(SendReaction => Sent, Error, "send_reaction");

/// Takes back a message of one's own, for everybody: the other side and one's other devices are asked to delete it, the copy in
/// the own swarm is deleted, and the message leaves this inbox (messages §12).
///
/// One that was taken back before is taken back once more.
#[derive(Debug, Clone)]
pub struct Unsend {
    /// Who wrote it.
    pub profile: Profile,
    /// The other side of the conversation.
    pub to: AccountId,
    /// The time of the message, Unix milliseconds: [`Sent::timestamp`].
    pub sent_at: u64,
}
message!(Unsend => Sent, Error, "unsend");

/// A message, or a request about one, that at least one member of the recipient's swarm has on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The swarm's hash of the recipient's copy.
    pub hash: MessageHash,
    /// The message's own time, Unix milliseconds: with the author's id, its identity.
    pub timestamp: u64,
    /// The members that stored it.
    pub stored_by: Vec<ed25519::PublicKey>,
    /// The hops it took, guard first.
    pub path: Vec<ed25519::PublicKey>,
    /// The recipient's swarm.
    pub swarm: Option<SwarmId>,
    /// Was the copy for one's other devices stored too?
    pub synced: bool,
}

/// Asks the account's swarm for what is new.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Whose.
    pub profile: Profile,
}
message!(Poll => Polled, Error, "poll");

/// What a poll brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    /// Messages seen for the first time and kept.
    pub new: usize,
    /// Items already known.
    pub known: usize,
    /// Items that were not for us, broken, against the rules, or rejected by a filter; remembered by hash, so that they are not
    /// asked for again.
    pub dropped: usize,
    /// Messages seen for the first time that a filter put aside, see [`ListHeld`].
    #[serde(default)]
    pub held: usize,
}

/// Reads stored messages in the order of their arrival here. What is held or was taken back is not among them, so numbers may
/// have gaps.
#[derive(Debug, Clone)]
pub struct ListMessages {
    /// Whose.
    pub profile: Profile,
    /// Only those with a greater [`StoredMessage::id`]; 0 for all.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}
message!(ListMessages => Vec<StoredMessage>, Error, "list_messages");

/// A message as it lies in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// Counts up per account, in the order of arrival.
    pub id: u64,
    /// The swarm's hash; of the own sync copy for outgoing messages.
    pub hash: MessageHash,
    /// Who wrote it.
    pub from: AccountId,
    /// The other side of the conversation; the own id for notes to self.
    pub conversation: AccountId,
    /// The text; empty for kinds without one.
    pub body: String,
    /// The author's time, Unix milliseconds.
    pub sent_at: u64,
    /// When it was first seen here, Unix milliseconds.
    pub received_at: u64,
    /// What it is.
    pub kind: MessageKind,
    /// The particulars of a control message; absent from other kinds, and from what was filed by versions that knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// Had its author never been written to from this account when it arrived?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_request: bool,
    /// How many attachments it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attachments: u32,
    /// What a filter had to say of it; absent when it was let pass without a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewMark>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl StoredMessage {
    /// Stands in `from` and `conversation` of a message whose author cannot be read yet; no account has this id.
    pub fn unknown_author() -> AccountId {
        AccountId::new(Prefix::Unblinded, [0; 32])
    }
}

/// What a stored message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageKind {
    /// A text.
    Text,
    /// A reaction, receipt, typing sign, call signal or other content without text of its own.
    Control,
    /// A format of a later version: kept as it came, to be read after an update.
    Unsupported,
}

/// What a control message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Detail {
    /// Its author put an emoji on a message, or took it off.
    Reaction {
        /// On which message.
        target: MessageRef,
        /// The emoji: 1 to 64 bytes, not checked to be one.
        emoji: String,
        /// Whether it was taken off.
        is_removed: bool,
    },
    /// Its author has read messages of the conversation.
    ReadReceipt {
        /// The times of these messages, Unix milliseconds; at most 1,000.
        sent_at: Vec<u64>,
    },
    /// Its author took back a message of their own, which has left this inbox if it was in it.
    Deletion {
        /// Which one.
        target: MessageRef,
    },
    /// Anything else.
    Other {
        /// What it is about, such as `typing`, `call` or `group_update`.
        kind: String,
    },
}

/// What a filter had to say of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewMark {
    /// Why it was flagged or held, for the person; at most 500 characters.
    pub reason: String,
    /// Is the text the filter's and not the author's?
    #[serde(default)]
    pub replaced: bool,
}

/// Reads the messages that filters have put aside, in the order of their arrival.
#[derive(Debug, Clone)]
pub struct ListHeld {
    /// Whose.
    pub profile: Profile,
    /// Only those with a greater [`StoredMessage::id`]; 0 for all.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}
message!(ListHeld => Vec<StoredMessage>, Error, "list_held");

/// Lets a message pass that is held: it becomes the newest of the inbox, with a new number, and is told of as
/// [`MessageReceived`]. Answers with the message as it lies there now.
#[derive(Debug, Clone)]
pub struct ReleaseHeld {
    /// Whose.
    pub profile: Profile,
    /// Its number among those held.
    pub id: u64,
}
message!(ReleaseHeld => StoredMessage, Error, "release_held");

/// Forgets a message that is held. It does not come back with the next poll.
#[derive(Debug, Clone)]
pub struct DiscardHeld {
    /// Whose.
    pub profile: Profile,
    /// Its number among those held.
    pub id: u64,
}
message!(DiscardHeld => (), Error, "discard_held");

/// A message was seen for the first time and is on disk, or was released.
#[derive(Debug, Clone)]
pub struct MessageReceived {
    /// Whose inbox.
    pub profile: Profile,
    /// The message.
    pub message: StoredMessage,
}

impl Event for MessageReceived {
    const NAME: &'static str = "message_received";
}

/// Why the inbox refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The recipient cannot be written to.
    #[error("{0}")]
    BadRecipient(String),
    /// Nothing to send.
    #[error("the message is empty")]
    Empty,
    /// The text does not fit.
    #[error("the message is too long: sealed it takes {size} bytes, and a swarm takes {limit}")]
    TooLong {
        /// Its size when sealed and wrapped.
        size: usize,
        /// What a swarm takes.
        limit: usize,
    },
    /// The text is longer than other clients show.
    #[error("the message is too long: it has {got} characters, and at most {limit} are shown")]
    TooManyCharacters {
        /// Its length in Unicode code points.
        got: usize,
        /// How many a message may have.
        limit: usize,
    },
    /// The message that is quoted or reacted to is none of the conversation.
    #[error("{0}")]
    BadTarget(&'static str),
    /// A reaction is one emoji, and this is not.
    #[error("a reaction is exactly one emoji")]
    NotAnEmoji,
    /// The message that something is to be done with is not there.
    #[error("there is no such message: expected {expected}")]
    NoSuchMessage {
        /// What was expected.
        expected: &'static str,
    },
    /// The swarm answered with an error.
    #[error("the swarm refused with status {status}: {reason}")]
    Refused {
        /// The inner status.
        status: u16,
        /// The node's text.
        reason: String,
    },
    /// No member of the swarm stored the message.
    #[error("no member of the recipient's swarm stored the message")]
    NotStored,
    /// The disk said no.
    #[error("the message store failed: {0}")]
    Store(String),
    /// The account.
    #[error(transparent)]
    Account(#[from] accounts::Error),
    /// The network.
    #[error(transparent)]
    Network(#[from] routing::Error),
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::BadRecipient(_)
            | Error::Empty
            | Error::TooLong { .. }
            | Error::TooManyCharacters { .. }
            | Error::BadTarget(_)
            | Error::NotAnEmoji
            | Error::NoSuchMessage { .. }
            | Error::Refused { .. } => ErrorKind::Rejected,
            Error::NotStored => ErrorKind::Transient,
            Error::Store(_) => ErrorKind::Operator,
            Error::Account(error) => error.kind(),
            Error::Network(error) => error.kind(),
            Error::Call(error) => error.kind(),
        }
    }
}
