//! Which nodes make a path. Pure; randomness is given.

use std::{collections::BTreeSet, net::Ipv4Addr};

use starling_contracts::node::ServiceNode;
use starling_kernel::Entropy;
use starling_protocol::crypto::ed25519::PublicKey;

use super::{pool::Pool, topology::N_HOPS};
use crate::config::FirstHop;

/// The rules by which nodes are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// How guards are spoken to: not every node can be.
    pub(super) first_hop: FirstHop,
    /// Only one node of a path out of one /24.
    pub(super) subnet_diversity: bool,
}

impl Rules {
    /// Could this node be a guard?
    pub(super) fn can_guard(&self, node: &ServiceNode) -> bool {
        match self.first_hop {
            FirstHop::Libp2p => node.libp2p_port != 0,
            FirstHop::Https => true,
        }
    }

    /// Guards to try, in random order; those with the fewest strikes first. Each node is as likely as any other
    /// (onion-requests §7).
    pub(super) fn guards(
        &self,
        pool: &Pool,
        avoid: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Vec<PublicKey> {
        let free = pool.nodes().filter(|node| self.can_guard(node) && !avoid.contains(&node.ed25519));
        let mut guards: Vec<_> = free.map(|node| node.ed25519).collect();
        entropy.shuffle(&mut guards);
        guards.sort_by_key(|guard| pool.strikes(guard));
        guards
    }

    /// The hops behind `guard`: none of `avoid`, and with diversity each out of another /24 than guard and each other.
    pub(super) fn hops_behind(
        &self,
        guard: &PublicKey,
        pool: &Pool,
        avoid: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Option<[PublicKey; N_HOPS - 1]> {
        let mut hops = vec![*guard];
        while hops.len() < N_HOPS {
            hops.push(self.next_hop(&hops, pool, avoid, entropy)?);
        }
        hops[1..].try_into().ok()
    }

    /// One more node for a path that has `hops`.
    pub(super) fn next_hop(
        &self,
        hops: &[PublicKey],
        pool: &Pool,
        avoid: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Option<PublicKey> {
        let subnets: BTreeSet<_> = match self.subnet_diversity {
            true => hops.iter().filter_map(|hop| pool.node(hop)).map(subnet_of).collect(),
            false => BTreeSet::new(),
        };
        let is_free = |node: &&ServiceNode| {
            !hops.contains(&node.ed25519)
                && !avoid.contains(&node.ed25519)
                && !subnets.contains(&subnet_of(node))
        };
        let free: Vec<_> = pool.nodes().filter(is_free).collect();
        let chosen = match self.subnet_diversity {
            true => one_of_each_subnet(&free, entropy),
            false => free,
        };
        let index = entropy.below(chosen.len());
        chosen.get(index).map(|node| node.ed25519)
    }
}

fn subnet_of(node: &ServiceNode) -> [u8; 3] {
    subnet(node.public_ip)
}

/// The /24 an address lies in.
pub(super) fn subnet(address: Ipv4Addr) -> [u8; 3] {
    let [a, b, c, _] = address.octets();
    [a, b, c]
}

/// A random node for every /24, so that whoever runs many machines in one is not chosen more often for it.
fn one_of_each_subnet<'a>(nodes: &[&'a ServiceNode], entropy: &dyn Entropy) -> Vec<&'a ServiceNode> {
    let mut shuffled = nodes.to_vec();
    entropy.shuffle(&mut shuffled);
    let mut seen = BTreeSet::new();
    shuffled.retain(|node| seen.insert(subnet_of(node)));
    shuffled
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use starling_kernel::SeededEntropy;

    use super::{
        super::pool::tests::{key, node, pool},
        *,
    };

    const RULES: Rules = Rules { first_hop: FirstHop::Libp2p, subnet_diversity: true };

    #[test]
    fn only_nodes_that_speak_libp2p_guard_over_libp2p() {
        let mut pool = Pool::default();
        let old = ServiceNode { libp2p_port: 0, ..node(1) };
        pool.replace(vec![old, node(2)], 0, Duration::ZERO);
        let guards = |first_hop| {
            let rules = Rules { first_hop, subnet_diversity: true };
            rules.guards(&pool, &BTreeSet::new(), &SeededEntropy::new(1)).len()
        };

        assert_eq!((guards(FirstHop::Libp2p), guards(FirstHop::Https)), (1, 2));
    }

    #[test]
    fn guards_with_strikes_come_last_and_all_others_are_alike() {
        let mut pool = pool(4);
        pool.strike(&key(1));
        let mut first = BTreeMap::<_, usize>::new();

        for seed in 0..300 {
            let guards = RULES.guards(&pool, &BTreeSet::from([key(2)]), &SeededEntropy::new(seed));
            assert_eq!((guards.len(), guards[2 - 1 + 1]), (3, key(1)));
            *first.entry(guards[0]).or_default() += 1;
        }

        assert!(first.values().all(|times| (100..200).contains(times)), "{first:?}");
    }

    #[test]
    fn hops_are_new_nodes_out_of_other_subnets() {
        let mut pool = Pool::default();
        let beside = |index, host| ServiceNode { public_ip: Ipv4Addr::new(10, 0, 1, host), ..node(index) };
        pool.replace(vec![node(1), beside(2, 2), beside(3, 3), node(4), node(5), node(6)], 0, Duration::ZERO);

        for seed in 0..100 {
            let hops = RULES
                .hops_behind(&key(1), &pool, &BTreeSet::from([key(6)]), &SeededEntropy::new(seed))
                .expect("there are enough");
            assert_eq!(BTreeSet::from(hops), BTreeSet::from([key(4), key(5)]));
        }
        let none =
            RULES.hops_behind(&key(1), &pool, &BTreeSet::from([key(5), key(6)]), &SeededEntropy::new(0));
        assert_eq!(none, None, "too few subnets are left");
    }

    #[test]
    fn on_one_machine_subnets_do_not_matter() {
        let rules = Rules { subnet_diversity: false, ..RULES };
        let mut pool = Pool::default();
        let on_loopback = |index| ServiceNode { public_ip: Ipv4Addr::LOCALHOST, ..node(index) };
        pool.replace((1..=3).map(on_loopback).collect(), 0, Duration::ZERO);

        assert!(rules.hops_behind(&key(1), &pool, &BTreeSet::new(), &SeededEntropy::new(0)).is_some());
        assert!(RULES.hops_behind(&key(1), &pool, &BTreeSet::new(), &SeededEntropy::new(0)).is_none());
    }

    #[test]
    fn a_subnet_with_many_machines_is_chosen_no_more_often() {
        let mut pool = Pool::default();
        let crowd = |index| ServiceNode { public_ip: Ipv4Addr::new(10, 9, 9, index), ..node(index) };
        pool.replace((2..=20).map(crowd).chain([node(21), node(1)]).collect(), 0, Duration::ZERO);

        let lone = (0..300)
            .filter(|seed| {
                RULES.next_hop(&[key(1)], &pool, &BTreeSet::new(), &SeededEntropy::new(*seed))
                    == Some(key(21))
            })
            .count();

        assert!((100..200).contains(&lone), "{lone} of 300");
    }
}
