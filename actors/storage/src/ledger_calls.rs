//! What clients ask of the ledger through a storage node (storage-rpc §4.11, §4.14).

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use starling_contracts::{
    node::ServiceNode,
    staking::NodeList,
    storage::{Answer, Body},
};
use starling_protocol::storage::request::{OxendEndpoint, OxendRequest};

use crate::answers::{Moment, json_answer, text};

/// From this hard fork on nodes without an address are listed too, with their address fields at zero.
const LISTS_UNREACHABLE: u16 = 21;

/// Answers `oxend_request`.
pub(crate) fn oxend_request(request: &OxendRequest, list: &NodeList, moment: &Moment) -> Answer {
    match request.endpoint {
        OxendEndpoint::GetServiceNodes => {
            let mut body = Map::new();
            body.insert("result".to_owned(), service_nodes(&request.params, list));
            json_answer(200, moment.stamp(body))
        }
        // A ledger without names has nothing that could be looked up.
        OxendEndpoint::OnsResolve => text(400, "names are not known to this network's ledger"),
    }
}

/// The node list as the chain's daemon gives it, with the fields that were asked for.
///
/// All nodes of a list are active and funded, so `active_only` leaves none out.
fn service_nodes(params: &Json, list: &NodeList) -> Json {
    let block_hash = list.block_hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if params.get("poll_block_hash").and_then(Json::as_str) == Some(block_hash.as_str()) {
        return json!({"unchanged": true, "status": "OK"});
    }
    let wanted = wanted_fields(params);
    let select = |fields: Vec<(&'static str, Json)>| -> Map<String, Json> {
        let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
        let wanted = fields.into_iter().filter(|(name, _)| is_wanted(name));
        wanted.map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let states = list.nodes().iter().map(|node| Json::Object(select(state(node))));
    let mut result = select(vec![
        ("height", json!(list.height)),
        ("block_hash", json!(block_hash)),
        ("hardfork", json!(list.hardfork[0])),
        ("snode_revision", json!(list.hardfork[1])),
    ]);
    result.insert("service_node_states".to_owned(), states.collect());
    result.insert("status".to_owned(), json!("OK"));
    Json::Object(result)
}

/// The names in `fields`, a list or an object of name and true; nothing when all are wanted.
fn wanted_fields(params: &Json) -> Option<BTreeSet<&str>> {
    let names: BTreeSet<&str> = match params.get("fields") {
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        Some(Json::Object(names)) => names
            .iter()
            .filter(|(_, wanted)| **wanted == Json::Bool(true))
            .map(|(name, _)| name.as_str())
            .collect(),
        _ => BTreeSet::new(),
    };
    (!names.is_empty() && !names.contains("all")).then_some(names)
}

fn state(node: &ServiceNode) -> Vec<(&'static str, Json)> {
    let mut fields = vec![
        ("service_node_pubkey", json!(node.legacy)),
        ("pubkey_ed25519", json!(node.ed25519)),
        ("pubkey_x25519", json!(node.x25519)),
        ("requested_unlock_height", json!(node.requested_unlock_height)),
        ("swarm_id", json!(node.swarm.0)),
        ("swarm", json!(node.swarm.to_string())),
        ("active", json!(true)),
        ("funded", json!(true)),
        ("storage_server_version", json!(node.version)),
    ];
    if node.has_address() {
        fields.extend([
            ("public_ip", json!(node.public_ip)),
            ("storage_port", json!(node.storage_port)),
            ("storage_lmq_port", json!(node.omq_port)),
        ]);
    }
    fields
}

/// Answers `active_nodes_bin`: 51 bytes per node.
pub(crate) fn active_nodes(list: &NodeList) -> Answer {
    let mut blob = Vec::with_capacity(list.nodes().len() * 51);
    for node in list.nodes() {
        if !node.has_address() && list.hardfork[0] < LISTS_UNREACHABLE {
            continue;
        }
        let (ip, ports) = match node.has_address() {
            true => (node.public_ip.octets(), [node.storage_port, node.omq_port]),
            false => ([0; 4], [0; 2]),
        };
        blob.extend_from_slice(node.ed25519.as_bytes());
        blob.extend_from_slice(&node.swarm.0.to_be_bytes());
        blob.extend_from_slice(&ip);
        blob.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        blob.extend(node.version.map(|part| u8::try_from(part).unwrap_or(u8::MAX)));
    }
    Answer { status: 200, body: Body::Binary(Bytes::from(blob)) }
}
