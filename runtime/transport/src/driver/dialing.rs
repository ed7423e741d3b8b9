//! Connecting to peers: the listed address by one carrier after the other, then whatever other nodes know.

use std::net::SocketAddrV4;

use libp2p::{
    PeerId, kad,
    swarm::{
        ConnectionId, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use starling_contracts::transport::Error;

use super::{Alarm, Driver, Tick};
use crate::{
    config::Carrier,
    identity, metrics,
    peer::{Dialing, Step},
};

impl Driver {
    /// Starts to connect to a peer that is neither connected nor being dialed.
    pub(super) fn dial(&mut self, peer_id: PeerId, address: SocketAddrV4) {
        self.round += 1;
        let mut dialing = Dialing::new(address, &self.config.carriers, self.round);
        let Some(first) = dialing.next_carrier() else { return };
        self.peers.entry(peer_id).or_default().dialing = Some(dialing);
        self.step(peer_id, Step::Dial(first));
    }

    /// Takes steps until there is something to wait for.
    fn step(&mut self, peer_id: PeerId, mut step: Step) {
        loop {
            let Some((address, round)) =
                self.dialing(&peer_id).map(|dialing| (dialing.address, dialing.round))
            else {
                return;
            };
            match step {
                Step::Wait => return,
                Step::WaitAtMost(patience) => {
                    return self.set_alarm(peer_id, round, Alarm::GiveUpAddress, patience);
                }
                Step::Failed => return self.address_failed(peer_id),
                Step::Dial(carrier) => {
                    let opts = dial_opts(peer_id, address, carrier);
                    let connection = opts.connection_id();
                    let began = self.swarm.dial(opts);
                    let (now, patience) = (self.clock.elapsed(), self.config.next_carrier_after);
                    let Some(dialing) = self.dialing(&peer_id) else { return };
                    dialing.began(connection, carrier, now);
                    step = match began {
                        // The machine is there, or so it seems, but not the peer: QUIC gets a short chance.
                        Ok(()) if dialing.is_refused => {
                            return self.set_alarm(peer_id, round, Alarm::GiveUpAddress, patience * 4);
                        }
                        Ok(()) => return self.set_alarm(peer_id, round, Alarm::NextCarrier, patience),
                        Err(error) => {
                            metrics::dial_failed();
                            dialing.failed(connection, reason(&error), now, patience)
                        }
                    };
                }
            }
        }
    }

    /// One try has failed; it may be one of Kademlia's, which are nobody's here.
    pub(super) fn dial_failed(&mut self, peer_id: PeerId, connection: ConnectionId, error: &DialError) {
        metrics::dial_failed();
        let (now, patience) = (self.clock.elapsed(), self.config.next_carrier_after);
        let Some(dialing) = self.dialing(&peer_id) else { return };
        let step = dialing.failed(connection, reason(error), now, patience);
        if dialing.lookup.is_none() {
            self.step(peer_id, step);
        }
    }

    pub(super) fn tick(&mut self, Tick { peer, round, what }: Tick) {
        let Some(dialing) = self.dialing(&peer).filter(|dialing| dialing.round == round) else { return };
        match (what, dialing.lookup.is_some()) {
            (Alarm::NextCarrier, false) => {
                if let Some(carrier) = dialing.next_carrier() {
                    self.step(peer, Step::Dial(carrier));
                }
            }
            (Alarm::GiveUpAddress, false) => self.address_failed(peer),
            (Alarm::GiveUpLookup, true) => self.unreachable(peer),
            _ => {}
        }
    }

    /// The address at hand did not lead to the peer: other nodes may know a better one, if the peer is listed.
    fn address_failed(&mut self, peer_id: PeerId) {
        let somebody_to_ask = self.swarm.connected_peers().any(|other| self.listed.contains_key(other));
        if !self.listed.contains_key(&peer_id) || !somebody_to_ask || self.config.lookup_within.is_zero() {
            return self.unreachable(peer_id);
        }
        metrics::lookup();
        let kad = &mut self.swarm.behaviour_mut().kad;
        // What has failed must not be what is found.
        kad.remove_peer(&peer_id);
        let query = kad.get_closest_peers(peer_id);
        self.lookups.insert(query, peer_id);
        let Some(dialing) = self.dialing(&peer_id) else { return };
        dialing.lookup = Some(query);
        let round = dialing.round;
        self.set_alarm(peer_id, round, Alarm::GiveUpLookup, self.config.lookup_within);
    }

    /// Kademlia has asked everybody, and has connected to the peer itself if it could.
    pub(super) fn lookup_ended(&mut self, query: kad::QueryId) {
        let Some(peer_id) = self.lookups.remove(&query) else { return };
        if self.dialing(&peer_id).is_some_and(|dialing| dialing.lookup == Some(query)) {
            self.unreachable(peer_id);
        }
    }

    fn unreachable(&mut self, peer_id: PeerId) {
        let (now, pauses) = (self.clock.elapsed(), self.pauses());
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        let Some(dialing) = peer.dialing.take() else { return };
        peer.backoff.fail(now, dialing.address, pauses);
        self.end_lookup(dialing.lookup);
        self.fail_waiting(peer_id, &Error::Unreachable(dialing.reason().to_owned()));
    }

    /// A connection with the peer is there, whoever opened it.
    pub(super) fn connected(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        peer.backoff.reset();
        peer.tell_connected();
        let dialing = peer.dialing.take();
        self.end_lookup(dialing.and_then(|dialing| dialing.lookup));
        self.send_waiting(peer_id);
        self.forget_if_idle(&peer_id);
    }

    /// The last connection with the peer is gone; who waits for it gets a new one.
    pub(super) fn disconnected(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        let before = peer.calls();
        let somebody_waits = peer.has_waiting();
        self.calls = self.calls + peer.calls() - before;
        if let Some(address) = peer.address.filter(|_| somebody_waits && peer.dialing.is_none()) {
            self.dial(peer_id, address);
        }
        self.forget_if_idle(&peer_id);
    }

    fn end_lookup(&mut self, query: Option<kad::QueryId>) {
        let Some(query) = query else { return };
        self.lookups.remove(&query);
        if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&query) {
            query.finish();
        }
    }

    fn dialing(&mut self, peer_id: &PeerId) -> Option<&mut Dialing> {
        self.peers.get_mut(peer_id)?.dialing.as_mut()
    }
}

fn dial_opts(peer_id: PeerId, address: SocketAddrV4, carrier: Carrier) -> DialOpts {
    let opts = DialOpts::peer_id(peer_id)
        .condition(PeerCondition::Always)
        .addresses(vec![identity::multiaddr(address, carrier)]);
    match carrier {
        Carrier::Quic => opts.build(),
        // Two nodes that dial each other from their listening ports would meet in one half-open connection.
        Carrier::Tcp => opts.allocate_new_port().build(),
    }
}

/// Why a try failed, without naming an address.
fn reason(error: &DialError) -> &'static str {
    match error {
        DialError::WrongPeerId { .. } => "another key answered at its address",
        DialError::LocalPeerId { .. } => "its address is this process",
        DialError::Denied { .. } => "this process has as many connections as it may",
        DialError::Transport(_) => "nothing answered at its address",
        DialError::Aborted => "the try was aborted",
        DialError::NoAddresses | DialError::DialPeerConditionFalse(_) => "it has no usable address",
    }
}
