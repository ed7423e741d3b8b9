//! Copies that a member missed, until it gets them (storage-rpc §5). Pure: time is handed in.
//!
//! They live in memory, within a bound: a process that is killed forgets them, and what a member missed then is repaired
//! only by whatever brings the message another way.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use starling_protocol::crypto::ed25519;

/// When a missed copy is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the miss to the second try.
    pub first: Duration,
    /// Between all later ones.
    pub later: Duration,
}

/// A write, encoded for the wire. Copies of one write for several members share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The encoded request.
    pub request: Bytes,
    /// How often the member answered it with a failure of its own.
    n_failures: u32,
}

impl Copy {
    /// A copy that no member failed at yet.
    pub fn new(request: Bytes) -> Self {
        Self { request, n_failures: 0 }
    }
}

/// So often a member may fail at one copy before that is given up: it would hold up all later ones for ever.
const MOST_FAILURES: u32 = 10;

/// What a copy takes in memory beside its bytes.
const OVERHEAD: usize = 128;

/// The missed copies of all members, each member's in the order of their numbers.
#[derive(Debug)]
pub struct Retries {
    schedule: Schedule,
    max_bytes: usize,
    bytes: usize,
    members: HashMap<ed25519::PublicKey, Waiting>,
    given_up: u64,
}

#[derive(Debug)]
struct Waiting {
    copies: VecDeque<(u64, Copy)>,
    due: Duration,
    /// Somebody is busy with this member's copies.
    is_taken: bool,
}

impl Retries {
    /// An empty queue of at most so many bytes.
    pub fn new(schedule: Schedule, max_bytes: usize) -> Self {
        Self { schedule, max_bytes, bytes: 0, members: HashMap::new(), given_up: 0 }
    }

    /// Keeps a copy that `node` missed, in front of those with a higher number. Number the copies in the order of the
    /// writes: those of the lowest number are sent first, and given up first.
    pub fn add(&mut self, node: ed25519::PublicKey, number: u64, copy: Copy, now: Duration) {
        let cost = cost(&copy);
        if cost > self.max_bytes {
            self.given_up += 1;
            return;
        }
        let due = now + self.schedule.first;
        let waiting = self.members.entry(node).or_insert_with(|| Waiting {
            copies: VecDeque::new(),
            due,
            is_taken: false,
        });
        let position = waiting.copies.partition_point(|(other, _)| *other < number);
        waiting.copies.insert(position, (number, copy));
        self.bytes += cost;
        while self.bytes > self.max_bytes {
            self.give_up_oldest();
        }
    }

    /// Members whose copies are due at `now` and nobody is busy with.
    pub fn due(&self, now: Duration) -> Vec<ed25519::PublicKey> {
        let is_due =
            |waiting: &Waiting| waiting.due <= now && !waiting.is_taken && !waiting.copies.is_empty();
        self.members.iter().filter(|(_, waiting)| is_due(waiting)).map(|(node, _)| *node).collect()
    }

    /// Do copies wait for `node`, or is somebody busy with them?
    pub fn is_waiting(&self, node: &ed25519::PublicKey) -> bool {
        self.members.contains_key(node)
    }

    /// Does a copy with a lower number wait for `node`?
    pub fn has_older(&self, node: &ed25519::PublicKey, number: u64) -> bool {
        self.oldest(node).is_some_and(|(oldest, _)| oldest < number)
    }

    /// Members that copies wait for.
    pub fn members(&self) -> Vec<ed25519::PublicKey> {
        self.members.keys().copied().collect()
    }

    /// Is somebody busy with the copies of any member?
    pub fn is_any_taken(&self) -> bool {
        self.members.values().any(|waiting| waiting.is_taken)
    }

    /// Reserves `node` for the caller, who must [`release`](Retries::release) it; false when somebody else has it.
    pub fn take(&mut self, node: &ed25519::PublicKey) -> bool {
        match self.members.get_mut(node) {
            Some(waiting) if !waiting.is_taken => {
                waiting.is_taken = true;
                true
            }
            _ => false,
        }
    }

    /// The oldest copy for `node`, which stays in the queue until it is [`delivered`](Retries::delivered).
    pub fn oldest(&self, node: &ed25519::PublicKey) -> Option<(u64, Copy)> {
        self.members.get(node)?.copies.front().cloned()
    }

    /// `node` has given an answer to that copy, whatever it was.
    pub fn delivered(&mut self, node: &ed25519::PublicKey, number: u64) {
        let Some(waiting) = self.members.get_mut(node) else { return };
        // While the copy was on its way it may have been given up, so that another one is first now.
        if waiting.copies.front().is_some_and(|(first, _)| *first == number)
            && let Some((_, copy)) = waiting.copies.pop_front()
        {
            self.bytes -= cost(&copy);
        }
    }

    /// `node` failed at that copy itself; after too many times it is given up, so that the later ones get through.
    pub fn failed(&mut self, node: &ed25519::PublicKey, number: u64) {
        let first = self.members.get_mut(node).and_then(|waiting| waiting.copies.front_mut());
        let Some((_, copy)) = first.filter(|(first, _)| *first == number) else { return };
        copy.n_failures += 1;
        if copy.n_failures >= MOST_FAILURES {
            self.delivered(node, number);
            self.given_up += 1;
        }
    }

    /// Gives `node` back. After a failure its copies rest for the longer time.
    pub fn release(&mut self, node: &ed25519::PublicKey, now: Duration, is_failed: bool) {
        let Some(waiting) = self.members.get_mut(node) else { return };
        waiting.is_taken = false;
        if is_failed {
            waiting.due = now + self.schedule.later;
        }
        if waiting.copies.is_empty() {
            self.members.remove(node);
        }
    }

    /// Gives up the copies of members that are no longer of interest.
    pub fn retain(&mut self, is_wanted: impl Fn(&ed25519::PublicKey) -> bool) {
        self.members.retain(|node, waiting| {
            let keep = is_wanted(node);
            if !keep {
                self.bytes -= waiting.copies.iter().map(|(_, copy)| cost(copy)).sum::<usize>();
            }
            keep
        });
    }

    /// How many copies wait.
    pub fn len(&self) -> usize {
        self.members.values().map(|waiting| waiting.copies.len()).sum()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were given up since the last question.
    pub fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }

    fn give_up_oldest(&mut self) {
        let first = |waiting: &Waiting| waiting.copies.front().map(|(number, _)| *number);
        let oldest =
            self.members.values_mut().filter(|waiting| !waiting.copies.is_empty()).min_by_key(|w| first(w));
        if let Some((_, copy)) = oldest.and_then(|waiting| waiting.copies.pop_front()) {
            self.bytes -= cost(&copy);
            self.given_up += 1;
        }
        // Nothing is left to be sent to such a member, so nothing need wait behind it.
        self.members.retain(|_, waiting| waiting.is_taken || !waiting.copies.is_empty());
    }
}

fn cost(copy: &Copy) -> usize {
    copy.request.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { first: Duration::from_secs(15), later: Duration::from_secs(60) };
    const A: ed25519::PublicKey = ed25519::PublicKey([1; 32]);
    const B: ed25519::PublicKey = ed25519::PublicKey([2; 32]);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn copy(len: usize) -> Copy {
        Copy::new(Bytes::from(vec![0; len]))
    }

    #[test]
    fn a_copy_is_due_after_fifteen_seconds_and_then_every_minute() {
        let mut retries = Retries::new(SCHEDULE, 10_000);
        retries.add(A, 1, copy(10), at(100));

        assert_eq!(retries.due(at(114)), []);
        assert_eq!(retries.due(at(115)), [A]);
        assert!(retries.take(&A));
        assert!(!retries.take(&A), "one at a time");
        assert_eq!(retries.due(at(115)), []);
        retries.release(&A, at(120), true);
        assert_eq!(retries.due(at(179)), []);
        assert_eq!(retries.due(at(180)), [A]);
    }

    #[test]
    fn copies_come_in_the_order_of_the_writes_and_not_of_the_misses() {
        let mut retries = Retries::new(SCHEDULE, 10_000);
        for number in [3, 1, 2] {
            retries.add(A, number, copy(10), at(100));
        }

        assert!(retries.has_older(&A, 2) && !retries.has_older(&A, 1) && !retries.has_older(&B, 9));
        assert!(retries.take(&A));
        for number in 1..=3 {
            assert_eq!(retries.oldest(&A).unwrap().0, number);
            retries.delivered(&A, number);
        }
        assert!(retries.is_empty());
        assert!(retries.is_waiting(&A) && retries.is_any_taken(), "whoever is busy may have one on its way");
        retries.release(&A, at(102), false);
        assert!(!retries.is_waiting(&A) && !retries.is_any_taken());
        assert_eq!(retries.bytes, 0);
    }

    #[test]
    fn a_copy_that_a_member_fails_at_again_and_again_does_not_hold_up_the_next() {
        let mut retries = Retries::new(SCHEDULE, 10_000);
        retries.add(A, 1, copy(10), at(0));
        retries.add(A, 2, copy(10), at(0));

        for _ in 1..MOST_FAILURES {
            retries.failed(&A, 1);
        }
        assert_eq!((retries.oldest(&A).unwrap().0, retries.take_given_up()), (1, 0));
        retries.failed(&A, 1);

        assert_eq!((retries.oldest(&A).unwrap().0, retries.take_given_up()), (2, 1));
        assert_eq!(retries.bytes, 10 + OVERHEAD);
    }

    #[test]
    fn beyond_the_bound_the_oldest_of_all_members_go() {
        let mut retries = Retries::new(SCHEDULE, 3 * (100 + OVERHEAD));
        retries.add(A, 1, copy(100), at(0));
        retries.add(B, 2, copy(100), at(0));
        retries.add(A, 3, copy(100), at(0));
        retries.add(B, 4, copy(100), at(0));

        assert_eq!(retries.len(), 3);
        assert_eq!(retries.take_given_up(), 1);
        assert_eq!(retries.oldest(&A).unwrap().0, 3);
        retries.add(A, 5, copy(10_000), at(0));
        assert_eq!((retries.len(), retries.take_given_up()), (3, 1), "what can never fit is not kept");
    }

    #[test]
    fn a_copy_that_was_given_up_under_way_does_not_take_another_with_it() {
        let mut retries = Retries::new(SCHEDULE, 100 + OVERHEAD);
        retries.add(A, 1, copy(100), at(0));
        assert!(retries.take(&A));
        retries.add(A, 2, copy(100), at(0));

        retries.delivered(&A, 1);

        assert_eq!(retries.oldest(&A).unwrap().0, 2);
    }

    #[test]
    fn copies_of_those_who_left_are_dropped() {
        let mut retries = Retries::new(SCHEDULE, 10_000);
        retries.add(A, 1, copy(10), at(0));
        retries.add(B, 2, copy(10), at(0));

        retries.retain(|node| *node == B);

        assert_eq!((retries.len(), retries.bytes), (1, 10 + OVERHEAD));
    }
}
