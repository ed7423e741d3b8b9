//! Wire formats and cryptography of the Session messenger network: pure functions and types.
//!
//! Nothing here opens a socket, reads a clock or draws randomness by itself: time and random bytes are parameters, so
//! that a caller's test can own both. Every byte a stranger may send is parsed with a bound and answered with a typed
//! error, never a panic.
//!
//! - [`crypto`]: the only module that names a cryptographic library.
//! - [`account`], [`mnemonic`], [`profile`]: who somebody is, how an account is restored, what a name may be.
//! - [`content`], [`padding`], [`session_protocol`], [`envelope`], [`message`]: one message from text to the bytes that
//!   a swarm keeps, and back. [`message`] is the door: it tells wire versions apart.
//! - [`pro`]: proofs of the paid features, which are parsed and checked but never required.
//! - [`bencode`], [`onion`], [`storage`], [`swarm`], [`omq`], [`peer_wire`], [`quic_frame`]: what nodes and clients say to
//!   each other.
//! - [`web`]: hosts and addresses of web servers, as people and strangers write them.

pub mod account;
pub mod bencode;
pub mod content;
pub mod crypto;
pub mod envelope;
pub mod message;
pub mod mnemonic;
pub mod omq;
pub mod onion;
pub mod padding;
pub mod peer_wire;
pub mod pro;
pub mod profile;
pub mod quic_frame;
pub mod session_protocol;
pub mod storage;
pub mod swarm;
pub mod web;

pub use account::{AccountId, AccountKeys};
