//! Keeps track of which service nodes form each swarm, answers who keeps an account's messages, and copies writes to them.
//!
//! The actor is told of the node list by the ledger and asked by storage, routing and the edge. It opens no socket: copies
//! travel through the transport actor.
//!
//! - [`spec`], [`SwarmDirectory`], [`Config`]: the actor, and its section of the configuration.
//! - [`ring`]: the pure mapping from account to swarm.
//! - [`health`]: how long a member is waited for, by how it answered before.
//! - [`retries`]: copies that a member missed, until it gets them.

mod actor;
mod config;
mod copier;
pub mod health;
mod metrics;
pub mod retries;
pub mod ring;

pub use actor::{SwarmDirectory, spec};
pub use config::Config;
