//! Who keeps the messages of an account, and how a write reaches all of them.

use bytes::Bytes;
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::{account::AccountId, crypto::ed25519, swarm::SwarmId};
use thiserror::Error;

use crate::node::ServiceNode;

/// Which swarm keeps the messages of `account`?
#[derive(Debug, Clone)]
pub struct SwarmFor {
    /// Any account, of any prefix.
    pub account: AccountId,
}
message!(SwarmFor => SwarmView, Error, "swarm_for");

/// A swarm and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmView {
    /// Its id.
    pub id: SwarmId,
    /// Its members, in the order of the node list.
    pub members: Vec<ServiceNode>,
    /// Is this process's node one of them?
    pub is_own: bool,
}

/// Copies a write to all other members of `account`'s swarm and collects their signed answers.
#[derive(Debug, Clone)]
pub struct Replicate {
    /// Whose swarm.
    pub account: AccountId,
    /// The storage method.
    pub method: &'static str,
    /// Its bencoded parameters (storage-rpc §5).
    pub dict: Bytes,
}
message!(Replicate => Vec<MemberAnswer>, Error, "replicate");

/// What one member said to a copied write.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberAnswer {
    /// Who.
    pub node: ed25519::PublicKey,
    /// What.
    pub outcome: MemberOutcome,
}

/// The forms of a member's answer (storage-rpc §5).
#[derive(Debug, Clone, PartialEq)]
pub enum MemberOutcome {
    /// It did it: its flat dict, bencoded, as it came.
    Done(Bytes),
    /// It did not answer in time, or could not be reached.
    TimedOut,
    /// It refused.
    Refused {
        /// Its status code.
        code: u16,
        /// Its text.
        reason: String,
    },
    /// It answered something that is not an answer.
    Unreadable,
}

/// Why there is no swarm to name or to write to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The node list is not known yet, or holds no swarm.
    #[error("no swarms are known yet")]
    NoSwarms,
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSwarms => ErrorKind::Transient,
            Error::Call(error) => error.kind(),
        }
    }
}
