//! What clients ask of the ledger through a storage node (storage-rpc §4.11, §4.14).

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use starling_contracts::{node_list::NodeListQuestion, staking::NodeList};
use starling_kernel::Entropy;
use starling_protocol::storage::{
    request::{OxendEndpoint, OxendRequest},
    response::ReplyValue,
};

use crate::answers::{Composed, Content, Moment};

/// From this hard fork on nodes without an address are listed too, with their address fields at zero.
const LISTS_UNREACHABLE: u16 = 21;

/// Answers `oxend_request`.
pub(crate) fn oxend_request(
    request: &OxendRequest,
    list: &NodeList,
    moment: &Moment,
    entropy: &dyn Entropy,
) -> Composed {
    match request.endpoint {
        OxendEndpoint::GetServiceNodes => {
            let nothing = Map::new();
            let params = match &request.params {
                Json::Null => &nothing,
                Json::Object(params) => params,
                _ => return Composed::text(400, "Invalid params: expected an object"),
            };
            match NodeListQuestion::parse(params) {
                Ok(question) => {
                    let result = ReplyValue::Json(Json::Object(question.answer(list, entropy)));
                    Composed::fields(200, moment.stamp(vec![("result".to_owned(), result)]))
                }
                Err(error) => Composed::text(400, error.to_string()),
            }
        }
        // A ledger without names has nothing that could be looked up.
        OxendEndpoint::OnsResolve => Composed::text(400, "names are not known to this network's ledger"),
    }
}

/// Answers `active_nodes_bin`: 51 bytes per node.
pub(crate) fn active_nodes(list: &NodeList) -> Composed {
    let mut blob = Vec::with_capacity(list.nodes().len() * 51);
    for node in list.nodes() {
        if !node.has_address() && list.hardfork[0] < LISTS_UNREACHABLE {
            continue;
        }
        let (ip, ports, version) = match node.has_address() {
            true => (node.public_ip.octets(), [node.storage_port, node.omq_port], node.version),
            false => ([0; 4], [0; 2], [0; 3]),
        };
        blob.extend_from_slice(node.ed25519.as_bytes());
        blob.extend_from_slice(&node.swarm.0.to_be_bytes());
        blob.extend_from_slice(&ip);
        blob.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        blob.extend(version.map(|part| u8::try_from(part).unwrap_or(u8::MAX)));
    }
    Composed { status: 200, content: Content::Binary(Bytes::from(blob)) }
}
