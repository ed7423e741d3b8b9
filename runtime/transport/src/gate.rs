//! A libp2p behaviour that exists only for listed peers: to others its protocols are unknown, so that not one byte of
//! theirs is read for it.
//!
//! Which side of the gate a connection is on is decided when it is established; the driver closes the connections of
//! peers whose listing changes.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::toggle::Toggle,
    },
};

/// The peers that are let through; shared with the driver, which changes it.
pub(crate) type Guests = Rc<RefCell<HashSet<PeerId>>>;

/// `B`, for guests only.
pub(crate) struct Gate<B> {
    inside: Toggle<B>,
    /// Makes the handlers of connections that stay outside.
    outside: Toggle<B>,
    guests: Guests,
    open: HashMap<ConnectionId, PeerId>,
}

impl<B: NetworkBehaviour> Gate<B> {
    pub(crate) fn new(inner: B, guests: Guests) -> Self {
        Self { inside: Some(inner).into(), outside: None.into(), guests, open: HashMap::new() }
    }

    /// The behaviour behind the gate.
    pub(crate) fn inner(&mut self) -> &mut B {
        self.inside.as_mut().expect("it was put there when the gate was made")
    }

    /// The side of the gate for a new connection.
    fn side(&mut self, peer: PeerId, connection: ConnectionId) -> &mut Toggle<B> {
        if self.guests.borrow().contains(&peer) {
            self.open.insert(connection, peer);
            &mut self.inside
        } else {
            &mut self.outside
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Gate<B> {
    type ConnectionHandler = THandler<Toggle<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.side(peer, connection).handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inside.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.side(peer, connection)
            .handle_established_outbound_connection(connection, peer, address, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(established)
                if !self.open.contains_key(&established.connection_id) => {}
            FromSwarm::AddressChange(change) if !self.open.contains_key(&change.connection_id) => {}
            FromSwarm::ConnectionClosed(closed) => {
                if let Some(peer) = self.open.remove(&closed.connection_id) {
                    // The behaviour inside must not hear of connections that it never had.
                    let remaining_established = self.open.values().filter(|other| **other == peer).count();
                    let closed = ConnectionClosed { remaining_established, ..closed };
                    self.inside.on_swarm_event(FromSwarm::ConnectionClosed(closed));
                }
            }
            other => self.inside.on_swarm_event(other),
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inside.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inside.poll(cx)
    }
}
