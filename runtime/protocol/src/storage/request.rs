//! Typed requests for every method of a storage node (storage-rpc §2, §4).
//!
//! Requests arrive as JSON or bencode and in any key order; a [`Parser`] reads both, and refuses with the exact texts
//! that clients know. They leave through [`Request::to_rpc_json`], [`Request::to_bencode`] and, towards other members of
//! the swarm, [`Request::to_replicated`]. [`Signed`] tells what was signed and checks it; time windows and revocations
//! are for the caller, who has the clock and the database.

mod batch;
mod credentials;
mod delete;
mod encode;
mod error;
mod expire;
mod fields;
mod ifelse;
mod parse;
mod query;
mod retrieve;
mod revocation;
mod store;

use std::borrow::Cow;

pub use self::batch::{Batch, BatchOrder};
pub use self::credentials::{Authority, Credentials, Needs, Refused, Signed};
pub use self::delete::{Delete, DeleteAll, DeleteBefore};
pub use self::error::{ParseError, RequestError};
pub use self::expire::{Expire, ExpireAll, ExpireNotAllowed, GetExpiries};
pub use self::ifelse::{Condition, IfElse, NodeFacts};
pub use self::parse::{Encoding, Network, Parser, parse_envelope, parse_params, parse_rpc};
pub use self::query::{GetSwarm, OxendEndpoint, OxendRequest};
pub use self::retrieve::{Retrieve, RetrieveAuth};
pub use self::revocation::{RevokeSubaccount, RevokedSubaccounts, UnrevokeSubaccount};
pub use self::store::{Lifetime, Store};

use crate::account::AccountId;

/// One request, of any method.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `store`.
    Store(Store),
    /// `retrieve`.
    Retrieve(Retrieve),
    /// `delete`.
    Delete(Delete),
    /// `delete_all`.
    DeleteAll(DeleteAll),
    /// `delete_before`.
    DeleteBefore(DeleteBefore),
    /// `expire_all`.
    ExpireAll(ExpireAll),
    /// `expire`.
    Expire(Expire),
    /// `get_expiries`.
    GetExpiries(GetExpiries),
    /// `get_swarm`, also under its old name `get_snodes_for_pubkey`.
    GetSwarm(GetSwarm),
    /// `oxend_request`.
    OxendRequest(OxendRequest),
    /// `info`.
    Info,
    /// `revoke_subaccount`.
    RevokeSubaccount(RevokeSubaccount),
    /// `unrevoke_subaccount`.
    UnrevokeSubaccount(UnrevokeSubaccount),
    /// `revoked_subaccounts`.
    RevokedSubaccounts(RevokedSubaccounts),
    /// `active_nodes_bin`.
    ActiveNodes,
    /// `batch` and `sequence`.
    Batch(Batch),
    /// `ifelse`.
    IfElse(Box<IfElse>),
}

/// Every method name that [`Parser`] knows, aliases included.
pub const METHODS: [&str; 19] = [
    "store",
    "retrieve",
    "delete",
    "delete_all",
    "delete_before",
    "expire_all",
    "expire",
    "get_expiries",
    "get_swarm",
    "get_snodes_for_pubkey",
    "oxend_request",
    "info",
    "revoke_subaccount",
    "unrevoke_subaccount",
    "revoked_subaccounts",
    "active_nodes_bin",
    "batch",
    "sequence",
    "ifelse",
];

impl Request {
    /// The method's name on the wire.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Retrieve(_) => "retrieve",
            Self::Delete(_) => "delete",
            Self::DeleteAll(_) => "delete_all",
            Self::DeleteBefore(_) => "delete_before",
            Self::ExpireAll(_) => "expire_all",
            Self::Expire(_) => "expire",
            Self::GetExpiries(_) => "get_expiries",
            Self::GetSwarm(_) => "get_swarm",
            Self::OxendRequest(_) => "oxend_request",
            Self::Info => "info",
            Self::RevokeSubaccount(_) => "revoke_subaccount",
            Self::UnrevokeSubaccount(_) => "unrevoke_subaccount",
            Self::RevokedSubaccounts(_) => "revoked_subaccounts",
            Self::ActiveNodes => "active_nodes_bin",
            Self::Batch(batch) => batch.order.method(),
            Self::IfElse(_) => "ifelse",
        }
    }

    /// The request as something signed; `None` for methods that are not.
    #[must_use]
    pub fn as_signed(&self) -> Option<&dyn Signed> {
        match self {
            Self::Store(request) => Some(request),
            Self::Retrieve(request) => Some(request),
            Self::Delete(request) => Some(request),
            Self::DeleteAll(request) => Some(request),
            Self::DeleteBefore(request) => Some(request),
            Self::ExpireAll(request) => Some(request),
            Self::Expire(request) => Some(request),
            Self::GetExpiries(request) => Some(request),
            Self::RevokeSubaccount(request) => Some(request),
            Self::UnrevokeSubaccount(request) => Some(request),
            Self::RevokedSubaccounts(request) => Some(request),
            Self::GetSwarm(_)
            | Self::OxendRequest(_)
            | Self::Info
            | Self::ActiveNodes
            | Self::Batch(_)
            | Self::IfElse(_) => None,
        }
    }

    /// Whose storage it is about, and so which swarm must answer it; `None` where any node may.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.as_signed().map(Signed::account)
    }

    /// Whether the node that gets it passes it on to the other members of its swarm.
    #[must_use]
    pub const fn is_recursive(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Delete(_)
                | Self::DeleteAll(_)
                | Self::DeleteBefore(_)
                | Self::ExpireAll(_)
                | Self::Expire(_)
                | Self::RevokeSubaccount(_)
                | Self::UnrevokeSubaccount(_)
        )
    }

    /// Checks who signed; a method that is not signed needs nothing.
    ///
    /// # Errors
    /// Why the signature, or its absence, is refused.
    pub fn verify(&self) -> Result<Authority, Refused> {
        self.as_signed().map_or(Ok(Authority::NotNeeded), Signed::verify)
    }

    /// The text that goes with status 401 when [`Request::verify`] refused.
    #[must_use]
    pub fn refusal_text(&self, refused: Refused) -> Cow<'static, str> {
        self.as_signed().map_or(Cow::Borrowed(""), |request| request.refusal_text(refused))
    }
}
