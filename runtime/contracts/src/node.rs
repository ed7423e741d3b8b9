//! A service node as the node list describes it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use starling_protocol::{
    crypto::{ed25519, x25519},
    swarm::SwarmId,
};

/// The release of the network's storage software that our nodes answer like, on the wire and in node lists.
pub const COMPATIBLE_VERSION: [u16; 3] = [2, 8, 0];

/// A staked machine of the network. Its Ed25519 key names it; its legacy key is the same key in our networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceNode {
    /// The key that names the node, signs its answers and is its libp2p identity.
    pub ed25519: ed25519::PublicKey,
    /// The key that onion layers are made for; the image of `ed25519`.
    pub x25519: x25519::PublicKey,
    /// The key under which the chain knows the node (`service_node_pubkey`).
    pub legacy: ed25519::PublicKey,
    /// Where it can be reached. `0.0.0.0` means unknown.
    pub public_ip: Ipv4Addr,
    /// TCP port of its HTTPS edge.
    pub storage_port: u16,
    /// Port of OxenMQ (TCP) and QUIC (UDP); 0 when it offers neither.
    pub omq_port: u16,
    /// Port of libp2p, TCP and UDP alike; 0 for nodes that speak only the network's older transports.
    pub libp2p_port: u16,
    /// The swarm it belongs to.
    pub swarm: SwarmId,
    /// Version of its software.
    pub version: [u16; 3],
    /// Block height at which its stake unlocks; 0 when no unlock was asked for.
    pub requested_unlock_height: u64,
}

impl ServiceNode {
    /// Is there an address at which it could be reached?
    pub fn has_address(&self) -> bool {
        !self.public_ip.is_unspecified() && !self.public_ip.is_broadcast() && self.storage_port != 0
    }
}
