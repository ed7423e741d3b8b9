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
}

/// What a copy takes in memory beside its bytes.
const OVERHEAD: usize = 128;

/// The missed copies of all members, each member's in the order of the writes.
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

    /// Keeps a copy that `node` missed. Number the copies upwards: those of the lowest number are given up first.
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
        waiting.copies.push_back((number, copy));
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

    /// `node` was heard from: its copies are due at once.
    pub fn heard_from(&mut self, node: &ed25519::PublicKey, now: Duration) {
        if let Some(waiting) = self.members.get_mut(node) {
            waiting.due = waiting.due.min(now);
        }
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

    /// How many were given up for want of room since the last question.
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
        Copy { request: Bytes::from(vec![0; len]) }
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
    fn whoever_is_heard_from_gets_its_copies_in_order() {
        let mut retries = Retries::new(SCHEDULE, 10_000);
        for number in 1..=3 {
            retries.add(A, number, copy(10), at(100));
        }

        retries.heard_from(&A, at(101));

        assert_eq!(retries.due(at(101)), [A]);
        assert!(retries.take(&A));
        for number in 1..=3 {
            assert_eq!(retries.oldest(&A).unwrap().0, number);
            retries.delivered(&A, number);
        }
        retries.release(&A, at(102), false);
        assert!(retries.is_empty());
        assert_eq!(retries.bytes, 0);
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
