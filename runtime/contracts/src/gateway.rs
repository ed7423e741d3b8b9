//! The doors of a node, and the operator's listener.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, message};

/// Where does the edge listen? Ports are the real ones, where the config asked for any.
#[derive(Debug, Clone, Copy)]
pub struct ListenAddresses;
message!(ListenAddresses => Listening, CallError, "edge_addresses");

/// The edge's listeners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The network's HTTPS API; absent on a pure client.
    pub https: Option<SocketAddr>,
    /// The operator's listener; absent when switched off.
    pub operator: Option<SocketAddr>,
    /// The QUIC door, an actor of its own ([`QuicAddress`]); absent on a pure client, and when switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic: Option<SocketAddr>,
    /// The OxenMQ door, an actor of its own ([`OmqAddress`]); absent on a pure client, and when switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omq: Option<SocketAddr>,
}

/// Where does the QUIC door listen? The port is the real one.
#[derive(Debug, Clone, Copy)]
pub struct QuicAddress;
message!(QuicAddress => SocketAddr, CallError, "quic_address");

/// Where does the OxenMQ door listen? The port is the real one.
#[derive(Debug, Clone, Copy)]
pub struct OmqAddress;
message!(OmqAddress => SocketAddr, CallError, "omq_address");
