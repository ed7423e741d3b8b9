//! Runs plugins: WebAssembly components that can do what they were granted, and nothing else.
//!
//! - [`crew`]: the actors that run the plugins of a process.
//! - [`call`], [`event`]: what a plugin asks of its host and what it is called for, as values; every import goes through one gate.
//! - [`Sandbox`], [`Plugin`], [`Seat`]: an engine, a compiled plugin, and a place in which it takes calls from any host.
//! - [`script`], [`recording`]: hosts that answer from a test's script or from a recording.
//! - [`manifest`], [`permission`], [`config`]: what an author asks for, what an operator grants.
//! - [`folder`], [`signature`], [`receipts`], [`journal`]: what lies on disk of a plugin.
//! - [`ledger`]: what plugins keep, in whole transactions.
//!
//! The front page of the crate is its README: what the host promises.

mod actor;
mod bindings;
pub mod bytes_text;
pub mod call;
pub mod config;
mod correspondents;
mod delivery;
mod desk;
mod engine;
pub mod event;
mod filters;
mod fit;
pub mod folder;
mod forms;
mod guest;
mod happenings;
mod house;
pub mod imports;
pub mod journal;
mod keeper;
pub mod ledger;
mod live;
mod load;
pub mod manifest;
mod metrics;
mod nearest;
mod papers;
pub mod permission;
pub mod quota;
pub mod receipts;
pub mod recording;
mod room;
mod roster;
pub mod script;
mod segments;
mod shift;
pub mod signature;
mod specs;
pub mod toml_file;
pub mod values;
mod wasi;
pub mod words;
mod workers;

pub use config::Config;
pub use engine::{EngineOptions, Sandbox, SandboxError};
pub use guest::{Bare, Fault, FaultKind, Limits, LoadError, Moment, Plugin, Seat};
pub use manifest::World;
pub use specs::{Crew, crew};
pub use wasi::randomness;
