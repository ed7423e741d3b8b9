//! The HTTPS edge of a node, and the operator's listener.

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
}
