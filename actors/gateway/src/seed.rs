//! The node list as seed nodes answer it to `/json_rpc` (storage-rpc §8), with one field of our own: `libp2p_port`.
//!
//! Pure: a [`Question`] is parsed from what a stranger sent, and answered from a [`NodeList`].

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use starling_contracts::{node::ServiceNode, staking::NodeList};
use starling_kernel::Entropy;

/// The names of the one call there is.
const METHODS: [&str; 3] = ["get_service_nodes", "get_n_service_nodes", "get_all_service_nodes"];

/// Keys of one node that can be asked for.
const NODE_FIELDS: [&str; 13] = [
    "service_node_pubkey",
    "pubkey_ed25519",
    "pubkey_x25519",
    "public_ip",
    "storage_port",
    "storage_lmq_port",
    "libp2p_port",
    "storage_server_version",
    "swarm_id",
    "swarm",
    "funded",
    "active",
    "requested_unlock_height",
];

/// Keys of the answer as a whole that can be asked for. `height` and `status` come unasked.
const LIST_FIELDS: [&str; 3] = ["block_hash", "hardfork", "snode_revision"];

/// A JSON-RPC call for the node list.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    id: Value,
    fields: Fields,
    pick: Pick,
    known_block: Option<String>,
}

/// A call that is none, answered with a JSON-RPC error.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    id: Value,
    code: i32,
    message: &'static str,
}

impl Refusal {
    const PARSE: i32 = -32700;
    const REQUEST: i32 = -32600;
    const METHOD: i32 = -32601;
    const PARAMS: i32 = -32602;

    /// The body that says so.
    pub fn encode(&self) -> Bytes {
        let error = json!({ "code": self.code, "message": self.message });
        Bytes::from(json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string())
    }
}

/// The longest body that is read as a call, in bytes. A call that names every field has a tenth of it, and parsed JSON takes many
/// times the memory of its text.
const MAX_CALL: usize = 16 << 10;

/// Which nodes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// All, in the order of their legacy keys.
    Sorted,
    /// All, in random order.
    Shuffled,
    /// So many random ones.
    Random(usize),
}

/// Which keys are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields(BTreeSet<&'static str>);

impl Question {
    /// Reads a request body.
    ///
    /// # Errors
    /// What JSON-RPC answers to a body that is no JSON, no call, a call of something else, or one with wrong parameters.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |id: &Value, code, message| Err(Refusal { id: id.clone(), code, message });
        if body.len() > MAX_CALL {
            return refuse(&Value::Null, Refusal::REQUEST, "Invalid Request: too long");
        }
        let Ok(call) = serde_json::from_slice::<Value>(body) else {
            return refuse(&Value::Null, Refusal::PARSE, "Parse error");
        };
        // An id that is no plain value is none (JSON-RPC §4); it would only be carried around.
        let id = call.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default();
        let Some(method) = call.get("method").and_then(Value::as_str) else {
            return refuse(&id, Refusal::REQUEST, "Invalid Request");
        };
        if !METHODS.contains(&method) {
            return refuse(&id, Refusal::METHOD, "Method not found");
        }
        let nothing = Map::new();
        let params = match call.get("params") {
            None | Some(Value::Null) => &nothing,
            Some(Value::Object(params)) => params,
            Some(_) => return refuse(&id, Refusal::PARAMS, "Invalid params: expected an object"),
        };
        match Self::from_params(id.clone(), params) {
            Ok(question) => Ok(question),
            Err(message) => refuse(&id, Refusal::PARAMS, message),
        }
    }

    fn from_params(id: Value, params: &Map<String, Value>) -> Result<Self, &'static str> {
        let given = |key| params.get(key).filter(|value| !value.is_null());
        if given("active_only").is_some_and(|flag| !flag.is_boolean()) {
            return Err("Invalid params: active_only is not a boolean");
        }
        let pick = match given("limit").map(Value::as_i64) {
            None | Some(Some(0)) => Pick::Sorted,
            Some(Some(-1)) => Pick::Shuffled,
            Some(Some(count)) if count > 0 => Pick::Random(usize::try_from(count).unwrap_or(usize::MAX)),
            Some(_) => return Err("Invalid params: limit is not a count, 0 or -1"),
        };
        let known_block = match given("poll_block_hash") {
            None => None,
            Some(Value::String(hash)) => Some(hash.to_ascii_lowercase()).filter(|hash| !hash.is_empty()),
            Some(_) => return Err("Invalid params: poll_block_hash is not a string"),
        };
        Ok(Self { id, fields: Fields::parse(given("fields"))?, pick, known_block })
    }

    /// The whole response body.
    ///
    /// Every listed node is staked and active here, so `active_only` leaves nobody out.
    pub fn answer(&self, list: &NodeList, entropy: &dyn Entropy) -> Bytes {
        let result = self.result(list, entropy);
        Bytes::from(json!({ "jsonrpc": "2.0", "id": self.id, "result": result }).to_string())
    }

    fn result(&self, list: &NodeList, entropy: &dyn Entropy) -> Value {
        let block_hash = hex::encode(list.block_hash);
        let mut result = Map::new();
        if let Some(known) = &self.known_block {
            let unchanged = *known == block_hash;
            result.insert("unchanged".to_owned(), unchanged.into());
            if unchanged {
                return result.into();
            }
        }
        let nodes = self.pick.of(list, entropy);
        let states: Vec<_> = nodes.into_iter().map(|node| self.fields.state(node)).collect();
        result.insert("service_node_states".to_owned(), states.into());
        result.insert("height".to_owned(), list.height.into());
        result.insert("status".to_owned(), "OK".into());
        let [hardfork, revision] = list.hardfork;
        for (key, value) in LIST_FIELDS.into_iter().zip([json!(block_hash), json!(hardfork), json!(revision)])
        {
            if self.fields.0.contains(key) {
                result.insert(key.to_owned(), value);
            }
        }
        result.into()
    }
}

impl Pick {
    fn of<'a>(self, list: &'a NodeList, entropy: &dyn Entropy) -> Vec<&'a ServiceNode> {
        let mut nodes: Vec<_> = list.nodes().iter().collect();
        match self {
            Pick::Sorted => nodes.sort_by_key(|node| node.legacy),
            Pick::Shuffled => entropy.shuffle(&mut nodes),
            Pick::Random(count) => {
                entropy.shuffle(&mut nodes);
                nodes.truncate(count);
            }
        }
        nodes
    }
}

impl Fields {
    /// A list of names, or a dict of name: true. Nothing means all; `all` means all but those named with a minus.
    fn parse(fields: Option<&Value>) -> Result<Self, &'static str> {
        const WRONG: &str = "Invalid params: fields is not a list of names";
        let names: Vec<&str> = match fields {
            None => Vec::new(),
            Some(Value::Array(names)) => {
                names.iter().map(|name| name.as_str().ok_or(WRONG)).collect::<Result<_, _>>()?
            }
            Some(Value::Object(names)) => {
                let wanted = names.iter().filter(|(_, flag)| flag.as_bool() == Some(true));
                wanted.map(|(name, _)| name.as_str()).collect()
            }
            Some(_) => return Err(WRONG),
        };
        let known = NODE_FIELDS.into_iter().chain(LIST_FIELDS);
        if names.is_empty() {
            return Ok(Self(known.collect()));
        }
        let named: BTreeSet<&str> = names.into_iter().collect();
        let wanted = known.filter(|field| match named.contains("all") {
            true => !named.contains(format!("-{field}").as_str()),
            false => named.contains(field),
        });
        Ok(Self(wanted.collect()))
    }

    fn state(&self, node: &ServiceNode) -> Value {
        let mut state = Map::new();
        for field in self.0.iter().copied() {
            if let Some(value) = value(node, field) {
                state.insert(field.to_owned(), value);
            }
        }
        state.into()
    }
}

/// One key of one node. A node of which no address is known shows none.
fn value(node: &ServiceNode, field: &str) -> Option<Value> {
    let known = node.has_address();
    Some(match field {
        "service_node_pubkey" => json!(node.legacy),
        "pubkey_ed25519" => json!(node.ed25519),
        "pubkey_x25519" => json!(node.x25519),
        "public_ip" if known => json!(node.public_ip),
        "storage_port" if known => json!(node.storage_port),
        "storage_lmq_port" if known => json!(node.omq_port),
        "libp2p_port" if known => json!(node.libp2p_port),
        "storage_server_version" if known => json!(node.version),
        "swarm_id" => json!(node.swarm),
        "swarm" => json!(node.swarm.to_string()),
        "funded" | "active" => json!(true),
        "requested_unlock_height" => json!(node.requested_unlock_height),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
