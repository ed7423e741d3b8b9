//! Requests to web servers that strangers or plugins name: the one way out of a process to an address of somebody else's choice.
//!
//! A name is resolved once, every address it has is checked, and a connection is made to a checked address, not to the name:
//! there is no second lookup that could say something else. Every request has a connection of its own. No connection waits
//! for a next one, so that nobody can make this node hold some to a thousand servers; no proxy, no cookie, no redirect.

mod exchange;
mod internet;
mod places;
mod question;
mod reach;
mod trust;

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hyper::HeaderMap;
use libp2p::{Multiaddr, multiaddr};
use starling_contracts::transport::{Error, FetchWeb, PostWeb, Reach, WebAnswer, WebHost, WebPage};
use starling_kernel::{Actor as _, CallError, Clock, Context, CpuPool};
use starling_protocol::peer_wire::MAX_BODY;
use tokio::{
    net::TcpStream,
    sync::{OnceCell, Semaphore},
};
use tokio_rustls::TlsConnector;

use self::{
    exchange::{Reply, exchange},
    places::{Place, Places},
    question::{Question, Server},
};
pub use self::{
    internet::{Internet, System},
    trust::Roots,
};
use crate::{
    actor::Transport, behaviour::Budgets, budget::Body, config::Config, driver::Addresses, purse::Purse,
};

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
    /// Made when it is first needed: most clients never need it.
    tls: OnceCell<TlsConnector>,
    /// For what onion requests of others end in.
    relayed: Share,
    /// For what plugins ask.
    fetched: Share,
    connect_within: Duration,
    /// Where this node listens.
    listening: Addresses,
    /// Under which addresses it is known.
    public: Option<Ipv4Addr>,
    listed: Cell<Option<Ipv4Addr>>,
    clock: Arc<dyn Clock>,
    pool: CpuPool,
}

/// What one kind of request may use, so that no kind takes it from the other.
struct Share {
    /// How many requests may be under way.
    calls: usize,
    places: Places,
    /// Names being resolved. The system's resolver cannot be interrupted, so that a place there outlives its request.
    lookups: Arc<Semaphore>,
    purse: Purse,
}

impl Share {
    fn new(calls: usize, per_server: usize, purse: Purse) -> Self {
        let lookups = Arc::new(Semaphore::new(calls));
        Self { calls, places: Places::new(calls, per_server), lookups, purse }
    }

    fn pay(&self, body: Bytes) -> Result<Body, Error> {
        Body::paid(body, &self.purse).ok_or_else(|| busy(self.calls))
    }
}

impl Web {
    pub(crate) fn new(
        config: &Config,
        outside: Outside,
        budgets: &Budgets,
        listening: Addresses,
        ctx: &Context,
    ) -> Self {
        let (calls, per_server) = (config.web_calls, config.web_calls_per_server);
        let (fetches, fetches_per_server) = (config.web_fetches, config.web_fetches_per_server);
        Self {
            outside,
            tls: OnceCell::new(),
            relayed: Share::new(calls, per_server, budgets.web.clone()),
            fetched: Share::new(fetches, fetches_per_server, budgets.fetches.clone()),
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
        let PostWeb { tls, host, port, target, body, reach, max_answer, deadline } = post;
        let share = &self.relayed;
        let ask = async {
            let body = share.pay(body)?;
            let server = Server { tls, host, port };
            let question = Question::post(&server, &target, body)?;
            self.ask(share, server, reach, question, max_answer).await
        };
        let Reply { status, body, .. } = self.in_time(share, deadline, ask).await?;
        Ok(WebAnswer { status, body })
    }

    /// Asks what a plugin wants to know, within its deadline and its limit.
    ///
    /// # Errors
    /// As the contract says.
    pub(crate) async fn fetch(&self, fetch: FetchWeb) -> Result<WebPage, Error> {
        let FetchWeb { tls, host, port, method, target, headers, body, reach, max_answer, deadline } = fetch;
        let share = &self.fetched;
        let ask = async {
            if body.len() > MAX_BODY {
                return Err(Error::TooLarge { what: "request", size: body.len(), limit: MAX_BODY });
            }
            let body = share.pay(body)?;
            let server = Server { tls, host, port };
            let question = Question::fetch(&server, method, &target, &headers, body)?;
            self.ask(share, server, reach, question, max_answer.min(MAX_BODY)).await
        };
        let Reply { status, headers, body } = self.in_time(share, deadline, ask).await?;
        Ok(WebPage { status, headers: texts(&headers), body })
    }

    /// Takes a place for as long as the request is under way, and keeps its deadline.
    async fn in_time(
        &self,
        share: &Share,
        deadline: Duration,
        ask: impl Future<Output = Result<Reply, Error>>,
    ) -> Result<Reply, Error> {
        let _place = share.places.enter().ok_or_else(|| busy(share.calls))?;
        tokio::select! {
            biased;
            reply = ask => reply,
            () = self.clock.sleep(deadline) => {
                Err(Error::TimedOut { within_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) })
            }
        }
    }

    async fn ask(
        &self,
        share: &Share,
        server: Server,
        reach: Reach,
        question: Question,
        max_answer: usize,
    ) -> Result<Reply, Error> {
        let Server { tls, host, port } = server;
        let tls = if tls { Some((self.tls().await?, trust::server_name(&host)?)) } else { None };
        let addresses = self.addresses(share, host, port, reach).await?;
        let (stream, _place) = self.connect(share, &addresses, port, reach).await?;
        match tls {
            None => exchange(stream, question, max_answer, &share.purse).await,
            Some((connector, name)) => {
                let stream = connector.connect(name, stream).await.map_err(|error| trust::refused(&error))?;
                exchange(stream, question, max_answer, &share.purse).await
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
    async fn addresses(
        &self,
        share: &Share,
        host: WebHost,
        port: u16,
        reach: Reach,
    ) -> Result<Vec<IpAddr>, Error> {
        let mut addresses = match host {
            WebHost::Address(address) => vec![address],
            WebHost::Name(name) => self.resolve(share, name, port).await?,
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

    async fn resolve(&self, share: &Share, name: String, port: u16) -> Result<Vec<IpAddr>, Error> {
        let place = Arc::clone(&share.lookups).acquire_owned().await.map_err(|_| Error::UnknownName)?;
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
        share: &Share,
        addresses: &[IpAddr],
        port: u16,
        reach: Reach,
    ) -> Result<(TcpStream, Place), Error> {
        let mut last = busy(share.places.most_per_server());
        for address in addresses {
            let Some(place) = share.places.enter_to(*address) else { continue };
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

/// Headers as texts; U+FFFD stands for bytes that are none.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

fn busy(capacity: usize) -> Error {
    CallError::Busy { actor: Transport::NAME, capacity }.into()
}
