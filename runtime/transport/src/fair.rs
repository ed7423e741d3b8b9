//! Whose turn it is: a queue for each peer, served in turns.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Requests that wait until they are worked on, by peer.
///
/// Peers take turns, whatever each of them has sent, and nobody may have more worked on than there are places left: a peer
/// whose requests take for ever leaves half of the places to others.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    places: usize,
    taken: usize,
    lines: HashMap<K, Line<T>>,
    /// Peers with something waiting, in the order of their turns; each is there once.
    turns: VecDeque<K>,
    waiting: usize,
}

#[derive(Debug)]
struct Line<T> {
    under_way: usize,
    waiting: VecDeque<T>,
}

impl<K: Copy + Eq + Hash, T> FairQueue<K, T> {
    /// A queue for so many places.
    pub(crate) fn new(places: usize) -> Self {
        Self { places, taken: 0, lines: HashMap::new(), turns: VecDeque::new(), waiting: 0 }
    }

    /// Lets something wait for its turn.
    pub(crate) fn push(&mut self, peer: K, item: T) {
        let line = self.lines.entry(peer).or_insert_with(|| Line { under_way: 0, waiting: VecDeque::new() });
        if line.waiting.is_empty() {
            self.turns.push_back(peer);
        }
        line.waiting.push_back(item);
        self.waiting += 1;
    }

    /// What is next, if there is a place for it; it has the place until [`FairQueue::end`].
    pub(crate) fn next(&mut self) -> Option<(K, T)> {
        let left = self.places - self.taken;
        for _ in 0..self.turns.len() {
            let peer = self.turns.pop_front()?;
            let line = self.lines.get_mut(&peer)?;
            if line.under_way >= left {
                self.turns.push_back(peer);
                continue;
            }
            let item = line.waiting.pop_front()?;
            if !line.waiting.is_empty() {
                self.turns.push_back(peer);
            }
            line.under_way += 1;
            self.taken += 1;
            self.waiting -= 1;
            return Some((peer, item));
        }
        None
    }

    /// A place of a peer is free again.
    pub(crate) fn end(&mut self, peer: &K) {
        let Some(line) = self.lines.get_mut(peer) else { return };
        line.under_way -= 1;
        self.taken -= 1;
        if line.under_way == 0 && line.waiting.is_empty() {
            self.lines.remove(peer);
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Drops what waits of a peer that is gone.
    pub(crate) fn forget(&mut self, peer: &K) {
        let Some(line) = self.lines.get_mut(peer) else { return };
        self.waiting -= line.waiting.len();
        line.waiting.clear();
        self.turns.retain(|other| other != peer);
        if line.under_way == 0 {
            self.lines.remove(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(queue: &mut FairQueue<char, u32>) -> Vec<(char, u32)> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn peers_take_turns_however_much_one_of_them_has_sent() {
        let mut queue = FairQueue::new(100);
        (0..5).for_each(|number| queue.push('a', number));
        queue.push('b', 10);
        queue.push('c', 20);

        let order = started(&mut queue);

        assert_eq!(order, [('a', 0), ('b', 10), ('c', 20), ('a', 1), ('a', 2), ('a', 3), ('a', 4)]);
    }

    #[test]
    fn a_peer_leaves_half_of_the_places_to_others() {
        let mut queue = FairQueue::new(8);
        (0..100).for_each(|number| queue.push('a', number));

        assert_eq!(started(&mut queue).len(), 4);
        (0..100).for_each(|number| queue.push('b', number));
        assert_eq!(started(&mut queue), [('b', 0), ('b', 1)]);
        queue.push('c', 0);
        assert_eq!(started(&mut queue), [('c', 0)], "a newcomer finds a place");
        assert_eq!(queue.waiting(), 96 + 98);
    }

    #[test]
    fn a_place_that_ends_goes_to_whose_turn_it_is() {
        let mut queue = FairQueue::new(2);
        queue.push('a', 1);
        queue.push('a', 2);
        assert_eq!(started(&mut queue), [('a', 1)]);
        queue.push('b', 1);
        assert_eq!(started(&mut queue), [('b', 1)]);
        queue.push('b', 2);

        queue.end(&'a');
        assert_eq!(queue.next(), Some(('a', 2)), "it has waited longer");
        queue.end(&'b');
        queue.end(&'a');
        assert_eq!(started(&mut queue), [('b', 2)]);
        queue.end(&'b');

        assert_eq!((queue.waiting, queue.taken), (0, 0));
        assert!(queue.lines.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn what_a_peer_that_is_gone_has_sent_waits_no_longer() {
        let mut queue = FairQueue::new(2);
        (0..3).for_each(|number| queue.push('a', number));
        queue.push('b', 0);
        assert_eq!(queue.next(), Some(('a', 0)));

        queue.forget(&'a');
        queue.forget(&'c');

        assert_eq!((queue.waiting(), queue.next()), (1, Some(('b', 0))));
        queue.end(&'a');
        queue.end(&'b');
        assert!(queue.lines.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn with_one_place_everybody_still_gets_a_turn() {
        let mut queue = FairQueue::new(1);
        (0..3).for_each(|number| queue.push('a', number));
        queue.push('b', 9);

        let order: Vec<_> = std::iter::from_fn(|| {
            let next = queue.next();
            next.inspect(|(peer, _)| queue.end(peer))
        })
        .collect();

        assert_eq!(order, [('a', 0), ('b', 9), ('a', 1), ('a', 2)]);
    }
}
