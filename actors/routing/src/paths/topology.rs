//! The paths that stand ready, and the guards that outlive them. Pure; randomness is given.
//!
//! A path is *planned*, then *adopted* once its guard is known to answer, and stands until it loses its guard or gets its third
//! strike. Other hops that it loses are replaced. Standing paths share no node.

use std::collections::BTreeSet;

use starling_kernel::Entropy;
use starling_protocol::crypto::ed25519::PublicKey;

use super::{
    pool::{MAX_STRIKES, Pool},
    selection::Rules,
};

/// Nodes of a path, the guard among them.
pub(super) const N_HOPS: usize = 3;

/// Names one make of a path; a rotated path is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PathId(u64);

/// Three nodes, guard first.
pub(super) type Hops = [PublicKey; N_HOPS];

/// A path that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    id: PathId,
    hops: Hops,
    strikes: u8,
}

/// A path that could be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Its nodes.
    pub(super) hops: Hops,
    /// Was its guard a guard before, so that it need not be tested?
    pub(super) is_trusted: bool,
}

/// The way that a request is to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// The standing path, or `None` for one made for this request alone.
    pub(super) id: Option<PathId>,
    /// Its nodes.
    pub(super) hops: Hops,
}

/// What a request would rather not use.
#[derive(Debug, Clone, Default)]
pub(super) struct Shunned {
    /// Guards that did not answer.
    pub(super) guards: BTreeSet<PublicKey>,
    /// Standing paths that failed.
    pub(super) paths: BTreeSet<PathId>,
}

/// The standing paths.
#[derive(Debug, Default)]
pub(super) struct Topology {
    standing: Vec<Path>,
    /// In the order in which they were adopted; at most as many as paths are wanted, and all that lead a standing path.
    guards: Vec<PublicKey>,
    next_id: u64,
}

impl Topology {
    /// No path yet, but guards from an earlier run.
    pub(super) fn with_guards(guards: Vec<PublicKey>) -> Self {
        Self { guards, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.standing.len()
    }

    pub(super) fn guards(&self) -> &[PublicKey] {
        &self.guards
    }

    /// Does it lead a standing path?
    pub(super) fn is_leading(&self, guard: &PublicKey) -> bool {
        self.standing.iter().any(|path| path.hops[0] == *guard)
    }

    fn used(&self) -> BTreeSet<PublicKey> {
        self.standing.iter().flat_map(|path| path.hops).collect()
    }

    /// Another path out of nodes that no standing path has; guards of before come first, those of `resting` not at all.
    pub(super) fn plan(
        &self,
        pool: &Pool,
        rules: &Rules,
        resting: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Option<Plan> {
        let used = self.used();
        let avoid: BTreeSet<PublicKey> = used.union(resting).copied().collect();
        let is_ready = |guard: &&PublicKey| {
            !avoid.contains(*guard) && pool.node(guard).is_some_and(|node| rules.can_guard(node))
        };
        let trusted = self.guards.iter().find(is_ready);
        let guard = match trusted {
            Some(guard) => *guard,
            None => *rules.guards(pool, &avoid, entropy).first()?,
        };
        // A resting node may still pass things on, where no other is left.
        let behind = rules.hops_behind(&guard, pool, &avoid, entropy);
        let [middle, exit] = behind.or_else(|| rules.hops_behind(&guard, pool, &used, entropy))?;
        Some(Plan { hops: [guard, middle, exit], is_trusted: trusted.is_some() })
    }

    /// Lets a planned path stand, unless its nodes have been taken or dropped meanwhile, or `kept` paths stand already.
    pub(super) fn adopt(&mut self, hops: Hops, pool: &Pool, kept: usize) -> bool {
        let used = self.used();
        let is_free = hops.iter().all(|hop| !used.contains(hop) && pool.node(hop).is_some());
        if !is_free || self.standing.len() >= kept {
            return false;
        }
        let id = self.fresh_id();
        self.standing.push(Path { id, hops, strikes: 0 });
        let guard = hops[0];
        if !self.guards.contains(&guard) {
            self.guards.push(guard);
        }
        while self.guards.len() > kept {
            let Some(idle) = self.guards.iter().position(|guard| !self.is_leading(guard)) else { break };
            self.guards.remove(idle);
        }
        true
    }

    fn fresh_id(&mut self) -> PathId {
        self.next_id += 1;
        PathId(self.next_id)
    }

    /// The way for a request: a standing path that does not lead over the destination, else one made for this request,
    /// else, where nodes are too few, one that does.
    pub(super) fn choose(
        &self,
        destination: Option<&PublicKey>,
        shunned: &Shunned,
        pool: &Pool,
        rules: &Rules,
        resting: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Option<Choice> {
        let is_led =
            |path: &&Path| !shunned.guards.contains(&path.hops[0]) && !resting.contains(&path.hops[0]);
        let mut led: Vec<_> = self.standing.iter().filter(is_led).collect();
        entropy.shuffle(&mut led);
        led.sort_by_key(|path| (shunned.paths.contains(&path.id), path.strikes));
        let is_apart = |path: &&&Path| !destination.is_some_and(|node| path.hops.contains(node));
        let standing = |path: &Path| Choice { id: Some(path.id), hops: path.hops };
        led.iter()
            .find(is_apart)
            .map(|path| standing(path))
            .or_else(|| self.one_off(destination, &led, shunned, pool, rules, resting, entropy))
            .or_else(|| led.first().map(|path| standing(path)))
            .or_else(|| self.one_off(None, &led, shunned, pool, rules, resting, entropy))
    }

    /// A path for one request; led by a guard that is in use, if one can.
    #[expect(clippy::too_many_arguments, reason = "the rest of `choose`, which is told all of this")]
    fn one_off(
        &self,
        destination: Option<&PublicKey>,
        led: &[&Path],
        shunned: &Shunned,
        pool: &Pool,
        rules: &Rules,
        resting: &BTreeSet<PublicKey>,
        entropy: &dyn Entropy,
    ) -> Option<Choice> {
        let target: BTreeSet<PublicKey> = destination.copied().into_iter().collect();
        let leading = led.iter().map(|path| path.hops[0]).filter(|guard| !target.contains(guard));
        let barred: BTreeSet<PublicKey> = target.iter().chain(&shunned.guards).copied().collect();
        let rested = barred.union(resting).copied().collect();
        let others = rules.guards(pool, &rested, entropy).into_iter();
        let last_resort = rules.guards(pool, &barred, entropy).into_iter();
        // Nodes that stand in other paths are taken only when no others are left.
        let unused: BTreeSet<PublicKey> = self.used().union(&rested).copied().collect();
        leading.chain(others).chain(last_resort).find_map(|guard| {
            let behind = |avoid| rules.hops_behind(&guard, pool, avoid, entropy);
            let [middle, exit] = behind(&unused).or_else(|| behind(&rested)).or_else(|| behind(&target))?;
            Some(Choice { id: None, hops: [guard, middle, exit] })
        })
    }

    /// A node is gone from the pool: paths that it led are discarded, others get a node in its place.
    pub(super) fn drop_node(&mut self, node: &PublicKey, pool: &Pool, rules: &Rules, entropy: &dyn Entropy) {
        self.guards.retain(|guard| guard != node);
        self.standing.retain(|path| path.hops[0] != *node);
        let Some(at) = self.standing.iter().position(|path| path.hops.contains(node)) else { return };
        let mut path = self.standing.remove(at);
        let others: Vec<_> = path.hops.iter().filter(|hop| *hop != node).copied().collect();
        if let Some(instead) = rules.next_hop(&others, pool, &self.used(), entropy) {
            path.hops = path.hops.map(|hop| if hop == *node { instead } else { hop });
            self.standing.insert(at, path);
        }
    }

    /// Drops whatever the pool does not have any more.
    pub(super) fn reconcile(&mut self, pool: &Pool, rules: &Rules, entropy: &dyn Entropy) {
        let is_gone = |node: &PublicKey| pool.node(node).is_none();
        let gone: BTreeSet<_> = self.used().into_iter().chain(self.guards.clone()).filter(is_gone).collect();
        for node in &gone {
            self.drop_node(node, pool, rules, entropy);
        }
    }

    /// Gives every path new nodes behind its guard: unused ones, as far as there are any.
    pub(super) fn rotate(&mut self, pool: &Pool, rules: &Rules, entropy: &dyn Entropy) -> usize {
        let mut rotated = 0;
        for at in 0..self.standing.len() {
            let guard = self.standing[at].hops[0];
            let used = self.used();
            let others: BTreeSet<_> =
                used.iter().filter(|node| !self.standing[at].hops.contains(node)).copied().collect();
            let behind = |avoid| rules.hops_behind(&guard, pool, avoid, entropy);
            if let Some([middle, exit]) = behind(&used).or_else(|| behind(&others)) {
                let id = self.fresh_id();
                self.standing[at] = Path { id, hops: [guard, middle, exit], strikes: 0 };
                rotated += 1;
            }
        }
        rotated
    }

    /// One strike for a path; true with the third, which costs it its guard.
    pub(super) fn strike(&mut self, id: PathId) -> bool {
        let Some(path) = self.standing.iter_mut().find(|path| path.id == id) else { return false };
        path.strikes = path.strikes.saturating_add(1);
        path.strikes >= MAX_STRIKES
    }

    /// The path did what it should.
    pub(super) fn forgive(&mut self, id: PathId) {
        if let Some(path) = self.standing.iter_mut().find(|path| path.id == id) {
            path.strikes = 0;
        }
    }
}

#[cfg(test)]
mod tests;
