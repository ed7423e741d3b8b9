//! The libp2p swarm: what it speaks, and its settings.

use std::{
    rc::Rc,
    sync::{Arc, Mutex},
};

use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, connection_limits, identify, identity, kad,
    memory_connection_limits, noise, ping, quic, request_response,
    request_response::ProtocolSupport,
    swarm::{self, NetworkBehaviour},
    tcp, yamux,
};
use starling_contracts::transport::Protocol;
use starling_kernel::Clock;

use crate::{
    budget::Budget,
    codec::{Codec, name},
    config::Config,
    gate::{Gate, Guests},
    hold::Hold,
    limits::Limits,
    purse::{Purse, Teller},
};

/// Name of the network's own Kademlia, apart from every public one.
const KAD: StreamProtocol = StreamProtocol::new("/starling/kad/1");

/// What peers tell each other that they speak.
const PROTOCOL_VERSION: &str = "/starling/1";

/// Streams of one connection: QUIC and yamux alike. Two nodes may fill the windows of onions and of swarm members with 256
/// each, both ways at once; yamux counts all of them together, and ends the connection at one more.
const STREAMS: u32 = 1280;

/// Unread bytes that a QUIC peer may have under way on one stream, and on a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Connections with one peer: both carriers, opened from both sides, and as many being replaced.
const CONNECTIONS_PER_PEER: u32 = 8;

type Exchange = request_response::Behaviour<Codec>;

/// What one request-response protocol reports.
pub(crate) type ExchangeEvent = <Exchange as NetworkBehaviour>::ToSwarm;

/// Everything that runs on a connection. Limits come first: what they turn away must not reach the others.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) kad: kad::Behaviour<kad::store::MemoryStore>,
    onion: Teller<Exchange>,
    storage: Teller<Exchange>,
    echo: Teller<Exchange>,
    members: Gate<Teller<Exchange>>,
    monitor: Teller<Exchange>,
    notify: Teller<Exchange>,
    pub(crate) hold: Hold,
}

impl Behaviour {
    /// The behaviour that carries requests of a protocol.
    pub(crate) fn exchange(&mut self, protocol: Protocol) -> &mut Exchange {
        match protocol {
            Protocol::Onion => self.onion.inner(),
            Protocol::Storage => self.storage.inner(),
            Protocol::Swarm => self.members.inner().inner(),
            Protocol::Ping => self.echo.inner(),
            Protocol::Monitor => self.monitor.inner(),
            Protocol::Notify => self.notify.inner(),
        }
    }
}

/// The allowances for bodies; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Budgets {
    /// For requests of strangers, and answers to them.
    strangers: Budget,
    /// For what listed nodes pass on for their clients, so that strangers cannot use it up.
    listed: Budget,
    /// For copies among the members of a swarm, so that onions cannot use it up.
    members: Budget,
    /// For our requests, and answers to them.
    pub(crate) outbound: Purse,
    /// For requests to web servers that onion requests of others end in, and answers to them.
    pub(crate) web: Purse,
    /// For requests of plugins to web servers, and answers to them, so that neither kind can use up what the other needs.
    pub(crate) fetches: Purse,
    /// For notices to subscribers, so that those who do not read cannot use up what our requests need.
    pub(crate) notices: Purse,
}

impl Budgets {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            strangers: Budget::new(limits.stranger_bytes),
            listed: Budget::new(limits.listed_bytes),
            members: Budget::new(limits.member_bytes),
            outbound: Purse::unshared(Budget::new(limits.outbound_bytes)),
            web: Purse::unshared(Budget::new(limits.web_bytes)),
            fetches: Purse::unshared(Budget::new(limits.fetch_bytes)),
            notices: Purse::unshared(Budget::new(limits.notice_bytes)),
        }
    }
}

/// Builds the swarm; `serves` tells whether others may send requests.
///
/// # Errors
/// The identity could not be used for the handshake of noise.
pub(crate) fn build(
    config: &Config,
    identity: identity::Keypair,
    serves: bool,
    guests: Guests,
    budgets: &Budgets,
    clock: &Arc<dyn Clock>,
) -> Result<Swarm<Behaviour>, noise::Error> {
    let behaviour = behaviour(config, &identity, serves, guests, budgets, clock);
    let dead_after = config.dead_after;
    let connect_within = config.connect_within;
    let quic_config = move |mut quic: quic::Config| {
        quic.handshake_timeout = connect_within;
        quic.max_idle_timeout = u32::try_from(dead_after.as_millis()).unwrap_or(u32::MAX);
        // Three signs of life are missed before a peer counts as dead.
        quic.keep_alive_interval = dead_after / 3;
        quic.max_concurrent_stream_limit = STREAMS;
        quic.max_stream_data = STREAM_WINDOW;
        quic.max_connection_data = CONNECTION_WINDOW;
        quic
    };
    let built = SwarmBuilder::with_existing_identity(identity)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, multiplexer)?
        .with_quic_config(quic_config)
        .with_behaviour(|_| behaviour);
    let Ok(builder) = built;
    Ok(builder
        .with_swarm_config(|swarm: swarm::Config| swarm.with_idle_connection_timeout(config.idle_connection))
        .with_connection_timeout(connect_within)
        .build())
}

fn multiplexer() -> yamux::Config {
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(usize::try_from(STREAMS).unwrap_or(usize::MAX));
    yamux
}

fn behaviour(
    config: &Config,
    identity: &identity::Keypair,
    serves: bool,
    guests: Guests,
    budgets: &Budgets,
    clock: &Arc<dyn Clock>,
) -> Behaviour {
    let limits = Limits::of(config.memory);
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.pending_connections))
        .with_max_pending_outgoing(Some(limits.pending_connections))
        .with_max_established_incoming(Some(limits.inbound_connections))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
        .with_max_established(Some(limits.connections));
    let support = if serves { ProtocolSupport::Full } else { ProtocolSupport::Outbound };
    let exchange_as = |support, protocol, strangers: &Budget, listed: &Budget| {
        let counter = Arc::new(Mutex::new(Purse::new(strangers.clone())));
        let codec = Codec::new(protocol, Arc::clone(&counter), budgets.outbound.clone(), Arc::clone(clock));
        let settings = request_response::Config::default()
            .with_request_timeout(config.longest_request)
            // Above what either side lets be under way, so that the bound is met there, where it can be answered.
            .with_max_concurrent_streams(config.under_way_per_peer + 2 * config.served_per_peer);
        let inner = request_response::Behaviour::with_codec(codec, [(name(protocol), support)], settings);
        Teller::new(inner, counter, strangers.clone(), listed.clone(), Rc::clone(&guests))
    };
    let of_anyone = |support, protocol| exchange_as(support, protocol, &budgets.strangers, &budgets.listed);
    let of_members = exchange_as(support.clone(), Protocol::Swarm, &budgets.members, &budgets.members);
    let about = identify::Config::new(PROTOCOL_VERSION.to_owned(), identity.public())
        .with_agent_version(concat!("starling/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_cache_size(0);
    Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        memory: memory_connection_limits::Behaviour::with_max_bytes(limits.process_bytes),
        identify: identify::Behaviour::new(about),
        ping: ping::Behaviour::default(),
        kad: kademlia(config, identity, serves),
        onion: of_anyone(support.clone(), Protocol::Onion),
        storage: of_anyone(support.clone(), Protocol::Storage),
        echo: of_anyone(support.clone(), Protocol::Ping),
        members: Gate::new(of_members, Rc::clone(&guests)),
        monitor: of_anyone(support, Protocol::Monitor),
        // Whoever subscribes is notified, and listens nowhere for that but on the connection it made.
        notify: of_anyone(ProtocolSupport::Full, Protocol::Notify),
        hold: Hold::default(),
    }
}

/// Kademlia for finding peers only: nothing is stored, and only the driver adds peers to the table.
fn kademlia(
    config: &Config,
    identity: &identity::Keypair,
    serves: bool,
) -> kad::Behaviour<kad::store::MemoryStore> {
    let own = identity.public().to_peer_id();
    let nothing =
        kad::store::MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..Default::default() };
    let mut settings = kad::Config::new(KAD);
    settings
        .set_query_timeout(config.lookup_within.max(config.connect_within))
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(None);
    let mut kad =
        kad::Behaviour::with_config(own, kad::store::MemoryStore::with_config(own, nothing), settings);
    kad.set_mode(Some(if serves { kad::Mode::Server } else { kad::Mode::Client }));
    kad
}
