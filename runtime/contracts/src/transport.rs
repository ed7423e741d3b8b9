//! Bytes to other machines: to libp2p peers by key, to anything that speaks HTTPS by address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::{crypto::ed25519, web::Host};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::subscriptions::Notice;

/// What a libp2p request is about. Each is a protocol with a version and a size limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `/starling/onion/1`, anyone to node: an outer frame; the answer is a bencoded list `[status, body]`.
    ///
    /// Node to node, the same protocol carries the dict of onion-requests §4. The first byte of the request tells them apart:
    /// [`FROM_CLIENT`] or [`FROM_NODE`]; the second is served to listed nodes only.
    Onion,
    /// `/starling/storage/1`, anyone to node: a storage RPC as the JSON text of storage-rpc §1; the answer is `[status, body]`.
    Storage,
    /// `/starling/swarm/1`, listed node to listed node: a bencoded list `[method, dict]`; the answer is the member's dict, or
    /// `[status, text]` for a refusal.
    Swarm,
    /// `/starling/ping/1`, anyone to node: anything up to 64 bytes; the answer is the same bytes.
    Ping,
    /// `/starling/monitor/1`, anyone to node: a subscription to new messages, or a list of them, as storage-rpc §7 has them; the
    /// answer is `[status, body]`, where the body of 200 is the reply of that section.
    Monitor,
    /// `/starling/notify/1`, node to the peer that subscribed, over the connection that it keeps for that: a bencoded list
    /// `[name, dict]`, where the name is `notify` or `monitor_ended`; the answer is empty, and says that there is room for more.
    Notify,
}

/// First byte of an onion request that a client brings.
pub const FROM_CLIENT: u8 = 0;
/// First byte of an onion request that a node passes on.
pub const FROM_NODE: u8 = 1;

/// Where a libp2p peer is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerAddress {
    /// Its key; its PeerId follows from it, so that nobody else can answer.
    pub ed25519: ed25519::PublicKey,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its libp2p port, TCP and UDP alike.
    pub port: u16,
}

/// Sends a request to a libp2p peer and waits for the answer; connects first where needed.
#[derive(Debug, Clone)]
pub struct CallPeer {
    /// Whom.
    pub peer: PeerAddress,
    /// What about.
    pub protocol: Protocol,
    /// The request, at most the protocol's limit.
    pub body: Bytes,
    /// How long connecting and answering may take together.
    pub deadline: Duration,
}
message!(CallPeer => Bytes, Error, "call_peer");

/// Subscribes at a libp2p peer to new messages, or renews that; connects first where needed.
///
/// The answer is that of [`Protocol::Monitor`]. The connection is kept open for as long as `notices` is read by somebody, and
/// the channel closes when the connection is lost: whoever still wants to be told subscribes again then. All who subscribed at
/// the same peer are given all that it tells, because to the peer they are one; a channel that is full loses a notice.
#[derive(Debug, Clone)]
pub struct SubscribePeer {
    /// Whom.
    pub peer: PeerAddress,
    /// The bencoded dict or list.
    pub request: Bytes,
    /// Where its notices go.
    pub notices: mpsc::Sender<Notice>,
    /// How long connecting and answering may take together.
    pub deadline: Duration,
}
message!(SubscribePeer => Bytes, Error, "subscribe_peer");

/// Sends a POST over HTTPS.
#[derive(Debug, Clone)]
pub struct PostHttps {
    /// Whole URL.
    pub url: String,
    /// `Content-Type` of the request; absent where the protocol sends none.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Bytes,
    /// What the server's certificate must be.
    pub trust: Trust,
    /// A longer answer is refused, in bytes.
    pub max_answer: usize,
    /// How long connecting and answering may take together.
    pub deadline: Duration,
}
message!(PostHttps => HttpsAnswer, Error, "post_https");

/// What makes a server's certificate acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Anything: service nodes sign themselves, and what matters is sealed inside (storage-rpc §1.1).
    AnyCertificate,
    /// One of these SHA-256 digests of the certificate (DER).
    Pinned(Vec<[u8; 32]>),
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, if it was text.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Posts to a web server that somebody else named, as the last hop of an onion request does (onion-requests §5.2).
///
/// The one way out of a node to an address of a stranger's choice: whatever the name resolves to is checked, and only what was
/// checked is connected to.
#[derive(Clone)]
pub struct PostWeb {
    /// With TLS, and a certificate that is checked?
    pub tls: bool,
    /// Whom.
    pub host: WebHost,
    /// Its port.
    pub port: u16,
    /// The path, such as `/oxen/v4/lsrpc`.
    pub target: String,
    /// The body.
    pub body: Bytes,
    /// Which addresses may be asked.
    pub reach: Reach,
    /// A longer answer is refused, in bytes.
    pub max_answer: usize,
    /// How long resolving, connecting and answering may take together.
    pub deadline: Duration,
}
message!(PostWeb => WebAnswer, Error, "post_web");

/// Tells how much, not where to: a hop must not write down what its requests are about.
impl fmt::Debug for PostWeb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostWeb({} bytes)", self.body.len())
    }
}

/// A web server's host, read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum WebHost {
    /// A name, in lower case, which is yet to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public internet, but for this machine's own.
    Public,
    /// Every one: for private networks.
    Anywhere,
}

/// What a web server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, as it came.
    pub body: Bytes,
}

impl From<Host> for WebHost {
    fn from(host: Host) -> Self {
        match host {
            Host::Name(name) => Self::Name(name),
            Host::Address(address) => Self::Address(address),
        }
    }
}

/// Asks a web server that a plugin named, and waits for the whole answer.
///
/// Addresses are checked as for [`PostWeb`], and whatever status comes is an answer: a redirect is told, not followed. These
/// requests have places and memory of their own, so that they hold up none of [`PostWeb`].
#[derive(Clone)]
pub struct FetchWeb {
    /// With TLS, and a certificate that is checked?
    pub tls: bool,
    /// Whom.
    pub host: WebHost,
    /// Its port.
    pub port: u16,
    /// What is to be done.
    pub method: WebMethod,
    /// Path and query, such as `/search?q=x`; at most [`MAX_URL`](starling_protocol::web::MAX_URL) bytes.
    pub target: String,
    /// Headers, names in any case, each as often as it is given; at most [`MAX_REQUEST_HEADERS`] bytes. Those that say where a
    /// request goes, where it ends and what becomes of its connection are not the caller's, and refused with
    /// [`Error::BadHeader`]: `host`, `content-length`, `connection`, `transfer-encoding`, `te`, `trailer`, `upgrade`, `expect`,
    /// `keep-alive` and `proxy-…`. `user-agent` and `accept` are added where they are not given.
    pub headers: Vec<(String, String)>,
    /// The body; where it is empty, none is sent. At most 10 MiB.
    pub body: Bytes,
    /// Which addresses may be asked.
    pub reach: Reach,
    /// A longer body of an answer is refused, in bytes; so is one of more than 10 MiB.
    pub max_answer: usize,
    /// How long resolving, connecting and answering may take together.
    pub deadline: Duration,
}
message!(FetchWeb => WebPage, Error, "fetch_web");

/// How much headers of a request may take: their names and values, and 32 bytes for each, as HTTP/2 counts them.
pub const MAX_REQUEST_HEADERS: usize = 32 << 10;

/// Tells how much, not where to: targets, headers and bodies may hold secrets.
impl fmt::Debug for FetchWeb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, headers, body, .. } = self;
        write!(f, "FetchWeb({}, {} headers, {} bytes)", method.name(), headers.len(), body.len())
    }
}

/// What a web server is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebMethod {
    /// Tell.
    Get,
    /// Tell all but the body.
    Head,
    /// Take in.
    Post,
    /// Put in place.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
}

impl WebMethod {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Its name in a request, in upper case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of that name, which is in upper case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// What a web server answered to [`FetchWeb`].
#[derive(Clone, PartialEq, Eq)]
pub struct WebPage {
    /// HTTP status, whichever it is.
    pub status: u16,
    /// Headers, names in lower case: at most 128, of 64 KiB together, else there is no answer. Where a value is not UTF-8,
    /// the bytes that are not stand as U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body as it came: nobody unpacks it.
    pub body: Bytes,
}

/// Tells how much: answers may hold secrets as well.
impl fmt::Debug for WebPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body } = self;
        write!(f, "WebPage({status}, {} headers, {} bytes)", headers.len(), body.len())
    }
}

/// Where does this process listen for libp2p?
#[derive(Debug, Clone, Copy)]
pub struct ListenAddresses;
message!(ListenAddresses => Listening, Error, "listen_addresses");

/// Where a process can be reached over libp2p.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The PeerId in its usual text form.
    pub peer_id: String,
    /// The port of TCP and UDP alike; 0 when the process does not listen.
    pub port: u16,
    /// Multiaddresses with `/p2p/…` at the end.
    pub addresses: Vec<String>,
}

/// Why no answer came from another machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection: refused, no route, wrong key, or still in the back-off after earlier failures.
    #[error("the peer could not be reached: {0}")]
    Unreachable(String),
    /// Connected, but no answer in time.
    #[error("the peer did not answer within {within_ms} ms")]
    TimedOut {
        /// The deadline.
        within_ms: u64,
    },
    /// The peer does not serve this protocol to us.
    #[error("the peer does not serve {protocol:?} to this process")]
    NotServed {
        /// The protocol.
        protocol: Protocol,
    },
    /// Request or answer over the limit.
    #[error("{what} of {size} bytes is longer than the limit of {limit}")]
    TooLarge {
        /// `request` or `answer`.
        what: &'static str,
        /// Its size, as far as it was read.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The certificate is not one of the pinned ones.
    #[error("the server's certificate is not one of those pinned for it")]
    WrongCertificate,
    /// The connection broke, or what came was no answer.
    #[error("the exchange with the peer failed: {0}")]
    Broken(String),
    /// The address is no usable URL.
    #[error("not a usable https address")]
    BadAddress,
    /// A header of a request that cannot be sent.
    #[error("the header {name:?} cannot be sent: {problem}")]
    BadHeader {
        /// Its name as it was given, but for the end of a long one.
        name: String,
        /// Why not, and what was expected. The value is not in it.
        problem: &'static str,
    },
    /// The name could not be resolved.
    #[error("the name could not be resolved")]
    UnknownName,
    /// Every address that the name has, or the one that was given, is one that may not be asked.
    #[error("the address is not one that may be asked")]
    ForbiddenAddress,
    /// The server's certificate is not valid for its name.
    #[error("the server's certificate could not be verified")]
    Untrusted,
    /// The server wants somebody else to be asked, which nobody asked for.
    #[error("the server sent a redirect")]
    Redirected,
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Unreachable(_)
            | Error::TimedOut { .. }
            | Error::NotServed { .. }
            | Error::Broken(_)
            | Error::UnknownName
            | Error::Untrusted
            | Error::Redirected => ErrorKind::PeerAtFault,
            Error::TooLarge { .. }
            | Error::WrongCertificate
            | Error::BadAddress
            | Error::BadHeader { .. }
            | Error::ForbiddenAddress => ErrorKind::Rejected,
            Error::Call(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_to_a_web_server_and_comes_back_is_not_written_down() {
        let fetch = FetchWeb {
            tls: true,
            host: WebHost::Name("secret.example".to_owned()),
            port: 443,
            method: WebMethod::Put,
            target: "/secret?secret".to_owned(),
            headers: vec![("x-secret".to_owned(), "secret".to_owned())],
            body: Bytes::from_static(b"secret"),
            reach: Reach::Public,
            max_answer: 1,
            deadline: Duration::from_secs(1),
        };
        let page = WebPage { status: 404, headers: fetch.headers.clone(), body: fetch.body.clone() };

        assert_eq!(format!("{fetch:?}"), "FetchWeb(PUT, 1 headers, 6 bytes)");
        assert_eq!(format!("{page:?}"), "WebPage(404, 1 headers, 6 bytes)");
    }

    #[test]
    fn a_method_is_known_by_its_name_in_upper_case() {
        for method in WebMethod::ALL {
            assert_eq!(WebMethod::named(method.name()), Some(method));
        }
        for other in ["get", "CONNECT", "TRACE", "OPTIONS", "", "GET "] {
            assert_eq!(WebMethod::named(other), None, "{other}");
        }
    }
}
