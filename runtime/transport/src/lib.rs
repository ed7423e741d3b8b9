//! Carries bytes to other machines: to libp2p peers by their Ed25519 key, and over HTTPS to whatever speaks that.
//!
//! A node's PeerId is its service-node key, so the node list authenticates peers: `/starling/swarm/1` and what one node
//! passes on to another are served to listed nodes only, everything else to anyone. The crate knows no format beyond the
//! frame around a request; what is inside goes to the actor whose business it is.
//!
//! - [`Transport`]: the actor, made by [`spec`] from a [`Config`].
//! - `driver`: the one task that owns the libp2p swarm; `peer` and `backoff` think for it about each peer.
//! - `codec`, `budget`, `limits`: what a stranger may send, and how much of it is held at once.
//! - `inbound`: requests of peers, handed to the other actors and answered.
//! - `https`: the client for seeds and for nodes that speak no libp2p.
//!
//! What may be sent to it is in [`starling_contracts::transport`].

mod actor;
mod backoff;
mod behaviour;
mod budget;
mod codec;
mod config;
mod driver;
mod gate;
mod https;
mod identity;
mod inbound;
mod limits;
mod listen;
mod metrics;
mod peer;

pub use actor::{Transport, spec};
pub use config::{Carrier, Config, FirstHop};
