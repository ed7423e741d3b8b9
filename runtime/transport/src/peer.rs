//! What is known of one peer that somebody here wants to reach: who waits, what is under way, how connecting goes.
//!
//! A peer is `down` (nothing), `dialing` (one carrier after the other at its listed address), `looking` (other nodes are
//! asked for its address), or connected, which only the swarm knows. What waits is sent as soon as it is connected, or
//! fails when the last try did.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    net::SocketAddrV4,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use libp2p::{kad::QueryId, swarm::ConnectionId};
use starling_contracts::{
    subscriptions::Notice,
    transport::{Error, Protocol},
};
use tokio::sync::{mpsc, oneshot};

use crate::{backoff::Backoff, budget::Body, config::Carrier};

/// A request on its way to a peer.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) protocol: Protocol,
    pub(crate) body: Body,
    pub(crate) answer: oneshot::Sender<Result<Bytes, Error>>,
    /// Set when the peer is connected: from then on silence is the peer's own.
    pub(crate) is_connected: Rc<Cell<bool>>,
    /// Where the notices go that the request asks for.
    pub(crate) notices: Option<mpsc::Sender<Notice>>,
}

/// One peer.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Each protocol has a queue and a window of its own: onions that are never answered must not hold up what members
    /// of a swarm owe each other.
    lanes: HashMap<Protocol, Lane>,
    /// Where the last caller said that it is.
    pub(crate) address: Option<SocketAddrV4>,
    pub(crate) backoff: Backoff,
    pub(crate) dialing: Option<Dialing>,
}

/// The calls of one protocol to one peer.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Call>,
    under_way: usize,
}

impl Lane {
    fn calls(&self) -> usize {
        self.waiting.len() + self.under_way
    }

    fn next(&mut self, window: usize) -> Option<Call> {
        if self.under_way >= window {
            return None;
        }
        loop {
            let call = self.waiting.pop_front()?;
            if !call.answer.is_closed() {
                self.under_way += 1;
                return Some(call);
            }
        }
    }

    fn forget_abandoned(&mut self) {
        self.waiting.retain(|call| !call.answer.is_closed());
    }
}

impl Peer {
    /// Lets a call wait, if no more than `most` calls of its protocol wait or are under way then.
    ///
    /// # Errors
    /// The call, when there are too many.
    pub(crate) fn wait(&mut self, call: Call, most: usize) -> Result<(), Call> {
        let lane = self.lanes.entry(call.protocol).or_default();
        if lane.calls() >= most {
            lane.forget_abandoned();
        }
        if lane.calls() >= most {
            return Err(call);
        }
        lane.waiting.push_back(call);
        Ok(())
    }

    /// The next call to send, of a protocol with fewer than `window` under way; it counts as under way from now on.
    /// Calls that nobody waits for any more are dropped.
    pub(crate) fn next(&mut self, window: usize) -> Option<Call> {
        self.lanes.values_mut().find_map(|lane| lane.next(window))
    }

    /// A call of a protocol that was under way has ended.
    pub(crate) fn ended(&mut self, protocol: Protocol) {
        if let Some(lane) = self.lanes.get_mut(&protocol) {
            lane.under_way -= 1;
        }
    }

    /// Tells everybody who waits that the peer is connected.
    pub(crate) fn tell_connected(&self) {
        self.lanes.values().flat_map(|lane| &lane.waiting).for_each(|call| call.is_connected.set(true));
    }

    /// Answers everything that waits with an error.
    pub(crate) fn fail_waiting(&mut self, error: &Error) {
        for call in self.lanes.values_mut().flat_map(|lane| lane.waiting.drain(..)) {
            // Whoever asked may have stopped waiting.
            let _ = call.answer.send(Err(error.clone()));
        }
    }

    /// Drops calls that nobody waits for any more; tells whether others are left.
    pub(crate) fn has_waiting(&mut self) -> bool {
        self.lanes.values_mut().for_each(Lane::forget_abandoned);
        self.lanes.values().any(|lane| !lane.waiting.is_empty())
    }

    /// How many calls wait or are under way.
    pub(crate) fn calls(&self) -> usize {
        self.lanes.values().map(Lane::calls).sum()
    }

    /// How many of them are of one protocol.
    pub(crate) fn calls_of(&self, protocol: Protocol) -> usize {
        self.lanes.get(&protocol).map_or(0, Lane::calls)
    }

    /// Whether nothing would be lost by forgetting this peer.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls() == 0 && self.dialing.is_none() && self.backoff.is_clear()
    }
}

/// How many calls of one protocol one peer may have, when `others` of `total` places are taken by all other calls.
///
/// Nobody gets more than half of what the others have left, so that no number of dead peers takes the last place.
pub(crate) fn share(total: usize, others: usize, per_peer: usize) -> usize {
    per_peer.min(total.saturating_sub(others).div_ceil(2))
}

/// The tries to connect to one peer at one address.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) address: SocketAddrV4,
    /// Tells these tries from earlier ones, whose timers may still run.
    pub(crate) round: u64,
    left: VecDeque<Carrier>,
    trying: Vec<Try>,
    reason: Option<&'static str>,
    /// Set when TCP has failed: the machine said that nobody listens, or said nothing.
    pub(crate) is_refused: bool,
    /// The question to other nodes, when that stage is reached.
    pub(crate) lookup: Option<QueryId>,
}

#[derive(Debug)]
struct Try {
    connection: ConnectionId,
    carrier: Carrier,
    since: Duration,
}

/// What to do next about a peer that is being dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for what is under way.
    Wait,
    /// Try the next carrier.
    Dial(Carrier),
    /// What is still under way has only so much time left.
    WaitAtMost(Duration),
    /// The address is not that of the peer, or the peer is dead.
    Failed,
}

impl Dialing {
    pub(crate) fn new(address: SocketAddrV4, carriers: &[Carrier], round: u64) -> Self {
        let left = carriers.iter().copied().collect();
        Self { address, round, left, trying: Vec::new(), reason: None, is_refused: false, lookup: None }
    }

    /// The next carrier to try.
    pub(crate) fn next_carrier(&mut self) -> Option<Carrier> {
        self.left.pop_front()
    }

    /// A try has begun.
    pub(crate) fn began(&mut self, connection: ConnectionId, carrier: Carrier, now: Duration) {
        self.trying.push(Try { connection, carrier, since: now });
    }

    /// A try has failed at time `now`.
    ///
    /// A refusal over TCP comes from a machine that is there, so the peer is not: what QUIC has not managed in twice the
    /// time that took, or in `patience`, it will not manage.
    pub(crate) fn failed(
        &mut self,
        connection: ConnectionId,
        reason: &'static str,
        now: Duration,
        patience: Duration,
    ) -> Step {
        let Some(at) = self.trying.iter().position(|tried| tried.connection == connection) else {
            return Step::Wait;
        };
        let Try { carrier, since, .. } = self.trying.swap_remove(at);
        self.reason = Some(reason);
        self.is_refused |= carrier == Carrier::Tcp;
        match self.left.pop_front() {
            Some(next) => Step::Dial(next),
            None if self.trying.is_empty() => Step::Failed,
            None if carrier == Carrier::Tcp => {
                Step::WaitAtMost(patience.max(now.saturating_sub(since).saturating_mul(2)))
            }
            None => Step::Wait,
        }
    }

    /// Why no connection came about, as far as known.
    pub(crate) fn reason(&self) -> &'static str {
        self.reason.unwrap_or("it did not answer in time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Budget, purse::Purse};

    const SECOND: Duration = Duration::from_secs(1);

    fn call() -> (Call, oneshot::Receiver<Result<Bytes, Error>>) {
        call_of(Protocol::Ping)
    }

    fn call_of(protocol: Protocol) -> (Call, oneshot::Receiver<Result<Bytes, Error>>) {
        let (answer, receiver) = oneshot::channel();
        let body = Body::paid(Bytes::new(), &Purse::new(Budget::new(0))).unwrap();
        (Call { protocol, body, answer, is_connected: Rc::default(), notices: None }, receiver)
    }

    fn dialing(carriers: &[Carrier]) -> (Dialing, Vec<ConnectionId>) {
        let mut dialing = Dialing::new("127.0.0.1:1".parse().unwrap(), carriers, 0);
        let mut connections = Vec::new();
        while let Some(carrier) = dialing.next_carrier() {
            connections.push(ConnectionId::new_unchecked(connections.len()));
            dialing.began(connections[connections.len() - 1], carrier, Duration::ZERO);
        }
        (dialing, connections)
    }

    #[test]
    fn calls_wait_up_to_the_bound_and_abandoned_ones_make_room() {
        let mut peer = Peer::default();
        let (first, waits) = call();
        peer.wait(first, 2).unwrap();
        let (second, gives_up) = call();
        peer.wait(second, 2).unwrap();

        assert!(peer.wait(call().0, 2).is_err());
        drop(gives_up);
        let (third, _waits_too) = call();
        assert!(peer.wait(third, 2).is_ok());

        assert_eq!(peer.calls(), 2);
        drop(waits);
    }

    #[test]
    fn no_more_than_the_window_is_under_way() {
        let mut peer = Peer::default();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let (call, receiver) = call();
                peer.wait(call, 10).unwrap();
                receiver
            })
            .collect();

        assert!(peer.next(2).is_some() && peer.next(2).is_some());
        assert!(peer.next(2).is_none());
        peer.ended(Protocol::Ping);
        assert!(peer.next(2).is_some());
        let (last, abandoned) = call();
        peer.wait(last, 10).unwrap();
        drop(abandoned);
        assert!(peer.next(9).is_none(), "the last one has been abandoned");
        drop(receivers);
    }

    #[test]
    fn a_full_queue_and_window_of_one_protocol_leave_the_others_theirs() {
        let mut peer = Peer::default();
        let mut receivers = Vec::new();
        for _ in 0..2 {
            let (call, receiver) = call_of(Protocol::Onion);
            peer.wait(call, 2).unwrap();
            receivers.push(receiver);
        }
        assert_eq!(peer.next(1).unwrap().protocol, Protocol::Onion);
        assert!(peer.next(1).is_none() && peer.wait(call_of(Protocol::Onion).0, 2).is_err());

        let (member, receiver) = call_of(Protocol::Swarm);
        assert!(peer.wait(member, 2).is_ok());
        receivers.push(receiver);

        assert_eq!(peer.next(1).unwrap().protocol, Protocol::Swarm);
        assert_eq!((peer.calls(), peer.calls_of(Protocol::Onion), peer.calls_of(Protocol::Swarm)), (3, 2, 1));
    }

    #[test]
    fn dead_peers_never_take_the_last_place() {
        let mut taken = 0;
        for _ in 0..1000 {
            taken += share(8192, taken, 1024);
        }
        assert!(taken <= 8192);
        assert_eq!(share(8192, 0, 1024), 1024);
        assert_eq!(share(8192, 8191, 1024), 1);
        assert_eq!(share(8192, 8000, 1024), 96);
    }

    #[test]
    fn the_second_carrier_is_tried_when_the_first_fails() {
        let mut dialing = Dialing::new("127.0.0.1:1".parse().unwrap(), &[Carrier::Quic, Carrier::Tcp], 0);
        let quic = ConnectionId::new_unchecked(1);
        let first = dialing.next_carrier().unwrap();
        dialing.began(quic, first, Duration::ZERO);

        assert_eq!(dialing.failed(quic, "no", SECOND, SECOND), Step::Dial(Carrier::Tcp));
    }

    #[test]
    fn a_refusal_over_tcp_limits_the_patience_with_quic() {
        let (mut dialing, connections) = dialing(&[Carrier::Quic, Carrier::Tcp]);

        assert_eq!(
            dialing.failed(connections[1], "refused", 3 * SECOND, SECOND),
            Step::WaitAtMost(6 * SECOND)
        );
        assert_eq!(dialing.failed(connections[0], "late", 4 * SECOND, SECOND), Step::Failed);
        assert_eq!(dialing.reason(), "late");
    }

    #[test]
    fn failures_of_other_connections_change_nothing() {
        let (mut dialing, _) = dialing(&[Carrier::Tcp]);
        let other = ConnectionId::new_unchecked(77);

        assert_eq!(dialing.failed(other, "refused", SECOND, SECOND), Step::Wait);
    }
}
