//! Plays exchanges against running nodes and compares what comes back.
//!
//! - [`transcript`], [`player`]: cases that sign anew, for any running node; [`pattern`] says what an answer has to look like.
//! - [`recorded`]: recordings of the reference, against a network with the recorded keys and times ([`network`]).
//! - [`adapt`]: recordings as transcripts, for nodes with other keys. [`record`]: answers as transcripts.
//! - [`door`]: HTTPS, onion requests, QUIC, OxenMQ, behind one trait. [`target`]: what has to be known of a node.
//! - [`report`]: what became of each case.

pub mod adapt;
pub mod door;
pub mod network;
pub mod open;
pub mod pattern;
pub mod player;
pub mod record;
pub mod recorded;
pub mod report;
pub mod signing;
pub mod target;
pub mod template;
pub mod transcript;
pub mod wire;
