//! Refusals, with the numbers and texts that subscribers get.

use thiserror::Error;

use crate::bencode::{Dict, Value};
use crate::storage::request::Refused;

/// Why a subscription is refused. `Display` is sent as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The arguments make no sense.
    #[error("Invalid arguments: {0}")]
    Arguments(&'static str),
    /// A key or token has the wrong length, or is no key.
    #[error("{0}")]
    Key(&'static str),
    /// The namespaces are not strictly ascending.
    #[error("Invalid n= namespace list: namespaces must be ascending")]
    Namespaces,
    /// The signed time is too old.
    #[error("Invalid t= signature timestamp: timestamp is too old")]
    TooOld,
    /// The signed time lies too far ahead.
    #[error("Invalid t= signature timestamp: timestamp is in the future")]
    InFuture,
    /// The signature does not have 64 bytes.
    #[error("Provided s= signature must be 64 bytes")]
    SignatureLength,
    /// The signature is wrong.
    #[error("Signature verification failed")]
    Signature,
    /// The token does not permit it.
    #[error("Subaccount verification failed: {0}")]
    Subaccount(Refused),
    /// The account is kept elsewhere; `details` are `snodes` and `swarm`, as in status 421.
    #[error("Account is not stored by this service node's swarm")]
    WrongSwarm {
        /// Further keys of the reply.
        details: Dict,
    },
    /// The account was kept here, and is kept elsewhere from now on.
    #[error("Account is no longer stored by this service node's swarm")]
    Moved {
        /// As of [`WrongSwarm`](Self::WrongSwarm).
        details: Dict,
    },
}

impl MonitorError {
    /// The number that goes with the text.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Arguments(_) => 1,
            Self::Key(_) => 2,
            Self::Namespaces => 3,
            Self::TooOld | Self::InFuture => 4,
            Self::SignatureLength | Self::Signature | Self::Subaccount(_) => 5,
            Self::WrongSwarm { .. } | Self::Moved { .. } => 6,
        }
    }

    pub(super) fn to_reply(&self) -> Value {
        let mut reply = match self {
            Self::WrongSwarm { details } | Self::Moved { details } => details.clone(),
            _ => Dict::new(),
        };
        reply.insert(b"errcode".to_vec(), Value::from(self.code()));
        reply.insert(b"error".to_vec(), Value::from(self.to_string()));
        Value::Dict(reply)
    }
}
