//! Bytes to other machines: to libp2p peers by key, to anything that speaks HTTPS by address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::crypto::ed25519;
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
            | Error::ForbiddenAddress => ErrorKind::Rejected,
            Error::Call(error) => error.kind(),
        }
    }
}
