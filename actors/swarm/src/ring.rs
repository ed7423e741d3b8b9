//! The swarms of one node list on their ring (swarms §1). Pure: no actor, clock or socket.

use std::{collections::BTreeMap, sync::Arc};

use starling_contracts::{node::ServiceNode, staking::NodeList};
use starling_protocol::{
    account::AccountId,
    crypto::ed25519,
    swarm::{SwarmId, mapping},
};

/// The swarms of a node list, and in which of them this process's node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    height: u64,
    /// Ascending.
    ids: Vec<SwarmId>,
    members: BTreeMap<SwarmId, Arc<[ServiceNode]>>,
    own: ed25519::PublicKey,
    own_swarm: Option<SwarmId>,
}

impl Ring {
    /// Sorts the nodes of a list into their swarms; those in no swarm are left out.
    pub fn new(list: &NodeList, own: ed25519::PublicKey) -> Self {
        let mut members: BTreeMap<SwarmId, Vec<ServiceNode>> = BTreeMap::new();
        for node in list.nodes().iter().filter(|node| node.swarm.is_assigned()) {
            members.entry(node.swarm).or_default().push(node.clone());
        }
        let members: BTreeMap<_, Arc<[_]>> =
            members.into_iter().map(|(id, nodes)| (id, nodes.into())).collect();
        Self {
            height: list.height,
            ids: members.keys().copied().collect(),
            members,
            own,
            own_swarm: list.node(&own).map(|node| node.swarm).filter(|swarm| swarm.is_assigned()),
        }
    }

    /// Height of the list that the ring was made from.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// How many swarms there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Is there no swarm at all?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The swarm that this process's node belongs to.
    pub fn own_swarm(&self) -> Option<SwarmId> {
        self.own_swarm
    }

    /// The swarm that keeps an account, with its members in the order of the list; nothing if there is no swarm.
    pub fn swarm_for(&self, account: &AccountId) -> Option<(SwarmId, Arc<[ServiceNode]>)> {
        let id = mapping::nearest(mapping::space(account), &self.ids)?;
        Some((id, Arc::clone(self.members.get(&id)?)))
    }

    /// The members of the account's swarm other than this process's node; nothing if there is no swarm.
    pub fn others_for(&self, account: &AccountId) -> Option<Vec<ServiceNode>> {
        let (_, members) = self.swarm_for(account)?;
        Some(self.without_own(&members))
    }

    /// The other members of this process's own swarm.
    pub fn fellows(&self) -> Vec<ServiceNode> {
        let own = self.own_swarm.and_then(|id| self.members.get(&id));
        own.map_or_else(Vec::new, |members| self.without_own(members))
    }

    fn without_own(&self, members: &[ServiceNode]) -> Vec<ServiceNode> {
        members.iter().filter(|node| node.ed25519 != self.own).cloned().collect()
    }
}
