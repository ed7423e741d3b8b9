//! Connections that are kept although nothing is under way on them: a subscriber waits for what may come.
//!
//! The behaviour speaks no protocol. Each of its handlers shows a flag, which the driver sets for all connections with a peer
//! and takes back when nobody needs them any more; from then on they are idle like others. A change wakes the connection, which
//! looks at the flag only when it is polled.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse, upgrade::DeniedUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::ConnectionEvent,
    },
};

/// Keeps connections with some peers.
#[derive(Default)]
pub(crate) struct Hold {
    peers: HashSet<PeerId>,
    connections: HashMap<ConnectionId, (PeerId, Arc<Flag>)>,
}

/// What keeps one connection, or does not.
pub(crate) struct Handler {
    flag: Arc<Flag>,
}

/// Shared by the behaviour and the handler of one connection.
struct Flag {
    is_held: AtomicBool,
    connection: AtomicWaker,
}

impl Hold {
    /// From now on, connections with a peer are kept, or are not.
    pub(crate) fn set(&mut self, peer: PeerId, is_held: bool) {
        let has_changed = if is_held { self.peers.insert(peer) } else { self.peers.remove(&peer) };
        if has_changed {
            for (_, flag) in self.connections.values().filter(|(other, _)| *other == peer) {
                flag.is_held.store(is_held, Ordering::Release);
                flag.connection.wake();
            }
        }
    }

    fn handler(&mut self, connection: ConnectionId, peer: PeerId) -> Handler {
        let is_held = AtomicBool::new(self.peers.contains(&peer));
        let flag = Arc::new(Flag { is_held, connection: AtomicWaker::new() });
        self.connections.insert(connection, (peer, Arc::clone(&flag)));
        Handler { flag }
    }
}

impl NetworkBehaviour for Hold {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => {
                self.connections.remove(&closed.connection_id);
            }
            // Another behaviour may have denied what was counted here already.
            FromSwarm::ListenFailure(failure) => {
                self.connections.remove(&failure.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.connections.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<DeniedUpgrade> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.flag.is_held.load(Ordering::Acquire)
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<DeniedUpgrade, (), Infallible>> {
        self.flag.connection.register(cx.waker());
        Poll::Pending
    }

    // It asks for no stream and is offered none.
    fn on_connection_event(&mut self, _: ConnectionEvent<'_, DeniedUpgrade, DeniedUpgrade>) {}
}
