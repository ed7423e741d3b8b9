//! Tells subscribers of new messages, as they are stored (storage-rpc §7).
//!
//! The doors hand it what clients send ([`Subscribe`](starling_contracts::subscriptions::Subscribe)) with the connection that
//! it came on; the storage actor tells it what is new ([`Announce`](starling_contracts::subscriptions::Announce)); the ledger
//! tells it who keeps which accounts. It opens no socket and writes nothing to disk.
//!
//! - [`spec`], [`Subscriptions`]: the actor. [`Config`]: its section of the configuration.
//! - `request`: a client's request, read and checked on the CPU pool in small pieces.
//! - [`table`]: who is told of what; its cost per message is that of the account's own subscribers.
//! - [`namespaces`]: a set of namespaces in a few bytes. `notice`: what subscribers are sent.
//! - `swarms`: whose accounts this node keeps, and how a subscriber is told that it does not.
//! - `moving`: what happens to subscriptions when the swarms change.

mod actor;
mod config;
mod metrics;
mod moving;
pub mod namespaces;
mod notice;
mod request;
mod state;
mod swarms;
pub mod table;

pub use actor::{Subscriptions, spec};
pub use config::Config;
