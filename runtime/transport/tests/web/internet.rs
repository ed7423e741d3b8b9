//! An internet that a test owns: what names resolve to, lookup by lookup, and which addresses lead to which server.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future, pending},
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use starling_contracts::transport::{FetchWeb, PostWeb, Reach, WebHost, WebMethod};
use starling_kernel::Kernel;
use starling_transport::{Config, Internet, Outside, Roots};
use tokio::net::TcpStream;

type Waiting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

#[derive(Default)]
pub(crate) struct Own {
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    routes: Mutex<HashMap<IpAddr, SocketAddr>>,
    seen: Mutex<Seen>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) lookups: Vec<String>,
    pub(crate) connections: Vec<SocketAddr>,
}

impl Own {
    /// What a name resolves to: each lookup gets the next list, and all after the last get that.
    pub(crate) fn name(&self, name: &str, lookups: &[&[&str]]) {
        let parse = |addresses: &&[&str]| addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), lookups.iter().map(parse).collect());
    }

    /// Where a connection to an address ends.
    pub(crate) fn route(&self, address: &str, server: SocketAddr) {
        self.routes.lock().unwrap().insert(address.parse().unwrap(), server);
    }

    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    pub(crate) fn outside(self: &Arc<Self>, roots: Roots) -> Outside {
        let internet: Arc<dyn Internet> = Arc::clone(self) as Arc<dyn Internet>;
        Outside { internet, roots }
    }
}

impl Internet for Own {
    fn resolve(&self, name: String, _: u16) -> Waiting<Vec<IpAddr>> {
        self.seen.lock().unwrap().lookups.push(name.clone());
        if name == "slow.example" {
            return Box::pin(pending());
        }
        let mut names = self.names.lock().unwrap();
        let answer = names.get_mut(&name).and_then(|lookups| match lookups.len() {
            0 | 1 => lookups.front().cloned(),
            _ => lookups.pop_front(),
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }

    fn connect(&self, address: SocketAddr) -> Waiting<TcpStream> {
        self.seen.lock().unwrap().connections.push(address);
        let server = self.routes.lock().unwrap().get(&address.ip()).copied();
        Box::pin(async move {
            match server {
                Some(server) => TcpStream::connect(server).await,
                None if address.ip().is_loopback() => TcpStream::connect(address).await,
                None => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
            }
        })
    }
}

/// A transport that reaches the test's own internet.
pub(crate) async fn transport(outside: Outside, change: impl FnOnce(&mut Config)) -> Kernel {
    let mut config = Config::default();
    change(&mut config);
    let spec = starling_transport::spec_with(config, None, false, outside);
    Kernel::builder().actor(spec).start().await.unwrap()
}

pub(crate) fn named(name: &str) -> WebHost {
    WebHost::Name(name.to_owned())
}

pub(crate) fn at(address: &str) -> WebHost {
    WebHost::Address(address.parse().unwrap())
}

/// A plain request that may reach everything.
pub(crate) fn post(host: WebHost, port: u16) -> PostWeb {
    PostWeb {
        tls: false,
        host,
        port,
        target: "/oxen/v4/lsrpc".to_owned(),
        body: Bytes::from_static(b"question"),
        reach: Reach::Anywhere,
        max_answer: 10 << 20,
        deadline: Duration::from_secs(60),
    }
}

/// A question of a plugin that may reach everything.
pub(crate) fn fetch(host: WebHost, port: u16) -> FetchWeb {
    FetchWeb {
        tls: false,
        host,
        port,
        method: WebMethod::Get,
        target: "/page?of=1".to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        reach: Reach::Anywhere,
        max_answer: 1 << 20,
        deadline: Duration::from_secs(60),
    }
}
