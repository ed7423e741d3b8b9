//! How the chain deals nodes out to swarms (swarms §2). The result is consensus data.

use std::collections::BTreeMap;

use super::SwarmId;
use super::introsort;
use super::random::Mt19937;

/// Fewest nodes a swarm may have; a smaller one is filled up or dissolved.
pub const MIN_SIZE: usize = 5;
/// How many nodes a new swarm starts with.
pub const IDEAL_SIZE: usize = 7;
/// Most nodes a swarm should have. Declared by the reference; nothing enforces it.
pub const MAX_SIZE: usize = 10;
/// Nodes above this number may be taken away.
pub const EXCESS_BASE: usize = 5;

const JOIN_PERCENTILE: usize = 25;
const DISSOLVED_PERCENTILE: usize = 0;
const STEAL_PERCENTILE: usize = 75;

/// The swarms and, in the order that matters, their nodes.
pub type Swarms<N> = BTreeMap<SwarmId, Vec<N>>;

/// The seed that a block's hash gives: its first eight bytes, little-endian.
#[must_use]
pub fn seed_from_block_hash(hash: &[u8; 32]) -> u64 {
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// Recomputes the swarms after a block that changed the set of active nodes.
///
/// Each list, and `unassigned`, must be sorted by node key, as it is at the start of every recomputation. Nodes listed
/// under [`SwarmId::UNASSIGNED`] count as unassigned, before the others.
pub fn assign<N>(swarms: &mut Swarms<N>, unassigned: Vec<N>, seed: u64) {
    let mut waiting = swarms.remove(&SwarmId::UNASSIGNED).unwrap_or_default();
    waiting.extend(unassigned);
    if swarms.is_empty() {
        swarms.insert(SwarmId(0), Vec::new());
    }
    let mut dealer = Dealer { swarms, random: Mt19937::from_seed(seed) };
    dealer.join(waiting, JOIN_PERCENTILE);
    dealer.feed_starving();
    dealer.create_new();
    dealer.dissolve_starving();
}

/// The id of the next swarm: the middle of the largest gap on the ring, the first one of equals, 0 on an empty ring.
///
/// `existing` must be ascending. [`SwarmId::UNASSIGNED`] among them is passed over.
#[must_use]
pub fn new_id(existing: &[SwarmId]) -> SwarmId {
    let existing = &existing[..existing.partition_point(|id| id.is_assigned())];
    let (Some(first), Some(last)) = (existing.first(), existing.last()) else {
        return SwarmId(0);
    };
    let mut start = last.0;
    let mut gap = 0;
    for pair in existing.windows(2) {
        let between = pair[1].0 - pair[0].0;
        if between > gap {
            (start, gap) = (pair[0].0, between);
        }
    }
    // Around the end of the ring; it wins only if it is strictly larger.
    let around = (SwarmId::MAX.0 - last.0).saturating_add(first.0).saturating_add(1);
    if around > gap {
        (start, gap) = (last.0, around);
    }
    let half = gap / 2;
    let room = SwarmId::MAX.0 - start;
    SwarmId(if half > room { half - room - 1 } else { start + half })
}

/// The order of swarms by size that the reference's sort leaves: places in `sizes`, which is in ascending id order.
#[must_use]
pub fn sort_by_size(sizes: &[usize]) -> Vec<usize> {
    let mut order: Vec<(usize, usize)> = sizes.iter().copied().enumerate().collect();
    introsort::sort_by(&mut order, |a, b| a.1 < b.1);
    order.into_iter().map(|(index, _)| index).collect()
}

struct Dealer<'a, N> {
    swarms: &'a mut Swarms<N>,
    random: Mt19937,
}

impl<N> Dealer<'_, N> {
    /// Gives each node to one of the smallest swarms, up to the size at the percentile.
    fn join(&mut self, nodes: Vec<N>, percentile: usize) {
        for node in nodes {
            let sizes = self.sizes();
            let size = sizes[percentile * (sizes.len() - 1) / 100].1;
            let candidates =
                sizes.iter().rposition(|(_, other)| *other == size).map_or(sizes.len(), |last| last + 1);
            let (id, _) = sizes[self.random.index(candidates)];
            self.swarms.entry(id).or_default().push(node);
            self.create_new();
        }
    }

    /// "Robin Hood": fills the swarms below the minimum from the large ones, as long as there is enough to take.
    fn feed_starving(&mut self) {
        let sizes = self.sizes();
        let rich = sizes[STEAL_PERCENTILE * (sizes.len() - 1) / 100].1;
        let threshold = MIN_SIZE.max(rich.saturating_sub(1));
        for (poor, size) in sizes {
            if size >= MIN_SIZE {
                return;
            }
            for missing in (1..=MIN_SIZE - size).rev() {
                if self.excess(threshold) < missing {
                    return;
                }
                let node = self.take_from_pool(threshold);
                self.swarms.entry(poor).or_default().extend(node);
            }
        }
    }

    /// Founds swarms as long as the surplus suffices and nobody starves.
    fn create_new(&mut self) {
        if self.swarms.values().any(|nodes| nodes.len() < MIN_SIZE) {
            return;
        }
        while self.excess(EXCESS_BASE) >= IDEAL_SIZE + 2 * self.swarms.len() {
            let founders: Vec<N> = (0..IDEAL_SIZE).filter_map(|_| self.take_from_pool(EXCESS_BASE)).collect();
            let ids: Vec<SwarmId> = self.swarms.keys().copied().collect();
            self.swarms.insert(new_id(&ids), founders);
        }
    }

    /// Breaks up the swarms that are still too small and deals their nodes to the others.
    fn dissolve_starving(&mut self) {
        while self.swarms.len() > 1 {
            let Some(poor) = self.swarms.iter().find(|(_, nodes)| nodes.len() < MIN_SIZE).map(|(id, _)| *id)
            else {
                return;
            };
            let nodes = self.swarms.remove(&poor).unwrap_or_default();
            self.join(nodes, DISSOLVED_PERCENTILE);
        }
    }

    fn sizes(&self) -> Vec<(SwarmId, usize)> {
        let mut sizes: Vec<_> = self.swarms.iter().map(|(id, nodes)| (*id, nodes.len())).collect();
        introsort::sort_by(&mut sizes, |a, b| a.1 < b.1);
        sizes
    }

    /// How many nodes the swarms larger than `threshold` have to spare.
    fn excess(&self, threshold: usize) -> usize {
        self.larger_than(threshold).map(|nodes| nodes.len() - EXCESS_BASE).sum()
    }

    /// Draws one of all nodes of the swarms larger than `threshold`; `None` only if there is no such swarm.
    fn take_from_pool(&mut self, threshold: usize) -> Option<N> {
        let pool = self.larger_than(threshold).map(Vec::len).sum();
        let mut index = self.random.index(pool);
        for nodes in self.swarms.values_mut().filter(|nodes| nodes.len() > threshold) {
            if index < nodes.len() {
                return Some(nodes.remove(index));
            }
            index -= nodes.len();
        }
        None
    }

    fn larger_than(&self, threshold: usize) -> impl Iterator<Item = &Vec<N>> {
        self.swarms.values().filter(move |nodes| nodes.len() > threshold)
    }
}
