//! The ledger: which service nodes there are.

use std::{collections::HashMap, sync::Arc};

use starling_kernel::{CallError, ErrorKind, Event, Kinded, message};
use starling_protocol::crypto::ed25519;
use thiserror::Error;

use crate::node::ServiceNode;

/// The service nodes at one height of the ledger. Immutable; passed around behind an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeList {
    /// Block height, or version of a local list.
    pub height: u64,
    /// Hard fork and soft fork, answered to clients as `hf`.
    pub hardfork: [u16; 2],
    /// Hash of the block at `height`.
    pub block_hash: [u8; 32],
    nodes: Vec<ServiceNode>,
    by_key: HashMap<ed25519::PublicKey, usize>,
}

impl NodeList {
    /// A list of `nodes`, in their order.
    pub fn new(height: u64, hardfork: [u16; 2], block_hash: [u8; 32], nodes: Vec<ServiceNode>) -> Self {
        let by_key = nodes.iter().enumerate().map(|(index, node)| (node.ed25519, index)).collect();
        Self { height, hardfork, block_hash, nodes, by_key }
    }

    /// All of them, in the order of the ledger.
    pub fn nodes(&self) -> &[ServiceNode] {
        &self.nodes
    }

    /// The node of that key.
    pub fn node(&self, ed25519: &ed25519::PublicKey) -> Option<&ServiceNode> {
        self.by_key.get(ed25519).map(|index| &self.nodes[*index])
    }
}

/// The node list changed. Told once per height; a height may be skipped.
#[derive(Debug, Clone)]
pub struct NodeListChanged {
    /// The list from now on.
    pub list: Arc<NodeList>,
}

impl Event for NodeListChanged {
    const NAME: &'static str = "node_list_changed";
}

/// What is the node list now? For actors that start after the last [`NodeListChanged`].
#[derive(Debug, Clone, Copy)]
pub struct CurrentNodeList;
message!(CurrentNodeList => Arc<NodeList>, Error, "current_node_list");

/// Why the ledger gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// No list was read yet.
    #[error("no node list has been received yet")]
    NoList,
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::NoList => ErrorKind::Transient,
            Error::Call(error) => error.kind(),
        }
    }
}
