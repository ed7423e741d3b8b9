//! Whoever signs the node lists of tests that start their nodes one by one.

use std::net::Ipv4Addr;

use starling::{
    contracts::node::{COMPATIBLE_VERSION, ServiceNode},
    node_list::NodeListFile,
    protocol::{
        crypto::{ed25519, random_bytes},
        swarm::SwarmId,
    },
};

use crate::node::RunningNode;

/// The authority of a private network, with a key of its own.
pub struct Authority(ed25519::SecretKey);

impl Authority {
    /// An authority with a fresh key.
    pub fn generate() -> Self {
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        Self(ed25519::SecretKey::from_seed(seed))
    }

    /// Its key, as a node's settings have it.
    pub fn key(&self) -> String {
        self.0.public().to_string()
    }

    /// Gives each of the nodes the list of all of them, every one in the swarm beside it. A later list has a greater height.
    pub fn list(&self, height: u64, places: &[(&RunningNode, SwarmId)]) {
        let members = places.iter().map(|(node, swarm)| member(node, *swarm)).collect();
        let list = NodeListFile::new(height, [19, 6], [7; 32], members).expect("every node has its own key");
        let list = list.sign(&self.0);
        for (node, _) in places {
            list.write(&node.node_list()).expect("the list can be written");
        }
    }
}

fn member(node: &RunningNode, swarm: SwarmId) -> ServiceNode {
    let ed25519 = node.key();
    ServiceNode {
        ed25519,
        x25519: ed25519.to_x25519().expect("a node's key converts"),
        legacy: ed25519,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: node.https().port(),
        omq_port: node.omq().port(),
        libp2p_port: node.libp2p_port(),
        swarm,
        version: COMPATIBLE_VERSION,
        requested_unlock_height: 0,
    }
}
