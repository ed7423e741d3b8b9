//! Keeps the messages of the swarm this node belongs to, and serves the storage RPC over them (storage-rpc §1 to §5).
//!
//! Clients' requests come as [`ServeRpc`](starling_contracts::storage::ServeRpc) and
//! [`ServeMethod`](starling_contracts::storage::ServeMethod), from whatever edge; copies of writes come from other members as [`ApplyForwarded`](starling_contracts::storage::ApplyForwarded). A write is answered when it is on this
//! node's disk and every other member has answered or was given up on.
//!
//! - [`specs`], [`Storage`], [`Replica`], [`Config`]: the actors, one for clients and one for the other members, and their section
//!   of the configuration.
//! - [`store`]: the tables and the thread that writes them, usable without an actor.

mod actor;
mod announce;
mod answer_budget;
mod answers;
mod check;
mod config;
mod ledger_calls;
mod mend;
mod metrics;
mod open_store;
mod replica;
mod serve;
pub mod store;
mod traffic;
mod write;

pub use actor::{Storage, specs};
pub use config::Config;
pub use replica::Replica;
