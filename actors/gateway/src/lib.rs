#![doc = include_str!("../README.md")]

mod actor;
mod admission;
mod certificate;
mod config;
mod edge;
mod error;
mod intake;
mod listener;
mod memory;
mod metrics;
pub mod omq;
mod operator;
pub mod quic;
pub mod seed;
mod shares;
mod statistics;

pub use actor::{Gateway, NodeFace, Options, spec};
pub use admission::Admission;
pub use config::Config;
