//! The storage RPC of a service node.

use bytes::Bytes;
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::crypto::ed25519;
use thiserror::Error;

/// A client's call, as it came over HTTPS, libp2p or in an onion request: the JSON text `{"method":…,"params":{…}}` (storage-rpc §1).
///
/// Every fault of the caller is an [`Answer`] with the status and text of the spec; [`enum@Error`] means that this process could not serve it.
#[derive(Debug, Clone)]
pub struct ServeRpc {
    /// The text, not yet parsed.
    pub envelope: Bytes,
}
message!(ServeRpc => Answer, Error, "serve_rpc");

/// A status and a body, before any transport gave them a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status of storage-rpc §2.1.
    pub status: u16,
    /// The body.
    pub body: Body,
}

/// The kinds of body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// An object.
    Json(serde_json::Value),
    /// A text, mostly an error's.
    Text(String),
    /// Bytes; base64 where only text fits.
    Binary(Bytes),
}

/// A write that another member of the swarm forwards (storage-rpc §5). Verified again, applied here only.
#[derive(Debug, Clone)]
pub struct ApplyForwarded {
    /// The storage method.
    pub method: String,
    /// Its bencoded parameters.
    pub dict: Bytes,
    /// Who forwards it; proven by the transport, listed.
    pub from: ed25519::PublicKey,
}
message!(ApplyForwarded => Forwarded, Error, "apply_forwarded");

/// This node's own entry of the aggregated answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarded {
    /// The flat dict, bencoded.
    Done(Bytes),
    /// A refusal.
    Refused {
        /// Its status code.
        code: u16,
        /// Its text.
        reason: String,
    },
}

/// Why this process could not serve a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The node is not ready; the text says why, in the words of storage-rpc §1.1.
    #[error("service node is not ready: {0}")]
    NotReady(String),
    /// The disk said no.
    #[error("the message store failed")]
    Store,
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::NotReady(_) => ErrorKind::Transient,
            Error::Store => ErrorKind::Operator,
            Error::Call(error) => error.kind(),
        }
    }
}
