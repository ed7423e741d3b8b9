//! How much is under way to each next node.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use starling_protocol::crypto::ed25519::PublicKey;

/// Counts requests by the node they wait for; nodes with none are not kept.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    waiting: Rc<RefCell<HashMap<PublicKey, usize>>>,
    most: usize,
}

/// A request's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    backlog: Backlog,
    node: PublicKey,
}

impl Backlog {
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Rc::default(), most }
    }

    /// A place in the queue to `node`; none when it is full.
    pub(super) fn enter(&self, node: PublicKey) -> Option<Place> {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.get(&node).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        waiting.insert(node, count + 1);
        Some(Place { backlog: self.clone(), node })
    }

    /// All requests under way, and the nodes they wait for.
    pub(super) fn totals(&self) -> (usize, usize) {
        let waiting = self.waiting.borrow();
        (waiting.values().sum(), waiting.len())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.backlog.waiting.borrow_mut();
        if let Some(count) = waiting.get_mut(&self.node) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_to_one_node_leaves_others_alone() {
        let backlog = Backlog::new(2);
        let (one, other) = (PublicKey([1; 32]), PublicKey([2; 32]));

        let first = backlog.enter(one);
        let second = backlog.enter(one);

        assert!(first.is_some() && second.is_some());
        assert!(backlog.enter(one).is_none());
        assert!(backlog.enter(other).is_some());
        drop(first);
        assert!(backlog.enter(one).is_some());
        drop(second);
        assert_eq!(backlog.totals(), (0, 0), "what is left behind is nothing");
    }
}
