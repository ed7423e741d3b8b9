//! Keeps the messages of the swarm this node belongs to, and serves the storage RPC over them (storage-rpc §1 to §5).
//!
//! Clients' requests come as [`ServeRpc`](starling_contracts::storage::ServeRpc), from whatever edge; copies of writes come
//! from other members as [`ApplyForwarded`](starling_contracts::storage::ApplyForwarded). A write is answered when it is on this
//! node's disk and every other member has answered or was given up on.
//!
//! - [`spec`], [`Storage`], [`Config`]: the actor, and its section of the configuration.
//! - [`store`]: the tables and the thread that writes them, usable without an actor.

mod actor;
mod answers;
mod check;
mod config;
mod ledger_calls;
mod metrics;
mod serve;
pub mod store;
mod write;

pub use actor::{Storage, spec};
pub use config::Config;
