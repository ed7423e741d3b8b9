//! The conversations of this installation's accounts: sends texts, polls the accounts' swarms, and keeps what it finds.
//!
//! A message goes sealed to the recipient's swarm, and a copy of it to one's own, where one's other devices find it. A poll
//! asks members of the own swarm for what is new, opens it, checks it, lets filters judge it where there are any, and commits
//! it in one transaction with the place up to which that member was read: whatever breaks in between is read again and
//! recognised. Everything on disk is sealed under a key of the account that it belongs to.
//!
//! - [`Inbox`]: the actor, started by [`spec`] from a [`Config`].
//! - [`starling_contracts::inbox`]: what may be sent to it, and what it answers.
//! - `draft`, `outgoing`, `polling`, `filing`, `detail`: the thinking, without actor, network or disk.
//! - [`OpenError`]: why the messages of a data folder cannot be opened.

mod actor;
mod config;
mod copies;
mod deletions;
mod delivery;
mod desk;
mod detail;
mod draft;
mod error;
mod filing;
mod holding;
mod metrics;
mod outgoing;
mod pending;
mod polling;
mod receiving;
mod reviewing;
mod sealing;
mod sending;
mod store;

pub use actor::{Inbox, spec};
pub use config::{Config, Unreviewed};
pub use error::OpenError;
