//! Who is told of new messages (storage-rpc §7).

use bytes::Bytes;
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace},
};
use thiserror::Error;
use tokio::sync::mpsc;

/// A client's subscription, renewal or list of them: the bencoded body of `monitor.messages` or `monitor`.
///
/// The answer is the bencoded reply, or the list of replies; every fault of the caller is a reply of the spec.
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// The body, not yet parsed.
    pub request: Bytes,
    /// The connection that it came on, which is where notifications go.
    pub link: Link,
}
message!(Subscribe => Bytes, Error, "subscribe");

/// Messages that are new on this node and on its disk. What cannot be taken is not told to anybody.
#[derive(Debug, Clone)]
pub struct Announce {
    /// Those of one commit, in their order.
    pub messages: Vec<NewMessage>,
}
message!(Announce => (), Error, "announce");

/// A message as notifications describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Whose.
    pub account: AccountId,
    /// Where in the mailbox.
    pub namespace: Namespace,
    /// What names it.
    pub hash: MessageHash,
    /// Unix milliseconds, as its sender said.
    pub timestamp: i64,
    /// Unix milliseconds.
    pub expiry: i64,
    /// The body.
    pub data: Bytes,
}

/// A connection to a subscriber. Clones are the same connection; when its receiver is dropped, it is closed.
#[derive(Debug, Clone)]
pub struct Link {
    /// Unlike that of any other connection of this process.
    pub id: LinkId,
    /// Bounded: who does not read loses notifications, and nobody waits for them.
    pub outlet: mpsc::Sender<Notice>,
}

/// Names a connection within this process; doors draw it from the kernel's entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(pub u64);

/// What a subscriber is told: a bencoded dict, for the transport to put a command before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A new message: `notify.message` (OxenMQ), `notify` (QUIC).
    Message(Bytes),
    /// The account is kept by another swarm now: `notify.monitor_ended`, `monitor_ended`.
    Ended(Bytes),
}

/// Why this process could not serve a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// No node list is known yet.
    #[error("service node is not ready: {0}")]
    NotReady(String),
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::NotReady(_) => ErrorKind::Transient,
            Error::Call(error) => error.kind(),
        }
    }
}
