//! Requests to peers: waiting, sent, answered.

use std::net::SocketAddrV4;

use libp2p::{PeerId, request_response::OutboundFailure};
use starling_contracts::transport::{Error, PeerAddress, Protocol};
use starling_kernel::CallError;

use super::Driver;
use crate::{
    actor::Transport,
    codec::{FrameError, Reply},
    identity,
    peer::{Call, share},
};

impl Driver {
    /// Sends a request as soon as its peer is connected, which is seen to.
    pub(super) fn call(&mut self, to: &PeerAddress, call: Call) {
        if to.ed25519 == self.own {
            return self.serve_own(call);
        }
        let Some(peer_id) = identity::peer_id(&to.ed25519) else {
            return refuse(call, Error::Unreachable("its key is no point of the curve".to_owned()));
        };
        if call.protocol == Protocol::Swarm && !self.listed.contains_key(&peer_id) {
            return refuse(call, Error::NotServed { protocol: Protocol::Swarm });
        }
        let is_connected = self.swarm.is_connected(&peer_id);
        let address = SocketAddrV4::new(to.ip, to.port);
        let now = self.clock.elapsed();
        let peer = self.peers.entry(peer_id).or_default();
        if !is_connected && peer.dialing.is_none() {
            if to.port == 0 || to.ip.is_unspecified() {
                refuse(call, Error::Unreachable("it has no libp2p address".to_owned()));
                return self.forget_if_idle(&peer_id);
            }
            if let Some(left) = peer.backoff.left(now, address) {
                let pause = left.as_millis();
                let reason = format!("still in the back-off after earlier failures, for {pause} ms");
                return refuse(call, Error::Unreachable(reason));
            }
        }
        let others = self.calls - peer.calls_of(call.protocol);
        let most = share(self.config.calls, others, self.config.calls_per_peer);
        let before = peer.calls();
        call.is_connected.set(is_connected);
        peer.address = Some(address);
        let waits = peer.wait(call, most);
        self.calls = self.calls + peer.calls() - before;
        if let Err(call) = waits {
            let busy = CallError::Busy { actor: Transport::NAME_IN_ERRORS, capacity: most };
            refuse(call, busy.into());
            return self.forget_if_idle(&peer_id);
        }
        if is_connected {
            self.send_waiting(peer_id);
        } else if self.peers.get(&peer_id).is_some_and(|peer| peer.dialing.is_none()) {
            self.dial(peer_id, address);
        }
    }

    /// Sends what waits for a connected peer, as far as its window allows.
    pub(super) fn send_waiting(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        let before = peer.calls();
        let mut listening = false;
        while let Some(Call { protocol, body, answer, notices, .. }) =
            peer.next(self.config.under_way_per_peer)
        {
            if let Some(notices) = notices {
                // Before the request, because a notice may be quicker than the answer.
                self.listeners.add(peer_id, notices);
                listening = true;
            }
            let id = self.swarm.behaviour_mut().exchange(protocol).send_request(&peer_id, body);
            self.under_way.insert((protocol, id), (peer_id, answer));
        }
        self.calls = self.calls + peer.calls() - before;
        if listening {
            self.hold_as_needed(peer_id);
        }
    }

    /// Hands an answer, or what came instead, to whoever asked.
    pub(super) fn answered(
        &mut self,
        protocol: Protocol,
        id: libp2p::request_response::OutboundRequestId,
        outcome: Result<Reply, OutboundFailure>,
    ) {
        let Some((peer_id, asker)) = self.under_way.remove(&(protocol, id)) else { return };
        let result = match outcome {
            Ok(Reply::Answer(body)) => Ok(body.into_parts().0),
            Ok(Reply::NotServed) | Err(OutboundFailure::UnsupportedProtocols) => {
                Err(Error::NotServed { protocol })
            }
            Err(failure) => Err(failed(&failure, self.config.longest_request)),
        };
        // Whoever asked may have stopped waiting.
        let _ = asker.send(result);
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            peer.ended(protocol);
            self.calls -= 1;
        }
        if self.swarm.is_connected(&peer_id) {
            self.send_waiting(peer_id);
        }
        self.forget_if_idle(&peer_id);
    }

    /// Fails everything that waits for a peer.
    pub(super) fn fail_waiting(&mut self, peer_id: PeerId, error: &Error) {
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            let before = peer.calls();
            peer.fail_waiting(error);
            self.calls = self.calls + peer.calls() - before;
        }
        self.forget_if_idle(&peer_id);
    }

    pub(super) fn forget_if_idle(&mut self, peer_id: &PeerId) {
        if self.peers.get(peer_id).is_some_and(crate::peer::Peer::is_idle) {
            self.peers.remove(peer_id);
        }
    }
}

fn refuse(call: Call, error: Error) {
    // Whoever asked may have stopped waiting.
    let _ = call.answer.send(Err(error));
}

fn failed(failure: &OutboundFailure, longest: std::time::Duration) -> Error {
    match failure {
        OutboundFailure::DialFailure => {
            Error::Unreachable("the connection was lost and not made again".to_owned())
        }
        OutboundFailure::Timeout => {
            Error::TimedOut { within_ms: u64::try_from(longest.as_millis()).unwrap_or(u64::MAX) }
        }
        OutboundFailure::ConnectionClosed => Error::Broken("the connection was closed".to_owned()),
        OutboundFailure::UnsupportedProtocols => Error::Broken("the protocol is not spoken".to_owned()),
        OutboundFailure::Io(error) => match FrameError::within(error) {
            Some(FrameError::TooLarge { what, size, limit }) => Error::TooLarge { what, size, limit },
            Some(other) => Error::Broken(other.to_string()),
            None => Error::Broken(format!("the stream ended: {}", error.kind())),
        },
    }
}
