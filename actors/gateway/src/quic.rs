//! The QUIC door (storage-rpc §1.3): every storage method, `onion_req`, `monitor` and `snode_ping` as messages on streams.
//!
//! [`spec`] gives the actor. It runs on a thread of its own, where packets are sealed and opened; what clients ask is answered
//! by other actors. A connection is a task with one task per stream, and a stream reads and writes independently of each other:
//!
//! ```text
//! reception ── accepts, caps, handshakes
//!   └ visit ── one connection: its streams, its share of memory and of requests, its link for notifications
//!       └ stream ── frames in ─> desk (asks the actors) ─> frames out, and notifications on the first stream
//! ```
//!
//! Nothing of a stranger's waits without a bound: how long a message may take to arrive, how long an answer may take to be taken,
//! how many requests are under way and what all of them hold in memory are limited per connection and over all. Who is within
//! his own bounds is told to come back when the others' are used up; who is not is read no further.
//!
//! Keys are raw (RFC 7250). The server proves the node's own. It asks for the client's and takes any Ed25519 key, because the
//! network gives no rights by it; a client that has none is served as well, as long as it offers the type. Early data stays off:
//! a stranger could replay it, and not every command may be done twice; clients then ask when the handshake is done.

mod actor;
mod config;
mod desk;
mod endpoint;
mod form;
mod keys;
mod memory;
mod metrics;
mod reception;
mod stream;
mod visit;

pub use self::actor::{Options, QuicDoor, spec};
pub use self::config::Config;
