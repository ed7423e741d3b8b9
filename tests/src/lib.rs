//! What the tests across crates share: real processes on loopback, started and stopped for real.
//!
//! - [`Devnet`]: a private network, as `starling devnet` starts it.
//! - [`Client`]: the command line with a data folder of its own.
//! - [`RunningNode`]: one node; [`Authority`]: who lists such nodes.
//! - [`WebServer`]: a web server that nodes relay to. [`Names`]: names that a node resolves as a test says.
//! - [`OmqClient`]: a client of the OxenMQ door.
//! - [`QuicClient`]: a client of a node's QUIC door.
//! - [`Python`]: the second implementation in `interop/client.py`, with what it stands on; [`PythonProcess`]: the other scripts there.
//! - [`replay`]: exchanges played against running nodes, and compared.

mod authority;
mod binary;
mod client;
mod devnet;
mod https;
mod names;
mod node;
mod omq;
mod process;
mod python;
mod quic;
pub mod replay;
mod web_server;

pub use authority::Authority;
pub use binary::{repository, starling};
pub use client::{Client, Finished, finish};
pub use devnet::{Devnet, Node};
pub use https::{insecure_client, insecure_tls};
pub use names::{Name, Names};
pub use node::{RunningNode, mentions};
pub use omq::{Notification, OmqClient, Unanswered};
pub use process::{children_of, eventually, signal};
pub use python::{Python, PythonProcess, run_python};
pub use quic::{QuicClient, QuicNotification, QuicReply};
pub use web_server::WebServer;
