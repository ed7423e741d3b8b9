//! Keeps track of which service nodes form each swarm, answers who keeps an account's messages, and copies writes to them.
//!
//! Two actors, so that no lookup waits behind a copy. Both are told of the node list by the ledger and asked by storage,
//! routing and the edge. They open no socket: copies travel through the transport actor.
//!
//! - [`spec`], [`SwarmDirectory`]: the actor that says who keeps an account.
//! - [`copier`]: the actor that copies writes.
//! - [`Config`]: the section of the configuration of both.
//! - [`ring`]: the pure mapping from account to swarm.
//! - [`health`]: how long a member is waited for, by how it answered before.
//! - [`retries`]: copies that a member missed, until it gets them.

mod actor;
mod config;
pub mod copier;
mod courier;
mod flights;
pub mod health;
mod metrics;
pub mod retries;
pub mod ring;
mod wait;

pub use actor::{SwarmDirectory, spec};
pub use config::Config;
