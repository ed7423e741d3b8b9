//! POSTs to web servers that strangers name: the one way out of a node to an address of somebody else's choice.
//!
//! A name is resolved once, every address it has is checked, and a connection is made to a checked address, not to the name:
//! there is no second lookup that could say something else. Every request has a connection of its own. No connection waits
//! for a next one, so that nobody can make this node hold some to a thousand servers; no proxy, no cookie, no redirect.

mod exchange;
mod internet;
mod places;
mod reach;
mod trust;

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr};
use starling_contracts::transport::{Error, PostWeb, Reach, WebAnswer, WebHost};
use starling_kernel::{Actor as _, CallError, Clock, Context, CpuPool};
use tokio::{
    net::TcpStream,
    sync::{OnceCell, Semaphore},
};
use tokio_rustls::TlsConnector;

use self::{
    exchange::{Question, exchange},
    places::{Place, Places},
};
pub use self::{
    internet::{Internet, System},
    trust::Roots,
};
use crate::{actor::Transport, budget::Body, config::Config, driver::Addresses, purse::Purse};

/// So many addresses of one name are tried.
const MOST_ADDRESSES: usize = 4;

/// What is outside of this process, where web servers are concerned.
#[derive(Clone)]
pub struct Outside {
    /// Resolves names and makes connections.
    pub internet: Arc<dyn Internet>,
    /// Whose certificates are believed.
    pub roots: Roots,
}

impl Default for Outside {
    fn default() -> Self {
        Self { internet: Arc::new(System), roots: Roots::System }
    }
}

/// The client.
pub(crate) struct Web {
    outside: Outside,
    /// Made when it is first needed: a client never needs it.
    tls: OnceCell<TlsConnector>,
    /// How many requests may be under way.
    calls: usize,
    places: Places,
    /// Names being resolved. The system's resolver cannot be interrupted, so that a place there outlives its request.
    lookups: Arc<Semaphore>,
    purse: Purse,
    connect_within: Duration,
    /// Where this node listens.
    listening: Addresses,
    /// Under which addresses it is known.
    public: Option<Ipv4Addr>,
    listed: Cell<Option<Ipv4Addr>>,
    clock: Arc<dyn Clock>,
    pool: CpuPool,
}

impl Web {
    pub(crate) fn new(
        config: &Config,
        outside: Outside,
        purse: Purse,
        listening: Addresses,
        ctx: &Context,
    ) -> Self {
        Self {
            outside,
            tls: OnceCell::new(),
            calls: config.web_calls,
            places: Places::new(config.web_calls, config.web_calls_per_server),
            lookups: Arc::new(Semaphore::new(config.web_calls)),
            purse,
            connect_within: config.connect_within,
            listening,
            public: config.public_ip,
            listed: Cell::new(None),
            clock: Arc::clone(ctx.clock()),
            pool: ctx.pool().clone(),
        }
    }

    /// The node list says where this node is.
    pub(crate) fn is_listed_at(&self, address: Option<Ipv4Addr>) {
        self.listed.set(address);
    }

    /// Sends a POST and reads the answer, within its deadline and its limit.
    ///
    /// # Errors
    /// As the contract says.
    pub(crate) async fn post(&self, post: PostWeb) -> Result<WebAnswer, Error> {
        let _place = self.places.enter().ok_or_else(|| busy(self.calls))?;
        let deadline = post.deadline;
        tokio::select! {
            biased;
            answer = self.ask(post) => answer,
            () = self.clock.sleep(deadline) => {
                Err(Error::TimedOut { within_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) })
            }
        }
    }

    async fn ask(&self, post: PostWeb) -> Result<WebAnswer, Error> {
        let PostWeb { tls, host, port, target, body, reach, max_answer, .. } = post;
        let body = Body::paid(body, &self.purse).ok_or_else(|| busy(self.calls))?;
        let question = Question::new(tls, &host, port, &target, body)?;
        let tls = if tls { Some((self.tls().await?, trust::server_name(&host)?)) } else { None };
        let addresses = self.addresses(host, port, reach).await?;
        let (stream, _place) = self.connect(&addresses, port, reach).await?;
        match tls {
            None => exchange(stream, question, max_answer, &self.purse).await,
            Some((connector, name)) => {
                let stream = connector.connect(name, stream).await.map_err(|error| trust::refused(&error))?;
                exchange(stream, question, max_answer, &self.purse).await
            }
        }
    }

    async fn tls(&self) -> Result<TlsConnector, Error> {
        let make = || async {
            let roots = self.outside.roots.clone();
            let made = self.pool.run(move || trust::connector(&roots)).await;
            made.ok().flatten().ok_or_else(|| Error::Broken("no certificate authority is known".to_owned()))
        };
        self.tls.get_or_try_init(make).await.cloned()
    }

    /// The addresses that may be connected to.
    async fn addresses(&self, host: WebHost, port: u16, reach: Reach) -> Result<Vec<IpAddr>, Error> {
        let mut addresses = match host {
            WebHost::Address(address) => vec![address],
            WebHost::Name(name) => self.resolve(name, port).await?,
        };
        if addresses.is_empty() {
            return Err(Error::UnknownName);
        }
        addresses.retain(|address| self.may_ask(*address, reach));
        addresses.truncate(MOST_ADDRESSES);
        match addresses.is_empty() {
            true => Err(Error::ForbiddenAddress),
            false => Ok(addresses),
        }
    }

    async fn resolve(&self, name: String, port: u16) -> Result<Vec<IpAddr>, Error> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| Error::UnknownName)?;
        let lookup = self.outside.internet.resolve(name, port);
        let lookup = tokio::spawn(async move {
            let _place = place;
            lookup.await
        });
        match lookup.await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) | Err(_) => Err(Error::UnknownName),
        }
    }

    fn may_ask(&self, address: IpAddr, reach: Reach) -> bool {
        reach == Reach::Anywhere || reach::is_public(address) && !self.is_own(address)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address.to_canonical() else {
            // This node is known under IPv4 addresses only; for others see `connect`.
            return false;
        };
        let listens_there =
            |own: &Multiaddr| own.iter().any(|part| part == multiaddr::Protocol::Ip4(address));
        self.public == Some(address)
            || self.listed.get() == Some(address)
            || self.listening.borrow().iter().any(listens_there)
    }

    /// A connection to the first address that has a place left and takes it.
    async fn connect(
        &self,
        addresses: &[IpAddr],
        port: u16,
        reach: Reach,
    ) -> Result<(TcpStream, Place), Error> {
        let mut last = busy(self.places.most_per_server());
        for address in addresses {
            let Some(place) = self.places.enter_to(*address) else { continue };
            let connecting = self.outside.internet.connect(SocketAddr::new(*address, port));
            let connected = tokio::select! {
                biased;
                connected = connecting => connected.ok(),
                () = self.clock.sleep(self.connect_within) => None,
            };
            match connected {
                Some(stream) if reach == Reach::Public && is_to_itself(&stream) => {
                    last = Error::ForbiddenAddress;
                }
                Some(stream) => return Ok((stream, place)),
                None => last = Error::Unreachable("no connection could be made".to_owned()),
            }
        }
        Err(last)
    }
}

/// Has the connection both ends on this machine? What it sends to one of its own addresses, it sends from that address: so
/// addresses are found out that this node does not know to be its own. Nothing has been sent yet.
fn is_to_itself(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local.ip().to_canonical() == peer.ip().to_canonical(),
        // A connection that has lost its ends carries nothing.
        _ => true,
    }
}

fn busy(capacity: usize) -> Error {
    CallError::Busy { actor: Transport::NAME, capacity }.into()
}
