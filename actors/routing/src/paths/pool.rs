//! The service nodes that a client knows, and what they have been blamed for. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use starling_contracts::node::ServiceNode;
use starling_protocol::crypto::ed25519::PublicKey;

/// A node with so many strikes is dropped (onion-requests §7).
pub(super) const MAX_STRIKES: u8 = 3;

/// The known nodes, by key.
#[derive(Debug, Default)]
pub(super) struct Pool {
    nodes: BTreeMap<PublicKey, ServiceNode>,
    strikes: HashMap<PublicKey, u8>,
    /// Nodes that were dropped, and until when a list that names them again is not believed.
    dropped: HashMap<PublicKey, Duration>,
}

/// What a strike led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struck {
    /// The node stays, with so many strikes.
    Stays(u8),
    /// It was the third.
    Out,
}

impl Pool {
    /// Takes a new list over. Strikes of nodes that stay are kept; nodes that were dropped lately are left out, as long as
    /// at least `enough` others are there.
    pub(super) fn replace(&mut self, nodes: Vec<ServiceNode>, enough: usize, now: Duration) {
        self.dropped.retain(|_, until| *until > now);
        let usable = nodes.into_iter().filter(ServiceNode::has_address);
        let (out, kept): (Vec<_>, Vec<_>) = usable.partition(|node| self.dropped.contains_key(&node.ed25519));
        let scarce = kept.len() < enough;
        self.nodes = kept.into_iter().map(|node| (node.ed25519, node)).collect();
        if scarce {
            for node in out {
                self.dropped.remove(&node.ed25519);
                self.nodes.insert(node.ed25519, node);
            }
        }
        let nodes = &self.nodes;
        self.strikes.retain(|node, _| nodes.contains_key(node));
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, key: &PublicKey) -> Option<&ServiceNode> {
        self.nodes.get(key)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &ServiceNode> {
        self.nodes.values()
    }

    pub(super) fn strikes(&self, key: &PublicKey) -> u8 {
        self.strikes.get(key).copied().unwrap_or(0)
    }

    /// Was it dropped not long ago?
    pub(super) fn was_dropped(&self, key: &PublicKey) -> bool {
        self.dropped.contains_key(key)
    }

    /// Blames a node. The caller drops it when it is out.
    pub(super) fn strike(&mut self, key: &PublicKey) -> Struck {
        let strikes = self.strikes.entry(*key).or_default();
        *strikes = strikes.saturating_add(1);
        if *strikes >= MAX_STRIKES { Struck::Out } else { Struck::Stays(*strikes) }
    }

    /// A node did what it should: what was held against it is forgotten.
    pub(super) fn forgive(&mut self, key: &PublicKey) {
        self.strikes.remove(key);
    }

    /// Removes a node, and does not take it back before `until` unless nodes are scarce.
    pub(super) fn drop_node(&mut self, key: &PublicKey, until: Duration) {
        self.nodes.remove(key);
        self.strikes.remove(key);
        self.dropped.insert(*key, until);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use starling_protocol::{crypto::ed25519::SecretKey, swarm::SwarmId};

    use super::*;

    pub(in super::super) fn node(index: u8) -> ServiceNode {
        let key = SecretKey::from_seed([index; 32]);
        ServiceNode {
            ed25519: key.public(),
            x25519: key.to_x25519().public(),
            legacy: key.public(),
            public_ip: Ipv4Addr::new(10, 0, index, 1),
            storage_port: 22021,
            omq_port: 0,
            libp2p_port: 22025,
            swarm: SwarmId(0),
            version: [2, 8, 0],
            requested_unlock_height: 0,
        }
    }

    pub(in super::super) fn key(index: u8) -> PublicKey {
        node(index).ed25519
    }

    pub(in super::super) fn pool(count: u8) -> Pool {
        let mut pool = Pool::default();
        pool.replace((1..=count).map(node).collect(), 0, Duration::ZERO);
        pool
    }

    #[test]
    fn nodes_without_an_address_are_not_taken() {
        let mut pool = Pool::default();
        let nowhere = ServiceNode { public_ip: Ipv4Addr::UNSPECIFIED, ..node(1) };
        let everywhere = ServiceNode { public_ip: Ipv4Addr::BROADCAST, ..node(2) };

        pool.replace(vec![nowhere, everywhere, node(3)], 0, Duration::ZERO);

        assert_eq!(pool.nodes().map(|node| node.ed25519).collect::<Vec<_>>(), [key(3)]);
    }

    #[test]
    fn the_third_strike_is_out_and_a_good_deed_forgives() {
        let mut pool = pool(2);

        assert_eq!(pool.strike(&key(1)), Struck::Stays(1));
        assert_eq!(pool.strike(&key(1)), Struck::Stays(2));
        assert_eq!(pool.strike(&key(1)), Struck::Out);
        pool.strike(&key(2));
        pool.forgive(&key(2));
        assert_eq!(pool.strikes(&key(2)), 0);
    }

    #[test]
    fn a_dropped_node_stays_away_until_its_time_or_until_nodes_are_scarce() {
        let list = || (1..=4).map(node).collect::<Vec<_>>();
        let mut pool = pool(4);
        pool.drop_node(&key(1), Duration::from_secs(10));

        pool.replace(list(), 3, Duration::from_secs(9));
        assert_eq!(pool.len(), 3);
        pool.replace(list(), 4, Duration::from_secs(9));
        assert_eq!(pool.len(), 4, "nodes are scarce");
        pool.drop_node(&key(1), Duration::from_secs(10));
        pool.replace(list(), 3, Duration::from_secs(10));
        assert_eq!(pool.len(), 4, "its time is over");
    }
}
