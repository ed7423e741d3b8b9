//! Keeps the accounts of this installation: makes them, restores them from a recovery password, and hands their keys to
//! the client actors that need them.
//!
//! Every secret lies encrypted in `accounts.redb`, under a random master key in `accounts.key`, which can itself be
//! protected by a passphrase. Nothing here speaks to the network: an account exists as soon as its keys do (identity §5).
//!
//! - [`Accounts`]: the actor, started by [`spec`] from a [`Config`].
//! - [`starling_contracts::accounts`]: what may be sent to it, and what it answers.
//! - [`OpenError`]: why the accounts of a data folder cannot be opened.

mod actor;
mod config;
mod error;
mod key_file;
mod metrics;
mod record;
mod store;
mod vault;

pub use actor::{Accounts, spec};
pub use config::{Config, Passphrase};
pub use error::OpenError;
