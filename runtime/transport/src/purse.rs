//! Who pays for what is read: every connection has a purse, filled from the allowance for its kind of peer.
//!
//! Strangers have an allowance of their own, so that what they send takes nothing from what nodes pass on to each other, and
//! nobody may hold more of an allowance than is left for the others: a peer that sends all it can gets at most half.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};
use starling_contracts::transport::Protocol;

use crate::{
    budget::{Budget, Hold},
    gate::Guests,
    limits::longest,
};

/// The part of an allowance that one peer may use. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Purse {
    budget: Budget,
    held: Arc<AtomicUsize>,
    /// All of the allowance is one user's.
    is_unshared: bool,
}

/// What a peer holds of an allowance; given back when dropped.
#[derive(Debug)]
pub(crate) struct Expense {
    purse: Purse,
    hold: Hold,
}

impl Purse {
    /// A purse that nobody has used yet.
    pub(crate) fn new(budget: Budget) -> Self {
        Self { budget, held: Arc::default(), is_unshared: false }
    }

    /// A purse whose owner is alone with the allowance.
    pub(crate) fn unshared(budget: Budget) -> Self {
        Self { is_unshared: true, ..Self::new(budget) }
    }

    /// Nothing yet, to be extended.
    pub(crate) fn expense(&self) -> Expense {
        Expense { purse: self.clone(), hold: self.budget.hold() }
    }
}

impl Expense {
    /// Takes `more` bytes, or none: so many have to be there, and as many have to be left for others as this peer holds then.
    pub(crate) fn extend(&mut self, more: usize) -> bool {
        let held = self.purse.held.fetch_add(more, Ordering::AcqRel) + more;
        // One body of the longest kind may always come, however small the allowance is.
        let (longest, _) = longest(Protocol::Swarm);
        let is_fair = self.purse.is_unshared || held <= self.purse.budget.left().max(longest);
        let taken = is_fair && self.hold.extend(more);
        if !taken {
            self.purse.held.fetch_sub(more, Ordering::AcqRel);
        }
        taken
    }

    /// The purse that it is taken from.
    pub(crate) fn purse(&self) -> &Purse {
        &self.purse
    }
}

impl Drop for Expense {
    fn drop(&mut self) {
        self.purse.held.fetch_sub(self.hold.bytes(), Ordering::AcqRel);
    }
}

/// What the next connection pays with; a codec takes it over when the connection is made.
pub(crate) type Counter = Arc<Mutex<Purse>>;

/// `B`, with a purse for every connection.
pub(crate) struct Teller<B> {
    inner: B,
    counter: Counter,
    strangers: Purses,
    listed: Purses,
    guests: Guests,
}

/// The purses of one kind of peer. All connections of a peer share one.
struct Purses {
    budget: Budget,
    held: HashMap<PeerId, Weak<AtomicUsize>>,
    /// Purses of peers that are gone are looked for when there are so many.
    most: usize,
}

impl Purses {
    fn new(budget: Budget) -> Self {
        Self { budget, held: HashMap::new(), most: 64 }
    }

    fn of(&mut self, peer: PeerId) -> Purse {
        if self.held.len() >= self.most {
            self.held.retain(|_, held| held.strong_count() > 0);
            self.most = (self.held.len() * 2).max(64);
        }
        let held = self.held.get(&peer).and_then(Weak::upgrade).unwrap_or_default();
        self.held.insert(peer, Arc::downgrade(&held));
        Purse { held, ..Purse::new(self.budget.clone()) }
    }
}

impl<B> Teller<B> {
    /// `counter` is the one that the codec of `inner` was made with.
    pub(crate) fn new(inner: B, counter: Counter, strangers: Budget, listed: Budget, guests: Guests) -> Self {
        let (strangers, listed) = (Purses::new(strangers), Purses::new(listed));
        Self { inner, counter, strangers, listed, guests }
    }

    /// The behaviour behind the counter.
    pub(crate) fn inner(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Lays out the purse for a connection that is about to be made.
    fn lay_out(&mut self, peer: PeerId) {
        let is_listed = self.guests.borrow().contains(&peer);
        let purses = if is_listed { &mut self.listed } else { &mut self.strangers };
        *self.counter.lock().unwrap_or_else(PoisonError::into_inner) = purses.of(peer);
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Teller<B> {
    type ConnectionHandler = THandler<B>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.lay_out(peer);
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.lay_out(peer);
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// How many bodies of a mebibyte a purse pays for.
    fn greed(purse: &Purse) -> Vec<Expense> {
        let one = || {
            let mut expense = purse.expense();
            expense.extend(MIB).then_some(expense)
        };
        std::iter::from_fn(one).collect()
    }

    #[test]
    fn nobody_may_hold_more_than_is_left_and_what_is_given_back_is_there_again() {
        let mut purses = Purses::new(Budget::new(120 * MIB));
        let (greedy, other) = (purses.of(PeerId::random()), purses.of(PeerId::random()));

        let first = greed(&greedy);
        let second = greed(&other);

        assert_eq!(first.len(), 60, "half of it");
        assert_eq!(second.len(), 30, "and half of the rest");
        drop((first, second));
        assert_eq!(greed(&other).len(), 60);
    }

    #[test]
    fn all_connections_of_a_peer_share_one_purse() {
        let mut purses = Purses::new(Budget::new(120 * MIB));
        let peer = PeerId::random();
        let (one, two) = (purses.of(peer), purses.of(peer));

        let held = greed(&one);

        assert_eq!(greed(&two).len(), 0);
        drop(held);
        assert_eq!(greed(&two).len(), 60);
    }

    #[test]
    fn a_body_of_the_longest_kind_may_come_where_it_is_more_than_half() {
        let mut expense = Purse::new(Budget::new(16 * MIB)).expense();

        assert!(expense.extend(10 * MIB));
        assert!(!expense.extend(7 * MIB), "but no more than there is");
    }

    #[test]
    fn purses_of_peers_that_are_gone_are_forgotten() {
        let mut purses = Purses::new(Budget::new(MIB));

        for _ in 0..10_000 {
            let _ = purses.of(PeerId::random());
        }

        assert!(purses.held.len() <= 65, "{}", purses.held.len());
    }
}
