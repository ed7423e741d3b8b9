//! The storage RPC of a service node.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::{crypto::ed25519, storage::Namespace};
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

/// A client's call of one method, as it came over OxenMQ or QUIC: its parameters alone, without the envelope of [`ServeRpc`].
///
/// Parameters whose first byte is `d` are bencoded, and an object in the answer is a [`Body::Bencode`] then; anything else is
/// JSON, and nothing at all counts as `{}` (storage-rpc §1).
#[derive(Debug, Clone)]
pub struct ServeMethod {
    /// The method's name, whatever the client called it.
    pub method: String,
    /// Its parameters, not yet parsed.
    pub params: Bytes,
}
message!(ServeMethod => Answer, Error, "serve_method");

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
    /// An object, bencoded: what a bencoded request is answered with.
    Bencode(Bytes),
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

/// What does the store hold, and how much is it asked (storage-load §4)? Figures of the store may be a minute old.
#[derive(Debug, Clone, Copy)]
pub struct Statistics;
message!(Statistics => Figures, Error, "storage_statistics");

/// What an operator is told of the store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Accounts with at least two messages; those with one are mostly somebody's trial.
    pub accounts: u64,
    /// Messages of all accounts.
    pub total_stored: u64,
    /// Messages per account, of those counted in `accounts`.
    pub account_msg_mean: f64,
    /// How messages spread over those accounts.
    #[serde(flatten)]
    pub account_msg_count: Spread,
    /// Messages by namespace, of all accounts.
    pub namespace_messages: BTreeMap<Namespace, u64>,
    /// Bytes that messages and what is kept about them take.
    pub db_used: u64,
    /// Bytes of the file, free pages included.
    pub db_total: u64,
    /// Bytes that messages may take at most.
    pub db_max: u64,
    /// Clients' `store` requests.
    pub store_requests: Requests,
    /// Clients' `retrieve` requests.
    pub retrieve_requests: Requests,
    /// The time that `recent` covers: an hour, or less since the start.
    pub recent_timespan: Duration,
}

/// Messages per account at some ranks, all 0 where there is no account. Written out, each rank has the name that operators know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spread {
    /// Of the account with the fewest.
    #[serde(rename = "account_msg_count_min")]
    pub min: u64,
    /// Of the account that 5 % have fewer than.
    #[serde(rename = "account_msg_count_5th")]
    pub p5: u64,
    /// The same for 25 %.
    #[serde(rename = "account_msg_count_25th")]
    pub p25: u64,
    /// The same for half of them.
    #[serde(rename = "account_msg_count_median")]
    pub median: u64,
    /// The same for 75 %.
    #[serde(rename = "account_msg_count_75th")]
    pub p75: u64,
    /// The same for 95 %.
    #[serde(rename = "account_msg_count_95th")]
    pub p95: u64,
    /// Of the account with the most.
    #[serde(rename = "account_msg_count_max")]
    pub max: u64,
}

/// How often something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Requests {
    /// Since the actor's start.
    pub total: u64,
    /// In the last six times ten minutes.
    pub recent: u64,
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
