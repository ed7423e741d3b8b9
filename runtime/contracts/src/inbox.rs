//! Conversations of the accounts of this installation: sending, polling, reading.

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

/// A message that at least one member of the recipient's swarm has on disk.
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
    /// Items that were not for us, broken, or against the rules; remembered by hash, so that they are not asked for again.
    pub dropped: usize,
}

/// Reads stored messages in the order of their arrival here.
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

/// A message was seen for the first time and is on disk.
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
            | Error::Refused { .. } => ErrorKind::Rejected,
            Error::NotStored => ErrorKind::Transient,
            Error::Store(_) => ErrorKind::Operator,
            Error::Account(error) => error.kind(),
            Error::Network(error) => error.kind(),
            Error::Call(error) => error.kind(),
        }
    }
}
