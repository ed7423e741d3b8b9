//! Node lists and swarms as seeds and nodes tell them (storage-rpc §4.10, §4.11, §8). Pure.

use std::{collections::BTreeMap, net::Ipv4Addr};

use bytes::Bytes;
use serde_json::{Value, json};
use starling_contracts::{node::ServiceNode, routing::KnownSwarm};
use starling_protocol::{
    account::AccountId,
    crypto::{ed25519, x25519},
    swarm::SwarmId,
};

/// More nodes than any network has; the rest of a longer list is not looked at.
const MOST_NODES: usize = 20_000;
/// So many of those asked must say the same of a node (onion-requests §7).
const WITNESSES: usize = 2;

fn params() -> Value {
    // One field more than other clients ask for; those who do not know it leave it out.
    json!({
        "active_only": true,
        "fields": {
            "public_ip": true,
            "storage_port": true,
            "pubkey_x25519": true,
            "pubkey_ed25519": true,
            "requested_unlock_height": true,
            "height": true,
            "libp2p_port": true,
        },
    })
}

/// What a seed is asked.
pub(super) fn question_to_seed() -> Bytes {
    json!({ "jsonrpc": "2.0", "method": "get_n_service_nodes", "params": params() }).to_string().into()
}

/// What a node is asked for the same.
pub(super) fn question_to_node() -> Bytes {
    let params = json!({ "endpoint": "get_service_nodes", "params": params() });
    json!({ "method": "oxend_request", "params": params }).to_string().into()
}

/// What a node is asked for an account's swarm.
pub(super) fn question_for_swarm(account: &AccountId) -> Bytes {
    json!({ "method": "get_swarm", "params": { "pubkey": account } }).to_string().into()
}

/// What a node is asked for its time.
pub(super) fn question_for_time() -> Bytes {
    json!({ "method": "info", "params": {} }).to_string().into()
}

/// Reads the answer of a seed or of a node; the nodes that cannot be used are left out. `None` when it is no node list.
pub(super) fn parse_list(answer: &Value) -> Option<Vec<ServiceNode>> {
    let states = answer.get("result")?.get("service_node_states")?.as_array()?;
    Some(states.iter().take(MOST_NODES).filter_map(|state| parse_node(state, &LISTED)).collect())
}

/// Reads an answer to `get_swarm`, or the body of a 421. `None` when it names no swarm.
pub(super) fn parse_swarm(answer: &Value) -> Option<KnownSwarm> {
    let id = answer.get("swarm")?.as_str()?.parse::<SwarmId>().ok()?;
    let nodes = answer.get("snodes")?.as_array()?.iter().take(MOST_NODES);
    let members = nodes.filter_map(|node| parse_node(node, &IN_SWARM));
    Some(KnownSwarm { id, members: members.map(|node| ServiceNode { swarm: id, ..node }).collect() })
}

/// The names of a node's fields, which differ between the two answers.
struct Names {
    ip: &'static str,
    storage_port: &'static str,
    omq_port: &'static str,
    legacy: &'static str,
}

const LISTED: Names = Names {
    ip: "public_ip",
    storage_port: "storage_port",
    omq_port: "storage_lmq_port",
    legacy: "service_node_pubkey",
};
const IN_SWARM: Names =
    Names { ip: "ip", storage_port: "port_https", omq_port: "port_omq", legacy: "pubkey_legacy" };

/// `None` for a node without address or keys, and for one whose keys do not belong together.
fn parse_node(state: &Value, names: &Names) -> Option<ServiceNode> {
    let text = |key: &str| state.get(key).and_then(Value::as_str);
    let number = |key: &str| state.get(key).and_then(Value::as_u64);
    let port = |key: &str| number(key).and_then(|port| u16::try_from(port).ok());
    let ed25519: ed25519::PublicKey = text("pubkey_ed25519")?.parse().ok()?;
    let x25519: x25519::PublicKey = text("pubkey_x25519")?.parse().ok()?;
    let node = ServiceNode {
        ed25519,
        x25519,
        legacy: text(names.legacy).and_then(|key| key.parse().ok()).unwrap_or(ed25519),
        public_ip: text(names.ip)?.parse::<Ipv4Addr>().ok()?,
        storage_port: port(names.storage_port)?,
        omq_port: port(names.omq_port).unwrap_or(0),
        libp2p_port: port("libp2p_port").unwrap_or(0),
        swarm: number("swarm_id").map_or(SwarmId::UNASSIGNED, SwarmId),
        version: [0; 3],
        requested_unlock_height: number("requested_unlock_height").unwrap_or(0),
    };
    is_usable(&node).then_some(node)
}

/// Has it an address, and an X25519 key that is the image of its Ed25519 key? Costly: a conversion of keys.
pub(super) fn is_usable(node: &ServiceNode) -> bool {
    node.has_address() && node.ed25519.to_x25519() == Some(node.x25519)
}

/// The nodes of which at least two lists say the same keys and address.
pub(super) fn agreed(lists: &[Vec<ServiceNode>]) -> Vec<ServiceNode> {
    type Address = (Ipv4Addr, u16, u16);
    let mut told: BTreeMap<(ed25519::PublicKey, Address), (usize, &ServiceNode)> = BTreeMap::new();
    for list in lists {
        let mut of_list = BTreeMap::new();
        for node in list {
            // A list that names a node twice is one witness, for its last word.
            of_list.insert(node.ed25519, node);
        }
        for (key, node) in of_list {
            let address = (node.public_ip, node.storage_port, node.libp2p_port);
            told.entry((key, address)).or_insert((0, node)).0 += 1;
        }
    }
    told.into_values()
        .filter(|(witnesses, _)| *witnesses >= WITNESSES)
        .map(|(_, node)| node.clone())
        .collect()
}

#[cfg(test)]
mod tests;
