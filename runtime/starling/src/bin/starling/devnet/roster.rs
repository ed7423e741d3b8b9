//! Who is in a private network: the signed list for its nodes, and the file for its clients.

use std::{fs, net::Ipv4Addr, path::PathBuf};

use serde::Serialize;
use starling::{
    contracts::node::{COMPATIBLE_VERSION, ServiceNode},
    kernel::{Entropy, SystemEntropy},
    node_list::{NodeListFile, next_version},
    protocol::{crypto::ed25519, swarm::SwarmId},
};

use super::{node::Node, place::Place};
use crate::exit::Failure;

/// What clients see as `hf`: the public network's at the time of writing.
const HARDFORK: [u16; 2] = [19, 6];
/// As many seeds as the public network has: a client survives the loss of two.
const SEEDS: usize = 3;
/// A client is content with a path and a destination.
const FEWEST: usize = 4;
const HEAD: &str = "# A private network made by `starling devnet`. Give it to clients: starling --network THIS-FILE account new\n\n";

/// The signed list.
#[derive(Debug)]
pub(crate) struct Roster(NodeListFile);

impl Roster {
    /// Lists the nodes, with swarms assigned as on the chain, and signs.
    pub(crate) fn new(nodes: &[Node], authority: &ed25519::SecretKey) -> Result<Self, Failure> {
        let entropy: &dyn Entropy = &SystemEntropy;
        let joining = nodes.iter().map(service_node).collect::<Result<Vec<_>, _>>()?;
        let empty = NodeListFile::new(0, HARDFORK, [0; 32], Vec::new());
        let list = empty.and_then(|empty| next_version(&empty, joining, &[], entropy.bytes()));
        let list = list.map_err(|error| Failure::new(crate::exit::Code::Other, error.to_string()))?;
        Ok(Self(list.sign(authority)))
    }

    /// Puts it where the nodes look.
    pub(crate) fn write(&self, place: &Place) -> Result<(), Failure> {
        self.0.write(&place.node_list()).map_err(|error| Failure::machine(error.to_string()))
    }

    /// The node of that key.
    pub(crate) fn find(&self, key: &ed25519::PublicKey) -> Option<&ServiceNode> {
        self.0.nodes().iter().find(|node| node.ed25519 == *key)
    }
}

fn service_node(node: &Node) -> Result<ServiceNode, Failure> {
    let listening = &node.listening;
    let parts = (|| {
        let ed25519 = listening.pubkey_ed25519?;
        let x25519 = listening.pubkey_x25519?;
        Some((ed25519, x25519, listening.gateway.https?.port(), listening.libp2p.as_ref()?.port))
    })();
    let Some((ed25519, x25519, storage_port, libp2p_port)) = parts else {
        let sentence = format!(
            "node {} does not listen as a node of a network has to: an -O may have switched something off",
            node.index
        );
        return Err(Failure::config(sentence));
    };
    Ok(ServiceNode {
        ed25519,
        x25519,
        legacy: ed25519,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port,
        // QUIC and OxenMQ share one number, of UDP and of TCP.
        omq_port: listening.gateway.quic.or(listening.gateway.omq).map_or(0, |door| door.port()),
        libp2p_port,
        swarm: SwarmId::UNASSIGNED,
        version: COMPATIBLE_VERSION,
        requested_unlock_height: 0,
    })
}

/// What is in the network file.
#[derive(Serialize)]
struct NetworkFile {
    network: NetworkKeys,
    staking: StakingKeys,
}

/// The keys of `[network]` that a private network sets.
#[derive(Serialize)]
struct NetworkKeys {
    name: String,
    min_pool: usize,
    subnet_diversity: bool,
    seeds: Vec<SeedKeys>,
}

#[derive(Serialize)]
struct SeedKeys {
    url: String,
}

/// Clients have no use for it; a node that wants to follow the same list does.
#[derive(Serialize)]
struct StakingKeys {
    backend: BackendKeys,
}

#[derive(Serialize)]
struct BackendKeys {
    r#type: &'static str,
    file: PathBuf,
    authority: ed25519::PublicKey,
}

/// Writes what clients need: seeds and keys.
pub(crate) fn write_network_file(
    place: &Place,
    nodes: &[Node],
    authority: ed25519::PublicKey,
) -> Result<(), Failure> {
    let seeds = nodes.iter().filter_map(|node| node.listening.gateway.https).take(SEEDS);
    let seeds = seeds.map(|https| SeedKeys { url: format!("https://{https}") }).collect();
    let name: String = authority.to_string().chars().take(8).collect();
    // All nodes are on one machine, and a small network is no reason to refuse it.
    let network = NetworkKeys {
        name: format!("devnet-{name}"),
        min_pool: nodes.len().min(FEWEST),
        subnet_diversity: false,
        seeds,
    };
    let staking =
        StakingKeys { backend: BackendKeys { r#type: "local", file: place.node_list(), authority } };
    let text = toml::to_string(&NetworkFile { network, staking })
        .map_err(|error| Failure::config(format!("the network file cannot be written: {error}")))?;
    // Whoever waits for the file must not find half of it.
    let path = place.network_file();
    let draft = path.with_extension("toml.new");
    fs::write(&draft, format!("{HEAD}{text}"))
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|error| Failure::machine(format!("could not write {}: {error}", path.display())))
}
