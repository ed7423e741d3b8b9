//! Carries bytes to other machines: to libp2p peers by their Ed25519 key, and over HTTPS to whatever speaks that.
//!
//! A node's PeerId is its service-node key, so the node list authenticates peers: `/starling/swarm/1` and what one node
//! passes on to another are served to listed nodes only, everything else to anyone. The crate knows no format beyond the
//! frame around a request; what is inside goes to the actor whose business it is.
//!
//! - [`Transport`]: the actor, made by [`spec`] from a [`Config`].
//! - `driver`: the one task that owns the libp2p swarm; `peer` and `backoff` think for it about each peer.
//! - `codec`, `budget`, `purse`, `limits`: what a stranger may send, and how much of it is held at once.
//! - `fair`: whose request is worked on next. `hold`: connections that are kept for the notices of subscriptions.
//! - `inbound`: requests of peers, handed to the other actors and answered.
//! - `https`: the client for seeds and for nodes that speak no libp2p.
//! - `web`: the client for web servers that onion requests of others, or plugins, name; [`Outside`] is what it finds outside.
//!
//! What may be sent to it is in [`starling_contracts::transport`].

mod actor;
mod backoff;
mod behaviour;
mod budget;
mod codec;
mod config;
mod driver;
mod fair;
mod gate;
mod hold;
mod https;
mod identity;
mod inbound;
mod limits;
mod listen;
mod metrics;
mod peer;
mod purse;
mod web;

pub use actor::{Transport, spec, spec_with};
pub use config::{Carrier, Config, FirstHop};
pub use web::{Internet, Outside, Roots, System};
