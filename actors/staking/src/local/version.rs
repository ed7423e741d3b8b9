//! From one list to the next: who joins, who leaves, and who is in which swarm then (swarms §2).

use std::collections::HashSet;

use starling_contracts::node::ServiceNode;
use starling_protocol::{
    crypto::ed25519,
    swarm::{
        SwarmId,
        assignment::{Swarms, assign, seed_from_block_hash},
    },
};

use super::{FileError, NodeListFile};

/// The list that follows `previous`, not yet signed.
///
/// Swarms are assigned anew, as the chain does after a block in which nodes came or went; `block_hash` is the seed. The
/// [`swarm`](ServiceNode::swarm) of joining nodes is not looked at: new nodes have none. Without changes everybody stays.
///
/// # Errors
/// A joining node that is there already, a leaving one that is not, keys that do not belong together.
pub fn next_version(
    previous: &NodeListFile,
    joining: Vec<ServiceNode>,
    leaving: &[ed25519::PublicKey],
    block_hash: [u8; 32],
) -> Result<NodeListFile, FileError> {
    let height = previous.height.checked_add(1).ok_or(FileError::LastHeight)?;
    let leaving: HashSet<_> = leaving.iter().copied().collect();
    let there: HashSet<_> = previous.nodes().iter().map(|node| node.ed25519).collect();
    if let Some(node) = leaving.difference(&there).next() {
        return Err(FileError::NotThere { node: *node });
    }
    let is_changed = !joining.is_empty() || !leaving.is_empty();
    let mut nodes: Vec<ServiceNode> =
        previous.nodes().iter().filter(|node| !leaving.contains(&node.ed25519)).cloned().collect();
    nodes.extend(joining.into_iter().map(|node| ServiceNode { swarm: SwarmId::UNASSIGNED, ..node }));
    if is_changed {
        assign_swarms(&mut nodes, &block_hash);
    }
    NodeListFile::new(height, previous.hardfork, block_hash, nodes)
}

/// Sorts the nodes by the chain's key, as the recomputation expects them, and gives each its swarm.
fn assign_swarms(nodes: &mut [ServiceNode], block_hash: &[u8; 32]) {
    nodes.sort_by_key(|node| node.legacy);
    let mut swarms: Swarms<usize> = Swarms::new();
    for (index, node) in nodes.iter().enumerate() {
        swarms.entry(node.swarm).or_default().push(index);
    }
    if nodes.is_empty() {
        return;
    }
    assign(&mut swarms, Vec::new(), seed_from_block_hash(block_hash));
    for (swarm, members) in swarms {
        for index in members {
            nodes[index].swarm = swarm;
        }
    }
}
