//! Onion requests, from both ends: [`relay`] peels them on a node, [`paths`] builds them for a client.
//!
//! - [`relay`]: one layer off, then storage, the next node, or an error in the words of onion-requests §6.
//! - [`paths`]: the node pool, guards and paths of a client, strikes and repair, swarms and network time.
//! - [`Config`], [`Network`], [`FirstHop`]: what both are told.

mod config;
pub mod paths;
pub mod relay;

pub use config::{Config, FirstHop, Network, Seed};
pub use paths::PathsConfig;
pub use relay::{RelayConfig, WebConfig};
