//! Everything that a client knows, and what each event changes in it. Pure: time and randomness are given.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use starling_contracts::node::ServiceNode;
use starling_kernel::Entropy;
use starling_protocol::crypto::ed25519::PublicKey;

use super::{
    network_time::Offsets,
    pool::{Pool, Struck},
    reaction::{Blame, Event},
    saved::Saved,
    selection::{Rules, subnet},
    swarms::Swarms,
    topology::{Choice, Hops, N_HOPS, Plan, Shunned, Topology},
};

/// How long it is remembered that a node found the clock wrong.
const COMPLAINTS_LAST: Duration = Duration::from_secs(10 * 60);

/// The times and numbers that decide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Which nodes may do what.
    pub(super) rules: Rules,
    /// Paths that are wanted.
    pub(super) kept: usize,
    /// How long a dropped node is not taken back.
    pub(super) forget_dropped_after: Duration,
    /// With fewer nodes than this the list is fetched anew.
    pub(super) min_pool: usize,
}

/// A way to a destination, with all that is needed to take it.
#[derive(Debug, Clone)]
pub(super) struct Trip {
    /// What was chosen.
    pub(super) choice: Choice,
    /// The nodes of it.
    pub(super) hops: [ServiceNode; N_HOPS],
    /// The service node at its end; `None` when a web server is.
    pub(super) destination: Option<PublicKey>,
}

impl Trip {
    pub(super) fn guard(&self) -> &ServiceNode {
        &self.hops[0]
    }
}

/// What a client knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) terms: Terms,
    pub(super) pool: Pool,
    pub(super) swarms: Swarms,
    pub(super) offsets: Offsets,
    topology: Topology,
    /// Guards that could not be reached while nothing else was heard: it may be this machine that is cut off.
    suspects: BTreeSet<PublicKey>,
    /// Guards that did not answer, and until when they lead no path.
    resting: BTreeMap<PublicKey, Duration>,
    /// Nodes that found the clock wrong, and until when that is remembered.
    complained: BTreeMap<PublicKey, Duration>,
    /// When the node list was last fetched, Unix milliseconds.
    refreshed_at_ms: u64,
    /// Grows with every change that is worth saving.
    revision: u64,
}

impl State {
    /// What an earlier run left behind, or nothing.
    pub(super) fn new(terms: Terms, saved: Option<Saved>, now: Duration) -> Self {
        let mut pool = Pool::default();
        let mut topology = Topology::default();
        let mut refreshed_at_ms = 0;
        if let Some(saved) = saved {
            pool.replace(saved.nodes, terms.min_pool, now);
            let is_known = |guard: &PublicKey| pool.node(guard).is_some();
            topology =
                Topology::with_guards(saved.guards.into_iter().filter(is_known).take(terms.kept).collect());
            refreshed_at_ms = saved.refreshed_at_ms;
        }
        Self {
            terms,
            pool,
            swarms: Swarms::default(),
            offsets: Offsets::default(),
            topology,
            suspects: BTreeSet::new(),
            resting: BTreeMap::new(),
            complained: BTreeMap::new(),
            refreshed_at_ms,
            revision: 0,
        }
    }

    /// What is worth keeping over a restart.
    pub(super) fn to_saved(&self, network: PublicKey) -> Saved {
        let nodes = self.pool.nodes().cloned().collect();
        Saved::new(network, self.refreshed_at_ms, nodes, self.topology.guards().to_vec())
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn refreshed_at_ms(&self) -> u64 {
        self.refreshed_at_ms
    }

    /// Takes a new node list over.
    pub(super) fn refresh(
        &mut self,
        nodes: Vec<ServiceNode>,
        now: Duration,
        now_ms: u64,
        entropy: &dyn Entropy,
    ) {
        self.pool.replace(nodes, self.terms.min_pool.max(N_HOPS + 1), now);
        self.topology.reconcile(&self.pool, &self.terms.rules, entropy);
        self.refreshed_at_ms = now_ms;
        self.revision += 1;
    }

    /// Are there fewer nodes than are wanted?
    pub(super) fn is_thin(&self) -> bool {
        self.pool.len() < self.terms.min_pool
    }

    // ---- paths -------------------------------------------------------------------------------------------------------

    pub(super) fn n_paths(&self) -> usize {
        self.topology.len()
    }

    pub(super) fn lacks_paths(&self) -> bool {
        self.topology.len() < self.terms.kept
    }

    pub(super) fn is_leading(&self, guard: &PublicKey) -> bool {
        self.topology.is_leading(guard)
    }

    /// The next path to adopt.
    pub(super) fn plan(&self, now: Duration, entropy: &dyn Entropy) -> Option<Plan> {
        self.topology.plan(&self.pool, &self.terms.rules, &self.resting(now), entropy)
    }

    /// Adopts a planned path.
    pub(super) fn adopt(&mut self, hops: Hops) -> bool {
        let adopted = self.topology.adopt(hops, &self.pool, self.terms.kept);
        self.revision += u64::from(adopted);
        adopted
    }

    /// New hops behind the guards; how many paths got them.
    pub(super) fn rotate(&mut self, entropy: &dyn Entropy) -> usize {
        self.topology.rotate(&self.pool, &self.terms.rules, entropy)
    }

    /// The way for a request.
    pub(super) fn choose(
        &self,
        destination: Option<PublicKey>,
        shunned: &Shunned,
        now: Duration,
        entropy: &dyn Entropy,
    ) -> Option<Trip> {
        let resting = self.resting(now);
        let choice = self.topology.choose(
            destination.as_ref(),
            shunned,
            &self.pool,
            &self.terms.rules,
            &resting,
            entropy,
        )?;
        let nodes: Option<Vec<_>> = choice.hops.iter().map(|hop| self.pool.node(hop).cloned()).collect();
        let hops = nodes?.try_into().ok()?;
        Some(Trip { choice, hops, destination })
    }

    /// How many nodes could lead a path.
    pub(super) fn n_guards(&self) -> usize {
        self.pool.nodes().filter(|node| self.terms.rules.can_guard(node)).count()
    }

    /// How many nodes could be used together: for want of guards none, with diversity one of each /24.
    pub(super) fn n_usable(&self) -> usize {
        match self.n_guards() {
            0 => 0,
            _ if self.terms.rules.subnet_diversity => {
                self.pool.nodes().map(|node| subnet(node.public_ip)).collect::<BTreeSet<_>>().len()
            }
            _ => self.pool.len(),
        }
    }

    fn resting(&self, now: Duration) -> BTreeSet<PublicKey> {
        self.resting.iter().filter(|(_, until)| **until > now).map(|(guard, _)| *guard).collect()
    }

    /// How many guards outlive a restart.
    pub(super) fn n_kept_guards(&self) -> usize {
        self.topology.guards().len()
    }

    /// Has this guard been found silent, not long ago?
    pub(super) fn is_resting(&self, guard: &PublicKey, now: Duration) -> bool {
        self.resting.get(guard).is_some_and(|until| *until > now)
    }

    /// A node of the pool, or of a known swarm.
    pub(super) fn find(&self, node: &PublicKey) -> Option<ServiceNode> {
        self.pool.node(node).or_else(|| self.swarms.member(node)).cloned()
    }

    // ---- blame -------------------------------------------------------------------------------------------------------

    /// A guard cannot be reached. It leads nothing until `until`; the strike is given once the network is known to be up.
    pub(super) fn suspect(&mut self, guard: PublicKey, until: Duration) {
        self.suspects.insert(guard);
        self.resting.insert(guard, until);
    }

    /// A guard answered, so the network is up: it is no suspect, and the others get their strikes. Returns those struck.
    pub(super) fn heard(&mut self, guard: &PublicKey, now: Duration, entropy: &dyn Entropy) -> usize {
        self.resting.remove(guard);
        self.suspects.remove(guard);
        let struck = std::mem::take(&mut self.suspects);
        for suspect in &struck {
            self.strike(suspect, now, entropy);
        }
        struck.len()
    }

    /// Has this node found the clock wrong not long ago, so that it was measured since?
    pub(super) fn has_complained(&self, node: &PublicKey, now: Duration) -> bool {
        self.complained.get(node).is_some_and(|until| *until > now)
    }

    /// Blames whoever is to blame for an event (onion-requests §7).
    pub(super) fn apply(
        &mut self,
        event: &Event,
        blame: Blame,
        trip: &Trip,
        now: Duration,
        entropy: &dyn Entropy,
    ) {
        let destination = trip.destination;
        if matches!(event, Event::ClockOff { .. }) {
            self.complained.retain(|_, until| *until > now);
            self.complained.extend(destination.map(|node| (node, now + COMPLAINTS_LAST)));
        }
        match blame {
            Blame::Praise => self.praise(event, trip),
            Blame::Nobody => {}
            Blame::StrikeGuard => self.strike(&trip.guard().ed25519, now, entropy),
            Blame::StrikeNode(node) => self.strike(&node, now, entropy),
            Blame::StrikeDestination => {
                if let Some(destination) = destination {
                    self.strike(&destination, now, entropy);
                }
            }
            Blame::StrikePath => self.strike_path(trip, now, entropy),
            Blame::DropHop(hop) => self.drop_node(&hop, now, entropy),
            Blame::DropDestination => {
                if let Some(destination) = destination {
                    self.drop_node(&destination, now, entropy);
                }
            }
        }
    }

    /// What was held against the path is forgotten, and after a real answer also what was held against its destination.
    fn praise(&mut self, event: &Event, trip: &Trip) {
        if let Some(id) = trip.choice.id {
            self.topology.forgive(id);
        }
        for hop in &trip.choice.hops {
            self.pool.forgive(hop);
        }
        if let (Event::Answered, Some(destination)) = (event, &trip.destination) {
            self.pool.forgive(destination);
        }
    }

    fn strike(&mut self, node: &PublicKey, now: Duration, entropy: &dyn Entropy) {
        if self.pool.node(node).is_some() && self.pool.strike(node) == Struck::Out {
            self.drop_node(node, now, entropy);
        }
    }

    /// A strike for every node but the guard; the third strike of a path costs it the guard, and so the path.
    fn strike_path(&mut self, trip: &Trip, now: Duration, entropy: &dyn Entropy) {
        let is_out = trip.choice.id.is_some_and(|id| self.topology.strike(id));
        for hop in &trip.choice.hops[1..] {
            self.strike(hop, now, entropy);
        }
        if is_out {
            self.drop_node(&trip.guard().ed25519, now, entropy);
        }
    }

    fn drop_node(&mut self, node: &PublicKey, now: Duration, entropy: &dyn Entropy) {
        self.pool.drop_node(node, now + self.terms.forget_dropped_after);
        self.swarms.drop_node(node);
        self.topology.drop_node(node, &self.pool, &self.terms.rules, entropy);
        self.suspects.remove(node);
        self.resting.remove(node);
        self.complained.remove(node);
        self.revision += 1;
    }
}

#[cfg(test)]
mod tests;
