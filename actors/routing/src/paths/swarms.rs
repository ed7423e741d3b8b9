//! The swarms that a client has heard of. Pure: time is handed in.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use starling_contracts::{node::ServiceNode, routing::KnownSwarm};
use starling_protocol::{account::AccountId, crypto::ed25519::PublicKey};

/// With fewer members than this a swarm is asked for anew (storage-rpc §9), unless it never had more.
const FEW_MEMBERS: usize = 3;
/// The least time between two such questions for one account.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// More accounts than a client writes to; the one heard of first is forgotten.
const MOST_SWARMS: usize = 4096;

/// Swarms by account.
#[derive(Debug, Default)]
pub(super) struct Swarms {
    known: HashMap<AccountId, Entry>,
    order: VecDeque<AccountId>,
}

#[derive(Debug)]
struct Entry {
    swarm: KnownSwarm,
    /// How many members it had when it was heard of.
    whole: usize,
    heard: Duration,
}

impl Swarms {
    /// The swarm, unless it is unknown or has lost too many members.
    pub(super) fn get(&self, account: &AccountId, now: Duration) -> Option<&KnownSwarm> {
        let entry = self.known.get(account)?;
        let left = entry.swarm.members.len();
        let is_thin = left < FEW_MEMBERS.min(entry.whole);
        let is_due = now.saturating_sub(entry.heard) >= ASK_AGAIN_AFTER;
        (left > 0 && !(is_thin && is_due)).then_some(&entry.swarm)
    }

    /// What is left of it, however little.
    pub(super) fn remains(&self, account: &AccountId) -> Option<&KnownSwarm> {
        self.known.get(account).map(|entry| &entry.swarm).filter(|swarm| !swarm.members.is_empty())
    }

    /// A node that is a member of some known swarm.
    pub(super) fn member(&self, node: &PublicKey) -> Option<&ServiceNode> {
        self.known.values().flat_map(|entry| &entry.swarm.members).find(|member| member.ed25519 == *node)
    }

    /// Takes a swarm over.
    pub(super) fn put(&mut self, account: AccountId, swarm: KnownSwarm, now: Duration) {
        let entry = Entry { whole: swarm.members.len(), swarm, heard: now };
        if self.known.insert(account, entry).is_some() {
            return;
        }
        self.order.push_back(account);
        if self.order.len() > MOST_SWARMS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// A node says that it does not keep this account.
    pub(super) fn remove_member(&mut self, account: &AccountId, node: &PublicKey) {
        if let Some(entry) = self.known.get_mut(account) {
            entry.swarm.members.retain(|member| member.ed25519 != *node);
        }
    }

    /// A node is gone.
    pub(super) fn drop_node(&mut self, node: &PublicKey) {
        for entry in self.known.values_mut() {
            entry.swarm.members.retain(|member| member.ed25519 != *node);
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_protocol::{account::Prefix, swarm::SwarmId};

    use super::{
        super::pool::tests::{key, node},
        *,
    };

    fn account(index: usize) -> AccountId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&index.to_be_bytes());
        AccountId::new(Prefix::Standard, key)
    }

    fn swarm(numbers: impl IntoIterator<Item = u8>) -> KnownSwarm {
        KnownSwarm { id: SwarmId(7), members: numbers.into_iter().map(node).collect() }
    }

    const NOW: Duration = Duration::from_secs(100);
    const LATER: Duration = Duration::from_secs(110);

    #[test]
    fn a_swarm_that_lost_members_is_asked_for_anew_after_a_while() {
        let mut swarms = Swarms::default();
        swarms.put(account(1), swarm(1..=4), NOW);
        swarms.drop_node(&key(1));
        assert_eq!(swarms.get(&account(1), LATER).map(|swarm| swarm.members.len()), Some(3));

        swarms.remove_member(&account(1), &key(2));

        assert_eq!(
            swarms.get(&account(1), NOW).map(|swarm| swarm.members.len()),
            Some(2),
            "it was just asked for"
        );
        assert_eq!(swarms.get(&account(1), LATER), None);
        assert_eq!(swarms.remains(&account(1)).map(|swarm| swarm.members.len()), Some(2));
    }

    #[test]
    fn a_swarm_that_was_small_from_the_start_is_enough() {
        let mut swarms = Swarms::default();
        swarms.put(account(1), swarm(1..=2), NOW);

        assert!(swarms.get(&account(1), LATER).is_some());
        swarms.drop_node(&key(1));
        swarms.drop_node(&key(2));
        assert_eq!((swarms.get(&account(1), NOW), swarms.remains(&account(1))), (None, None));
    }

    #[test]
    fn a_dropped_node_leaves_every_swarm() {
        let mut swarms = Swarms::default();
        swarms.put(account(1), swarm(1..=5), NOW);
        swarms.put(account(2), swarm(3..=7), NOW);
        assert!(swarms.member(&key(3)).is_some());

        swarms.drop_node(&key(3));

        assert!(swarms.member(&key(3)).is_none());
    }

    #[test]
    fn the_number_of_swarms_is_bounded() {
        let mut swarms = Swarms::default();
        for index in 0..=MOST_SWARMS {
            swarms.put(account(index), swarm([1]), NOW);
        }

        assert_eq!((swarms.known.len(), swarms.order.len()), (MOST_SWARMS, MOST_SWARMS));
        assert!(swarms.get(&account(0), NOW).is_none());
        assert!(swarms.get(&account(MOST_SWARMS), NOW).is_some());
    }
}
