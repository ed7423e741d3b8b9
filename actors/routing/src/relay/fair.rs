//! Whose turn it is: deficit round robin, by bytes, over those who bring requests. Pure.
//!
//! A link is a node that passes requests on, or a client's address. Each has a queue of its own, so that whoever brings more
//! than can be worked on fills that one and no other. Two things are shared out: opening a layer, which takes a processor, and
//! being under way, which takes memory. Of the second nobody may have more than half of what the others have left, so that
//! requests that wait long for their answers never take the last place.

use std::collections::{HashMap, VecDeque};

use starling_contracts::routing::Origin;
use starling_protocol::crypto::ed25519::PublicKey;

/// What a link may send in one turn, in bytes. The longest request takes 160 turns.
const QUANTUM: usize = 64 << 10;
/// What a request counts for beside its bytes: the curve arithmetic of a layer takes as long as so many bytes.
const OVERHEAD: usize = 8 << 10;

/// Who brings requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Link {
    /// A listed node.
    Node(PublicKey),
    /// Clients of one address.
    Client(Origin),
}

/// What is shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// Layers being opened at once.
    pub(super) opening: usize,
    /// Requests under way at once.
    pub(super) under_way: usize,
    /// Those of one link.
    pub(super) under_way_per_link: usize,
    /// Requests waiting.
    pub(super) queued: usize,
    /// Those of one link.
    pub(super) queued_per_link: usize,
    /// Bytes of those.
    pub(super) bytes_per_link: usize,
}

/// Someone who waits; may have gone away meanwhile.
pub(super) trait Waiter {
    fn is_gone(&self) -> bool;
}

/// The queue has no place for this link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All queues.
#[derive(Debug)]
pub(super) struct Fair<T> {
    shares: Shares,
    lanes: HashMap<Link, Lane<T>>,
    /// Links that wait, the one whose turn it is first.
    ring: VecDeque<Link>,
    opening: usize,
    under_way: usize,
    queued: usize,
}

/// What one link has here. Links with nothing here are not kept.
#[derive(Debug)]
struct Lane<T> {
    queue: VecDeque<(usize, T)>,
    bytes: usize,
    under_way: usize,
    /// What is left of its turns.
    deficit: usize,
    /// Has it been given its quantum for the turn that it is having?
    is_at_turn: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), bytes: 0, under_way: 0, deficit: 0, is_at_turn: false }
    }
}

impl<T: Waiter> Lane<T> {
    fn forget_gone(&mut self) -> usize {
        let before = self.queue.len();
        let bytes = &mut self.bytes;
        self.queue.retain(|(size, waiter)| {
            let stays = !waiter.is_gone();
            *bytes -= if stays { 0 } else { *size };
            stays
        });
        before - self.queue.len()
    }
}

impl<T: Waiter> Fair<T> {
    pub(super) fn new(shares: Shares) -> Self {
        Self { shares, lanes: HashMap::new(), ring: VecDeque::new(), opening: 0, under_way: 0, queued: 0 }
    }

    /// Lets a request of `size` bytes wait for its turn. When all queues together are full, the longest loses its last.
    ///
    /// # Errors
    /// The link's own queue is full, or the longest of all.
    pub(super) fn join(&mut self, link: Link, size: usize, waiter: T) -> Result<(), Full> {
        if self.is_full(link, size) {
            self.forget_gone(link);
            if self.is_full(link, size) {
                return Err(Full);
            }
        }
        if self.queued >= self.shares.queued {
            self.make_room_for(link)?;
        }
        let lane = self.lanes.entry(link).or_default();
        if lane.queue.is_empty() {
            self.ring.push_back(link);
        }
        lane.queue.push_back((size, waiter));
        lane.bytes += size;
        self.queued += 1;
        Ok(())
    }

    fn is_full(&self, link: Link, size: usize) -> bool {
        self.lanes.get(&link).is_some_and(|lane| {
            let is_long = lane.queue.len() >= self.shares.queued_per_link;
            // One request is always let in, however long.
            is_long || !lane.queue.is_empty() && lane.bytes.saturating_add(size) > self.shares.bytes_per_link
        })
    }

    fn forget_gone(&mut self, link: Link) {
        if let Some(lane) = self.lanes.get_mut(&link) {
            self.queued -= lane.forget_gone();
            if lane.queue.is_empty() {
                self.leave_ring(link);
            }
        }
    }

    fn make_room_for(&mut self, newcomer: Link) -> Result<(), Full> {
        let longest = self.lanes.iter().max_by_key(|(_, lane)| lane.queue.len()).map(|(link, _)| *link);
        let Some(longest) = longest else { return Err(Full) };
        let length = |link: &Link| self.lanes.get(link).map_or(0, |lane| lane.queue.len());
        // Taking from one what the other gets would only change who is refused.
        if length(&longest) <= length(&newcomer) + 1 {
            return Err(Full);
        }
        if let Some(lane) = self.lanes.get_mut(&longest)
            && let Some((size, _refused)) = lane.queue.pop_back()
        {
            lane.bytes -= size;
            self.queued -= 1;
        }
        Ok(())
    }

    /// The request whose turn it is, if there is one and there is room for it. It opens its layer and is under way from now on.
    pub(super) fn next(&mut self) -> Option<(Link, T)> {
        if self.opening >= self.shares.opening || self.under_way >= self.shares.under_way {
            return None;
        }
        // Links in a row that may have nothing more under way.
        let mut n_passed = 0;
        while n_passed < self.ring.len() {
            let link = *self.ring.front()?;
            let others = self.under_way - self.lanes.get(&link)?.under_way;
            let most = share(self.shares.under_way, others, self.shares.under_way_per_link);
            let lane = self.lanes.get_mut(&link)?;
            if lane.under_way >= most {
                lane.is_at_turn = false;
                self.ring.rotate_left(1);
                n_passed += 1;
                continue;
            }
            n_passed = 0;
            if !std::mem::replace(&mut lane.is_at_turn, true) {
                lane.deficit += QUANTUM;
            }
            let Some((size, _)) = lane.queue.front() else {
                self.leave_ring(link);
                continue;
            };
            let cost = size + OVERHEAD;
            if cost > lane.deficit {
                lane.is_at_turn = false;
                self.ring.rotate_left(1);
                continue;
            }
            let Some((size, waiter)) = lane.queue.pop_front() else { continue };
            lane.bytes -= size;
            self.queued -= 1;
            let is_gone = waiter.is_gone();
            if !is_gone {
                lane.deficit -= cost;
                lane.under_way += 1;
                self.opening += 1;
                self.under_way += 1;
            }
            if lane.queue.is_empty() {
                self.leave_ring(link);
            }
            if !is_gone {
                return Some((link, waiter));
            }
        }
        None
    }

    /// A link has nothing waiting any more; what was left of its turn is lost.
    fn leave_ring(&mut self, link: Link) {
        self.ring.retain(|waiting| *waiting != link);
        if let Some(lane) = self.lanes.get_mut(&link) {
            (lane.deficit, lane.is_at_turn) = (0, false);
            if lane.under_way == 0 && lane.queue.is_empty() {
                self.lanes.remove(&link);
            }
        }
    }

    /// A layer has been opened.
    pub(super) fn opened(&mut self) {
        self.opening -= 1;
    }

    /// A request is no longer under way.
    pub(super) fn ended(&mut self, link: Link) {
        self.under_way -= 1;
        if let Some(lane) = self.lanes.get_mut(&link) {
            lane.under_way -= 1;
            if lane.under_way == 0 && lane.queue.is_empty() {
                self.lanes.remove(&link);
            }
        }
    }

    /// Requests that wait, and those under way.
    pub(super) fn totals(&self) -> (usize, usize) {
        (self.queued, self.under_way)
    }

    /// Links with something here.
    pub(super) fn links(&self) -> usize {
        self.lanes.len()
    }
}

/// How many requests a link may have under way, when those of all others are so many.
fn share(total: usize, others: usize, per_link: usize) -> usize {
    per_link.min(total.saturating_sub(others).div_ceil(2))
}

#[cfg(test)]
mod tests;
