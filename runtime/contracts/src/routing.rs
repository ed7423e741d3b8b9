//! Onion requests: peeled by service nodes, built by clients.

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use starling_kernel::{CallError, Entropy, ErrorKind, Kinded, message};
use starling_protocol::{
    account::AccountId,
    crypto::{ed25519, hash::blake2b_keyed, x25519},
    swarm::SwarmId,
};
use thiserror::Error;

use crate::node::ServiceNode;

// ---- node side -------------------------------------------------------------------------------------------------

/// An onion request that a client brought: the outer frame (onion-requests §1). This node is its guard.
#[derive(Debug, Clone)]
pub struct EnterOnion {
    /// The frame.
    pub frame: Bytes,
    /// Whoever brought it, for a fair turn among all who bring some.
    pub origin: Origin,
}
message!(EnterOnion => OnionAnswer, Error, "enter_onion");

/// Who brought a request, as far as a relay has to know: whether it is the same one as another time.
///
/// A door makes it from the address of whoever stands there ([`Origins`]); nothing about the address can be had from it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Origin(u64);

impl Origin {
    /// Everybody of whom a door knows no address: they share one turn.
    pub const UNKNOWN: Self = Self(0);
}

/// Not even the hash is written: it tells one who asks from another.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(..)")
    }
}

/// Makes [`Origin`]s with a key that a door forgets when it is closed.
pub struct Origins {
    key: [u8; 32],
}

impl Origins {
    /// With a new key.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self { key: entropy.bytes() }
    }

    /// The origin of what comes from an address. An IPv6 network of 64 bits is one, for its owner has all of it, and an IPv4
    /// address is the same in either form.
    pub fn of(&self, address: IpAddr) -> Origin {
        match address.to_canonical() {
            IpAddr::V4(address) => self.hash(&address.octets()),
            IpAddr::V6(address) => self.hash(&address.octets()[..8]),
        }
    }

    fn hash(&self, address: &[u8]) -> Origin {
        Origin(u64::from_le_bytes(blake2b_keyed(&self.key, &[address])))
    }
}

/// An onion request that another node passes on (onion-requests §4).
#[derive(Debug, Clone)]
pub struct RelayOnion {
    /// The bencoded dict with `data`, `enc_type`, `ephemeral_key`, `hop_no`.
    pub dict: Bytes,
    /// Who passes it on; proven by the transport, listed.
    pub from: ed25519::PublicKey,
}
message!(RelayOnion => OnionAnswer, Error, "relay_onion");

/// What goes back to whoever brought the request: unchanged by every hop on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnionAnswer {
    /// The outer status (onion-requests §5, §6).
    pub status: u16,
    /// The body: sealed for the client, or a plain error text.
    pub body: Bytes,
}

// ---- client side -----------------------------------------------------------------------------------------------

/// Asks a service node through three hops. Failed paths are struck, repaired and tried again within the deadline
/// (onion-requests §7); what the destination itself answers comes back as it is, whatever its status.
#[derive(Debug, Clone)]
pub struct AskNode {
    /// The destination.
    pub node: ed25519::PublicKey,
    /// The JSON text `{"method":…,"params":{…}}`.
    pub payload: Bytes,
    /// How long all tries together may take.
    pub deadline: Duration,
}
message!(AskNode => NodeReply, Error, "ask_node");

/// Asks some member of an account's swarm through three hops; members that fail are struck and others tried.
///
/// A 421 refreshes the cached swarm and is retried at another member; a 406 re-measures the network time and comes back to
/// the caller, who has to sign anew.
#[derive(Debug, Clone)]
pub struct AskSwarm {
    /// Whose swarm.
    pub account: AccountId,
    /// The JSON text `{"method":…,"params":{…}}`.
    pub payload: Bytes,
    /// The member to ask, if it still is one; any otherwise.
    pub prefer: Option<ed25519::PublicKey>,
    /// How long all tries together may take.
    pub deadline: Duration,
}
message!(AskSwarm => NodeReply, Error, "ask_swarm");

/// What a service node answered.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReply {
    /// The node that answered.
    pub node: ed25519::PublicKey,
    /// Its own status, from inside the onion.
    pub status: u16,
    /// Its body: an object, or a text as a JSON string.
    pub body: serde_json::Value,
    /// The hops that the request took, guard first.
    pub path: Vec<ed25519::PublicKey>,
}

/// Asks a web server through three hops (onion-requests §5.2).
#[derive(Debug, Clone)]
pub struct AskServer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS from the last hop to the server?
    pub tls: bool,
    /// Path at the server, `/oxen/v4/lsrpc` or of that kind.
    pub target: String,
    /// The server's key.
    pub x25519: x25519::PublicKey,
    /// The payload that the server will decrypt (onion-requests §5.3).
    pub payload: Bytes,
    /// How long all tries together may take.
    pub deadline: Duration,
}
message!(AskServer => Bytes, Error, "ask_server");

/// The members of an account's swarm, as far as known; fetched when not.
#[derive(Debug, Clone)]
pub struct SwarmMembers {
    /// Whose swarm.
    pub account: AccountId,
}
message!(SwarmMembers => KnownSwarm, Error, "swarm_members");

/// A swarm as a client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSwarm {
    /// Its id.
    pub id: SwarmId,
    /// Its members.
    pub members: Vec<ServiceNode>,
}

/// What time is it on the network? Unix milliseconds: the clock of this machine plus the offset measured against nodes.
#[derive(Debug, Clone, Copy)]
pub struct NetworkTime;
message!(NetworkTime => u64, Error, "network_time");

/// Why an onion request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// This node cannot relay yet.
    #[error("this service node is not ready: {0}")]
    NotReady(String),
    /// No seed and no known node could be reached.
    #[error("no service node could be reached; check the connection and the seeds in the network file")]
    NoNodeReachable,
    /// The network is too small for a path.
    #[error("{known} usable service nodes are known, {needed} are needed for a path")]
    TooFewNodes {
        /// Usable nodes in the pool.
        known: usize,
        /// How many a path and a destination take.
        needed: usize,
    },
    /// The destination is not in the node pool.
    #[error("the destination is not a known service node")]
    UnknownDestination,
    /// Every try failed before the deadline.
    #[error("no answer through the onion network within {within_ms} ms; the last failure was: {last}")]
    NoAnswer {
        /// The deadline.
        within_ms: u64,
        /// The last failure.
        last: String,
    },
    /// The network refused the request and another try would not help.
    #[error("the onion network refused the request with status {status}")]
    Refused {
        /// The plain status.
        status: u16,
    },
    /// The answer could not be opened or parsed.
    #[error("the answer could not be opened")]
    Unreadable,
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::NotReady(_)
            | Error::NoNodeReachable
            | Error::TooFewNodes { .. }
            | Error::NoAnswer { .. } => ErrorKind::Transient,
            Error::UnknownDestination | Error::Refused { .. } => ErrorKind::Rejected,
            Error::Unreadable => ErrorKind::PeerAtFault,
            Error::Call(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::SeededEntropy;

    use super::*;

    #[test]
    fn an_origin_is_the_same_for_one_caller_and_another_for_others_and_after_a_restart() {
        let of = |seed, text: &str| Origins::new(&SeededEntropy::new(seed)).of(text.parse().unwrap());

        assert_eq!(of(1, "203.0.113.7"), of(1, "::ffff:203.0.113.7"));
        assert_ne!(of(1, "203.0.113.7"), of(1, "203.0.113.8"));
        assert_eq!(of(1, "2001:db8:1:2::1"), of(1, "2001:db8:1:2:ffff::9"));
        assert_ne!(of(1, "2001:db8:1:2::1"), of(1, "2001:db8:1:3::1"));
        assert_ne!(of(1, "203.0.113.7"), of(2, "203.0.113.7"));
        assert_eq!(format!("{:?}", of(1, "203.0.113.7")), "Origin(..)");
    }
}
