//! The one task that owns the libp2p swarm.
//!
//! It hears of four things and waits for none of them: commands of the actor, events of the swarm, inbound requests that
//! have been answered, and timers. So a peer that does not answer holds up nobody but those who ask it.

mod calls;
mod dialing;
mod listeners;
mod notices;
mod requests;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddrV4},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use libp2p::{
    Multiaddr, PeerId, Swarm, identify, kad, multiaddr,
    request_response::{InboundRequestId, OutboundRequestId},
    swarm::SwarmEvent,
};
use starling_contracts::{
    staking::NodeList,
    transport::{Error, PeerAddress, Protocol},
};
use starling_kernel::{Clock, Entropy, RateLimiter};
use starling_protocol::crypto::ed25519;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};

use self::{
    listeners::Listeners,
    notices::Subscribers,
    requests::{Admitted, Served, Waiting},
};
use crate::{
    backoff::Pauses,
    behaviour::{Behaviour, BehaviourEvent},
    config::Config,
    fair::FairQueue,
    gate::Guests,
    identity,
    inbound::Desk,
    limits::Limits,
    metrics::{self, Direction},
    peer::{Call, Peer},
    purse::Purse,
};

/// Addresses of one peer that are remembered for others.
const ADDRESSES_PER_PEER: usize = 8;

/// What the actor tells the driver.
pub(crate) enum Command {
    /// Send a request.
    Call(PeerAddress, Call),
    /// The node list is this from now on.
    NodeList(Arc<NodeList>),
    /// Finish what is being served, take nothing new, and say when that is done.
    Drain(oneshot::Sender<()>),
}

/// Where this process listens; shared with the actor.
pub(crate) type Addresses = Rc<std::cell::RefCell<Vec<Multiaddr>>>;

/// Who waits for the answer to a call.
type Asker = oneshot::Sender<Result<Bytes, Error>>;

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) config: Config,
    pub(crate) own: ed25519::PublicKey,
    pub(crate) desk: Desk,
    pub(crate) guests: Guests,
    pub(crate) rate: Rc<RateLimiter<PeerId>>,
    /// What notices, and answers to those of others, are paid from.
    pub(crate) notices: Purse,
    pub(crate) addresses: Addresses,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// The state of the task.
pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    config: Config,
    own: ed25519::PublicKey,
    desk: Rc<Desk>,
    guests: Guests,
    rate: Rc<RateLimiter<PeerId>>,
    notices: Purse,
    addresses: Addresses,
    clock: Arc<dyn Clock>,
    commands: mpsc::Receiver<Command>,
    /// Addresses of listed peers; the keys are the guests.
    listed: HashMap<PeerId, SocketAddrV4>,
    height: Option<u64>,
    peers: HashMap<PeerId, Peer>,
    /// Where connected peers are, whoever made the connection.
    remotes: HashMap<PeerId, IpAddr>,
    /// Calls of all peers together.
    calls: usize,
    under_way: HashMap<(Protocol, OutboundRequestId), (PeerId, Asker)>,
    lookups: HashMap<kad::QueryId, PeerId>,
    round: u64,
    timers: FuturesUnordered<LocalBoxFuture<'static, Tick>>,
    admitted: HashMap<(Protocol, InboundRequestId), Admitted>,
    /// Each protocol is counted by itself: a peer's onions leave room for what it sends as a member of a swarm.
    served_per_peer: HashMap<(PeerId, Protocol), usize>,
    /// What strangers sent and what listed nodes did: neither waits for the other.
    strangers_waiting: FairQueue<PeerId, Waiting>,
    listed_waiting: FairQueue<PeerId, Waiting>,
    serving: FuturesUnordered<LocalBoxFuture<'static, Served>>,
    draining: Option<oneshot::Sender<()>>,
    entropy: Arc<dyn Entropy>,
    /// Peers that are notified.
    subscribers: Subscribers,
    /// Who in this process listens to which peer's notices.
    listeners: Listeners,
}

/// A timer that rang.
struct Tick {
    peer: PeerId,
    round: u64,
    what: Alarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    /// The next carrier may try too.
    NextCarrier,
    /// The listed address has had its time.
    GiveUpAddress,
    /// Other nodes have had theirs.
    GiveUpLookup,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { swarm, config, own, desk, guests, rate, notices, addresses, clock, entropy, commands } =
            parts;
        let (served_at_once, memory) = (config.served_at_once, config.memory);
        Self {
            swarm,
            config,
            own,
            desk: Rc::new(desk),
            guests,
            rate,
            notices,
            addresses,
            clock,
            commands,
            listed: HashMap::new(),
            height: None,
            peers: HashMap::new(),
            remotes: HashMap::new(),
            calls: 0,
            under_way: HashMap::new(),
            lookups: HashMap::new(),
            round: 0,
            timers: FuturesUnordered::new(),
            admitted: HashMap::new(),
            served_per_peer: HashMap::new(),
            strangers_waiting: FairQueue::new(served_at_once),
            listed_waiting: FairQueue::new(served_at_once),
            serving: FuturesUnordered::new(),
            draining: None,
            subscribers: Subscribers::new(&Limits::of(memory)),
            entropy,
            listeners: Listeners::default(),
        }
    }

    /// Runs until the actor is gone or everything has been drained.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                Some(served) = self.serving.next() => self.answer(served),
                Some(tick) = self.timers.next() => self.tick(tick),
                Some(due) = self.subscribers.next() => self.notify(due),
                Some(peer) = self.listeners.next() => self.hold_as_needed(peer),
                event = self.swarm.select_next_some() => self.event(event),
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
            }
            if self.is_drained() {
                return;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Call(peer, call) => self.call(&peer, call),
            Command::NodeList(list) => self.node_list(&list),
            Command::Drain(done) => self.draining = Some(done),
        }
    }

    fn is_drained(&mut self) -> bool {
        if self.draining.is_none() || !self.serving.is_empty() || !self.admitted.is_empty() {
            return false;
        }
        if let Some(done) = self.draining.take() {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
        true
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
                let direction = if endpoint.is_dialer() { Direction::Out } else { Direction::In };
                metrics::connection_opened(direction);
                self.count_connections();
                self.remotes.extend(ip_of(endpoint.get_remote_address()).map(|ip| (peer_id, ip)));
                self.connected(peer_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established, .. } => {
                self.count_connections();
                if num_established == 0 {
                    self.remotes.remove(&peer_id);
                    self.strangers_waiting.forget(&peer_id);
                    self.listed_waiting.forget(&peer_id);
                    self.forget_notices(peer_id);
                    self.disconnected(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), connection_id, error } => {
                self.dial_failed(peer, connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError { .. } => metrics::connection_refused(),
            SwarmEvent::NewListenAddr { address, .. } => self.addresses.borrow_mut().push(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.addresses.borrow_mut().retain(|known| *known != address);
            }
            _ => {}
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Onion(event) => self.exchanged(Protocol::Onion, event),
            BehaviourEvent::Storage(event) => self.exchanged(Protocol::Storage, event),
            BehaviourEvent::Members(event) => self.exchanged(Protocol::Swarm, event),
            BehaviourEvent::Echo(event) => self.exchanged(Protocol::Ping, event),
            BehaviourEvent::Monitor(event) => self.exchanged(Protocol::Monitor, event),
            BehaviourEvent::Notify(event) => self.exchanged(Protocol::Notify, event),
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, info.listen_addrs);
            }
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed { id, step, .. }) if step.last => {
                self.lookup_ended(id);
            }
            _ => {}
        }
    }

    /// Remembers where a listed peer says it is, for other nodes that ask.
    fn identified(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let Some(listed) = self.listed.get(&peer) else { return };
        let seen_at = Some(*listed.ip());
        let usable = addresses.into_iter().filter(|address| identity::is_usable(address, seen_at));
        for address in usable.take(ADDRESSES_PER_PEER) {
            self.swarm.behaviour_mut().kad.add_address(&peer, address);
        }
    }

    /// Takes over a node list: who is let through, whose limits are waived, where peers are.
    fn node_list(&mut self, list: &NodeList) {
        if self.height.is_some_and(|height| list.height < height) {
            debug!(height = list.height, "older node list ignored");
            return;
        }
        self.height = Some(list.height);
        let listed: HashMap<PeerId, SocketAddrV4> = list
            .nodes()
            .iter()
            .filter(|node| node.ed25519 != self.own)
            .filter_map(|node| {
                let address = SocketAddrV4::new(node.public_ip, node.libp2p_port);
                Some((identity::peer_id(&node.ed25519)?, address))
            })
            .collect();
        let before = std::mem::replace(&mut self.listed, listed);
        *self.guests.borrow_mut() = self.listed.keys().copied().collect();
        let left = before.keys().filter(|peer| !self.listed.contains_key(peer));
        let joined = self.listed.keys().filter(|peer| !before.contains_key(peer));
        let (left, joined): (Vec<_>, Vec<_>) = (left.copied().collect(), joined.copied().collect());
        for peer in &left {
            let behaviour = self.swarm.behaviour_mut();
            behaviour.limits.remove_peer_id(peer);
            behaviour.kad.remove_peer(peer);
            if self.peers.get(peer).is_some_and(|peer| peer.calls() == 0 && peer.dialing.is_none()) {
                self.peers.remove(peer);
            }
        }
        for peer in &joined {
            self.swarm.behaviour_mut().limits.bypass_peer_id(peer);
        }
        for peer in left.iter().chain(&joined) {
            // A connection was set up for what the peer was before; an error means that there is none.
            let _ = self.swarm.disconnect_peer_id(*peer);
        }
        for (peer, address) in &self.listed {
            let moved = before.get(peer).is_some_and(|before| before != address);
            let behaviour = self.swarm.behaviour_mut();
            if moved {
                behaviour.kad.remove_peer(peer);
                if let Some(peer) = self.peers.get_mut(peer) {
                    peer.backoff.reset();
                }
            }
            if address.port() != 0 && !address.ip().is_unspecified() {
                for carrier in &self.config.carriers {
                    behaviour.kad.add_address(peer, identity::multiaddr(*address, *carrier));
                }
            }
        }
        info!(
            height = list.height,
            peers = self.listed.len(),
            joined = joined.len(),
            left = left.len(),
            "node list taken over"
        );
    }

    fn count_connections(&self) {
        let counters = self.swarm.network_info();
        metrics::connections(counters.connection_counters().num_established());
    }

    fn pauses(&self) -> Pauses {
        Pauses { first: self.config.backoff_first, longest: self.config.backoff_longest }
    }

    fn set_alarm(&mut self, peer: PeerId, round: u64, what: Alarm, after: Duration) {
        let sleep = self.clock.sleep(after);
        self.timers.push(Box::pin(async move {
            sleep.await;
            Tick { peer, round, what }
        }));
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        multiaddr::Protocol::Ip4(address) => Some(address.into()),
        multiaddr::Protocol::Ip6(address) => Some(address.into()),
        _ => None,
    })
}
