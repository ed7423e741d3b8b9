//! Runs plugins: WebAssembly components that can do what they were granted, and nothing else.
//!
//! - [`call`], [`event`]: what a guest asks of its host and what it is called for, as values; all imports go through one gate.

mod bindings;
pub mod bytes_text;
pub mod call;
pub mod config;
mod engine;
pub mod event;
pub mod folder;
mod forms;
mod guest;
pub mod imports;
pub mod journal;
pub mod ledger;
pub mod manifest;
mod nearest;
pub mod permission;
pub mod quota;
pub mod receipts;
pub mod recording;
mod room;
pub mod script;
mod segments;
pub mod signature;
pub mod toml_file;
pub mod values;
mod wasi;
pub mod words;

pub use config::Config;
pub use engine::{EngineOptions, Sandbox, SandboxError, probe};
pub use guest::{Fault, FaultKind, Limits, LoadError, Moment, Plugin, Seat};
pub use manifest::World;
pub use wasi::randomness;
