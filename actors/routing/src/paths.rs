//! A client's half: onion requests over paths of three hops that it keeps, repairs and changes (onion-requests §7).
//!
//! - [`spec`] makes the actor [`Paths`]. It asks nodes, swarms and web servers, and tries again where that may help.
//! - Thinking is pure and apart from it: the table of reactions, the pool with its strikes, the choice of nodes, the standing
//!   paths, the swarms that are known, the network's time, what is kept over a restart.
//! - Around that are one try, the tries until an answer, the supply of nodes, and the upkeep of paths in the background.
//!
//! A path does not lead over its destination. Where a network has too few nodes for that, the destination may also be a hop,
//! which nodes allow (onion-requests §4): a request then tells one node more than it should, instead of failing.
//!
//! Strikes are for failures in a row: a node that did what it should is forgiven.

mod actor;
mod asking;
mod client;
mod config;
mod course;
mod exchange;
mod first_hop;
mod lookup;
mod metrics;
mod network_time;
mod node_list;
mod pool;
mod reaction;
mod saved;
mod selection;
mod single_flight;
mod state;
mod supply;
mod swarms;
mod topology;
mod upkeep;

pub use actor::{Paths, spec};
pub use config::{LayerCipher, PathsConfig};
