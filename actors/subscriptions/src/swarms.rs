//! Whose accounts this node keeps, and how a subscriber is told that it does not. Pure: no actor, clock or socket.

use std::{collections::BTreeMap, sync::OnceLock};

use bytes::Bytes;
use starling_contracts::{node::ServiceNode, staking::NodeList};
use starling_protocol::{
    account::AccountId,
    bencode::Dict,
    crypto::ed25519,
    storage::{
        monitor::{MonitorError, encode_replies},
        response::{SwarmMember, SwarmReply},
    },
    swarm::{SwarmId, mapping},
};

/// The swarms of one node list.
#[derive(Debug)]
pub(crate) struct Swarms {
    height: u64,
    /// Ascending.
    ids: Vec<SwarmId>,
    own: Option<SwarmId>,
    places: BTreeMap<SwarmId, Place>,
}

/// One swarm.
#[derive(Debug, Default)]
struct Place {
    members: Vec<SwarmMember>,
    /// The refusal that names it, made when it is first needed.
    refusal: OnceLock<Bytes>,
    /// The farewell that names it, likewise.
    farewell: OnceLock<Bytes>,
}

/// What decides which accounts the own swarm keeps: itself and its neighbours on the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    below: SwarmId,
    own: Option<SwarmId>,
    above: SwarmId,
}

impl Swarms {
    /// The swarms of a list; nodes in none are left out. `own` is the key of this process's node.
    pub(crate) fn new(list: &NodeList, own: &ed25519::PublicKey) -> Self {
        let mut places: BTreeMap<SwarmId, Place> = BTreeMap::new();
        for node in list.nodes().iter().filter(|node| node.swarm.is_assigned()) {
            places.entry(node.swarm).or_default().members.push(member(node));
        }
        Self {
            height: list.height,
            ids: places.keys().copied().collect(),
            own: list.node(own).map(|node| node.swarm).filter(|swarm| swarm.is_assigned()),
            places,
        }
    }

    /// Height of the list that this was made from.
    pub(crate) fn height(&self) -> u64 {
        self.height
    }

    /// Is this node in a swarm?
    pub(crate) fn is_member(&self) -> bool {
        self.own.is_some()
    }

    /// The swarm that keeps an account, if that is another than this node's; nothing too where no swarm is known.
    pub(crate) fn elsewhere(&self, account: &AccountId) -> Option<SwarmId> {
        let keeper = mapping::nearest(mapping::space(account), &self.ids)?;
        (Some(keeper) != self.own).then_some(keeper)
    }

    /// What decides which accounts this node keeps; nothing where no swarm is known, so that nobody could be sent anywhere.
    pub(crate) fn reach(&self) -> Option<Reach> {
        let (first, last) = (*self.ids.first()?, *self.ids.last()?);
        let Some(own) = self.own else { return Some(Reach { below: first, own: None, above: last }) };
        let at = self.ids.partition_point(|id| *id < own);
        let below = at.checked_sub(1).and_then(|below| self.ids.get(below)).copied().unwrap_or(last);
        let above = self.ids.get(at + 1).copied().unwrap_or(first);
        Some(Reach { below, own: Some(own), above })
    }

    /// The reply that an account is kept by that swarm: `errcode` 6, and `snodes` and `swarm` as in status 421.
    pub(crate) fn refusal(&self, keeper: SwarmId) -> Bytes {
        let make =
            |members: &[SwarmMember]| told(&MonitorError::WrongSwarm { details: details(keeper, members) });
        match self.places.get(&keeper) {
            Some(place) => place.refusal.get_or_init(|| make(&place.members)).clone(),
            None => make(&[]),
        }
    }

    /// What a subscriber is told whose account was kept here and is kept by that swarm from now on; see [`Swarms::refusal`].
    pub(crate) fn farewell(&self, keeper: SwarmId) -> Bytes {
        let make = |members: &[SwarmMember]| told(&MonitorError::Moved { details: details(keeper, members) });
        match self.places.get(&keeper) {
            Some(place) => place.farewell.get_or_init(|| make(&place.members)).clone(),
            None => make(&[]),
        }
    }
}

fn details(keeper: SwarmId, members: &[SwarmMember]) -> Dict {
    let fields = SwarmReply { swarm: keeper, members: members.to_vec() }.to_fields();
    fields.into_iter().map(|(name, value)| (name.into_bytes(), value.to_bencode())).collect()
}

fn told(error: &MonitorError) -> Bytes {
    Bytes::from(encode_replies(false, &[Err(error.clone())]))
}

fn member(node: &ServiceNode) -> SwarmMember {
    SwarmMember {
        pubkey_legacy: node.legacy,
        pubkey_ed25519: node.ed25519,
        pubkey_x25519: node.x25519,
        ip: node.public_ip,
        https_port: node.storage_port,
        omq_port: node.omq_port,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use starling_protocol::{account::Prefix, crypto::x25519};

    use super::*;

    fn node(number: u8, swarm: u64) -> ServiceNode {
        let key = ed25519::PublicKey([number; 32]);
        ServiceNode {
            ed25519: key,
            x25519: x25519::PublicKey([number; 32]),
            legacy: key,
            public_ip: Ipv4Addr::LOCALHOST,
            storage_port: 22021,
            omq_port: 22020,
            libp2p_port: 0,
            swarm: SwarmId(swarm),
            version: [2, 8, 0],
            requested_unlock_height: 0,
        }
    }

    fn swarms(of: &[u64]) -> Swarms {
        let nodes = of.iter().zip(1..).map(|(swarm, number)| node(number, *swarm)).collect();
        Swarms::new(&NodeList::new(1, [19, 6], [0; 32], nodes), &ed25519::PublicKey([1; 32]))
    }

    fn account(space: u64) -> AccountId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&space.to_be_bytes());
        AccountId::new(Prefix::Group, key)
    }

    #[test]
    fn accounts_nearest_to_another_swarm_are_elsewhere() {
        let swarms = swarms(&[100, 200]);

        assert_eq!(swarms.elsewhere(&account(120)), None);
        assert_eq!(swarms.elsewhere(&account(190)), Some(SwarmId(200)));
    }

    #[test]
    fn the_reach_changes_with_the_swarm_and_its_neighbours_only() {
        let before = swarms(&[100, 50, 200, 900]).reach();

        assert_eq!(before, swarms(&[100, 200, 50, 800]).reach(), "a change further away");
        assert_eq!(before, swarms(&[100, 100, 50, 200, 900]).reach(), "a new member");
        assert_ne!(before, swarms(&[100, 50, 190, 900]).reach());
        assert_ne!(before, swarms(&[200, 50, 100, 900]).reach());
        assert_ne!(before, swarms(&[u64::MAX, 50, 100, 200]).reach());
        assert_eq!(swarms(&[u64::MAX]).reach(), None, "nobody knows a swarm");
    }

    #[test]
    fn the_one_swarm_there_is_reaches_all() {
        let swarms = swarms(&[100, 100]);

        assert_eq!(swarms.elsewhere(&account(u64::MAX)), None);
        assert!(swarms.is_member());
    }

    #[test]
    fn the_refusal_has_the_keys_of_the_spec_in_order() {
        let refusal = swarms(&[100, 200]).refusal(SwarmId(200));

        let text = String::from_utf8(refusal.to_vec()).unwrap();
        let key = "02".repeat(32);
        assert!(text.starts_with("d7:errcodei6e5:error50:Account is not stored by this service node's swarm6:snodesld7:address58:"), "{text}");
        assert!(text.contains(&format!("2:ip9:127.0.0.14:port5:2202110:port_httpsi22021e8:port_omqi22020e9:port_quici22020e14:pubkey_ed2551964:{key}")), "{text}");
        assert!(text.ends_with("e5:swarm2:c8e"), "{text}");
    }
}
