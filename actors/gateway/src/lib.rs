//! The doors of a node: the network's HTTPS API, and the operator's listener.
//!
//! It holds no logic of its own: it decodes, asks an actor, encodes. What it says to clients, byte by byte, is
//! storage-rpc §1.1 and §8.
//!
//! - [`Gateway`], [`spec`]: the actor, started from a [`Config`] and [`Options`].
//! - [`seed`]: the node list as seed nodes answer it, usable without an actor.

mod actor;
mod certificate;
mod config;
mod edge;
mod error;
mod intake;
mod listener;
mod metrics;
mod operator;
pub mod seed;

pub use actor::{Gateway, NodeFace, Options, spec};
pub use config::Config;
