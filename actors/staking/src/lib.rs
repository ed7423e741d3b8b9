//! Follows the ledger that says which service nodes there are, and tells whoever needs to know.
//!
//! The actor publishes [`NodeListChanged`](starling_contracts::staking::NodeListChanged) and answers
//! [`CurrentNodeList`](starling_contracts::staking::CurrentNodeList). Where the list comes from is a [`Backend`]: today a
//! signed file of a private network, later a contract on a chain.
//!
//! - [`spec`], [`Config`]: the actor, and its section of the configuration.
//! - [`local`]: the node-list file: made, signed, read, checked, written.
//! - [`Backend`]: the seam behind which other ledgers go.

mod actor;
mod backend;
mod config;
pub mod local;
mod metrics;

pub use actor::{Ledger, spec};
pub use backend::{Backend, BackendError};
pub use config::{BackendConfig, Config, LocalConfig};
