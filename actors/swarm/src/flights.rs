//! Copies that are on their way past the queue of missed ones, and those that arrived before an older one. Pure.
//!
//! A member must end as if it had got all writes in order. So what arrived is kept while an older copy's fate is open, to be
//! sent again behind that one if it is missed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use starling_protocol::crypto::ed25519;

use crate::retries::Copy;

/// Most bytes of copies that are kept for one member; beyond it the oldest are not sent again.
const MOST_KEPT: usize = 1 << 20;

/// The copies of all members, by number.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    members: HashMap<ed25519::PublicKey, Member>,
}

/// Never without a copy that is on its way.
#[derive(Debug, Default)]
struct Member {
    on_way: BTreeSet<u64>,
    arrived: BTreeMap<u64, Copy>,
    bytes: usize,
}

impl Flights {
    /// A copy leaves. Number the copies in the order of the writes.
    pub(crate) fn depart(&mut self, node: &ed25519::PublicKey, number: u64) {
        self.members.entry(*node).or_default().on_way.insert(number);
    }

    /// How many are on their way to `node`.
    pub(crate) fn count(&self, node: &ed25519::PublicKey) -> usize {
        self.members.get(node).map_or(0, |member| member.on_way.len())
    }

    /// How many are on their way to anybody.
    pub(crate) fn total(&self) -> usize {
        self.members.values().map(|member| member.on_way.len()).sum()
    }

    /// A copy arrived, and is kept as long as an older one's fate is open; nothing is if it will be sent again anyway.
    pub(crate) fn arrive(&mut self, node: &ed25519::PublicKey, number: u64, copy: Option<Copy>) {
        self.end(node, number, |member| {
            let Some(copy) = copy else { return };
            member.bytes += copy.request.len();
            member.arrived.insert(number, copy);
            while member.bytes > MOST_KEPT {
                member.forget_oldest();
            }
        });
    }

    /// A copy was missed: these, which arrived although they are younger, have to be sent again behind it.
    pub(crate) fn miss(&mut self, node: &ed25519::PublicKey, number: u64) -> Vec<(u64, Copy)> {
        let mut again = Vec::new();
        self.end(node, number, |member| {
            again.extend(member.arrived.split_off(&number));
            member.bytes -= again.iter().map(|(_, copy)| copy.request.len()).sum::<usize>();
        });
        again
    }

    /// The fate of a copy is known.
    fn end(&mut self, node: &ed25519::PublicKey, number: u64, then: impl FnOnce(&mut Member)) {
        let Some(member) = self.members.get_mut(node) else { return };
        member.on_way.remove(&number);
        then(member);
        match member.on_way.first() {
            None => {
                self.members.remove(node);
            }
            Some(open) => {
                let open = *open;
                while member.arrived.first_key_value().is_some_and(|(arrived, _)| *arrived < open) {
                    member.forget_oldest();
                }
            }
        }
    }
}

impl Member {
    fn forget_oldest(&mut self) {
        if let Some((_, copy)) = self.arrived.pop_first() {
            self.bytes -= copy.request.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const NODE: ed25519::PublicKey = ed25519::PublicKey([1; 32]);

    fn copy(length: usize) -> Copy {
        Copy::new(Bytes::from(vec![7; length]))
    }

    fn departed(numbers: impl IntoIterator<Item = u64>) -> Flights {
        let mut flights = Flights::default();
        for number in numbers {
            flights.depart(&NODE, number);
        }
        flights
    }

    fn missed(flights: &mut Flights, number: u64) -> Vec<u64> {
        flights.miss(&NODE, number).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn what_arrived_before_an_older_one_that_is_missed_goes_again() {
        let mut flights = departed([1, 2, 3, 4]);
        flights.arrive(&NODE, 1, Some(copy(1)));
        flights.arrive(&NODE, 4, Some(copy(1)));
        flights.arrive(&NODE, 3, Some(copy(1)));
        assert_eq!((flights.count(&NODE), flights.total()), (1, 1));

        assert_eq!(missed(&mut flights, 2), [3, 4]);
        assert!(flights.members.is_empty());
    }

    #[test]
    fn what_arrived_is_forgotten_when_all_older_ones_have() {
        let mut flights = departed([1, 2, 3]);
        flights.arrive(&NODE, 2, Some(copy(1)));
        flights.arrive(&NODE, 1, Some(copy(1)));

        assert_eq!(flights.members[&NODE].bytes, 0);
        assert_eq!(missed(&mut flights, 3), [0; 0]);
        assert_eq!(missed(&mut flights, 3), [0; 0], "nobody knows it any more");
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let mut flights = departed([1, 2, 3, 4]);
        for number in [2, 3, 4] {
            flights.arrive(&NODE, number, Some(copy(MOST_KEPT / 2)));
        }

        assert_eq!(missed(&mut flights, 1), [3, 4]);
    }
}
