//! The node list as clients ask for it and get it, in JSON: of a seed node by `/json_rpc` (storage-rpc §8), of a storage node by
//! `oxend_request` (storage-rpc §4.11). One question, one form of answer, so that both say the same.
//!
//! With one field of our own: `libp2p_port`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use starling_kernel::Entropy;
use thiserror::Error;

use crate::{node::ServiceNode, staking::NodeList};

/// Keys of one node that can be asked for.
pub const NODE_FIELDS: [&str; 13] = [
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

/// What is asked about the node list: which nodes, which of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeListQuestion {
    fields: BTreeSet<&'static str>,
    pick: Pick,
    known_block: Option<String>,
}

/// A parameter is not what it must be. The text is told to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Invalid params: {0}")]
pub struct NotAQuestion(&'static str);

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

impl NodeListQuestion {
    /// Reads `active_only`, `fields`, `limit` and `poll_block_hash`; other keys mean nothing, and null is as good as absent.
    ///
    /// # Errors
    /// A parameter is of the wrong kind.
    pub fn parse(params: &Map<String, Value>) -> Result<Self, NotAQuestion> {
        let given = |key| params.get(key).filter(|value| !value.is_null());
        if given("active_only").is_some_and(|flag| !flag.is_boolean()) {
            return Err(NotAQuestion("active_only is not a boolean"));
        }
        let pick = match given("limit").map(Value::as_i64) {
            None | Some(Some(0)) => Pick::Sorted,
            Some(Some(-1)) => Pick::Shuffled,
            Some(Some(count)) if count > 0 => Pick::Random(usize::try_from(count).unwrap_or(usize::MAX)),
            Some(_) => return Err(NotAQuestion("limit is not a count, 0 or -1")),
        };
        let known_block = match given("poll_block_hash") {
            None => None,
            Some(Value::String(hash)) => Some(hash.to_ascii_lowercase()).filter(|hash| !hash.is_empty()),
            Some(_) => return Err(NotAQuestion("poll_block_hash is not a string")),
        };
        Ok(Self { fields: parse_fields(given("fields"))?, pick, known_block })
    }

    /// The result object. Every listed node is staked and active here, so `active_only` leaves nobody out.
    pub fn answer(&self, list: &NodeList, entropy: &dyn Entropy) -> Map<String, Value> {
        let block_hash: String = list.block_hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut result = Map::new();
        if let Some(known) = &self.known_block {
            let unchanged = *known == block_hash;
            result.insert("unchanged".to_owned(), unchanged.into());
            if unchanged {
                return result;
            }
        }
        let nodes = self.pick.of(list, entropy);
        let states: Vec<_> = nodes.into_iter().map(|node| self.state(node)).collect();
        result.insert("service_node_states".to_owned(), states.into());
        result.insert("height".to_owned(), list.height.into());
        result.insert("status".to_owned(), "OK".into());
        let [hardfork, revision] = list.hardfork;
        for (key, value) in LIST_FIELDS.into_iter().zip([json!(block_hash), json!(hardfork), json!(revision)])
        {
            if self.fields.contains(key) {
                result.insert(key.to_owned(), value);
            }
        }
        result
    }

    fn state(&self, node: &ServiceNode) -> Value {
        let wanted = self.fields.iter().filter_map(|field| Some(((*field).to_owned(), value(node, field)?)));
        Value::Object(wanted.collect())
    }
}

impl Pick {
    fn of<'a>(self, list: &'a NodeList, entropy: &dyn Entropy) -> Vec<&'a ServiceNode> {
        let mut nodes: Vec<_> = list.nodes().iter().collect();
        match self {
            Self::Sorted => nodes.sort_by_key(|node| node.legacy),
            Self::Shuffled => entropy.shuffle(&mut nodes),
            Self::Random(count) => {
                entropy.shuffle(&mut nodes);
                nodes.truncate(count);
            }
        }
        nodes
    }
}

/// A list of names, or a dict of name: true. Nothing means all; `all` means all but those named with a minus.
fn parse_fields(fields: Option<&Value>) -> Result<BTreeSet<&'static str>, NotAQuestion> {
    const WRONG: NotAQuestion = NotAQuestion("fields is not a list of names");
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
        return Ok(known.collect());
    }
    let named: BTreeSet<&str> = names.into_iter().collect();
    let wanted = known.filter(|field| match named.contains("all") {
        true => !named.contains(format!("-{field}").as_str()),
        false => named.contains(field),
    });
    Ok(wanted.collect())
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
