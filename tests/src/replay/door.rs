//! The ways into a node. All of them answer alike; what a door does to an answer is undone here.

mod answers;
mod exact;
mod https;
pub mod omq;
mod onion;
mod quic;

use std::{collections::BTreeMap, future::Future, net::SocketAddr, pin::Pin, time::Duration};

use anyhow::Result;
use serde_json::Value as Json;
use starling_protocol::crypto::ed25519;

use super::{
    transcript::DoorName,
    wire::{self, Form},
};

pub use answers::{parse_omq, parse_quic};
pub use https::HttpsDoor;
pub use omq::OmqDoor;
pub use onion::OnionDoor;
pub use quic::QuicDoor;

/// How often a call is made again after 429, and how long is waited before that.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// How long a notification may take after what it is about.
const NOTICE_WITHIN: Duration = Duration::from_secs(15);

/// Something that is still to come.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A node, as far as it is known how to reach it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its key.
    pub ed25519: ed25519::PublicKey,
    /// Base URL of its HTTPS edge.
    pub url: String,
    /// Where it takes QUIC.
    pub quic: Option<SocketAddr>,
    /// Where it takes OxenMQ.
    pub omq: Option<SocketAddr>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Call {
    /// A method.
    Method {
        /// Its name.
        method: String,
        /// Its parameters.
        params: Json,
        /// How they are encoded, and the answer.
        form: Form,
    },
    /// The exact text of a JSON body with method and parameters.
    Envelope(Vec<u8>),
    /// A bencoded request to be told of messages.
    Subscription(Vec<u8>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status that counts.
    pub status: u16,
    /// The body: objects whatever they were encoded in, texts, or base64 of bytes.
    pub body: Json,
    /// Of HTTP, by lower-case name.
    pub headers: BTreeMap<String, String>,
}

impl Reply {
    /// What stands for the status where a transport itself refuses a name: OxenMQ by a word, QUIC by a text.
    pub const NO_STATUS: u16 = 0;

    /// An answer without headers.
    pub fn new(status: u16, body: Json) -> Self {
        Self { status, body, headers: BTreeMap::new() }
    }
}

/// A way into a node.
pub trait Door: Send + Sync {
    /// Its name.
    fn name(&self) -> DoorName;

    /// Which encodings it carries.
    fn forms(&self) -> &'static [Form];

    /// Asks a node and waits for its answer.
    fn call<'a>(&'a self, peer: &'a Peer, call: &'a Call) -> Pending<'a, Reply>;

    /// The next thing that a node tells without being asked, as JSON.
    fn notice<'a>(&'a self, peer: &'a Peer) -> Pending<'a, Json> {
        let _ = peer;
        Box::pin(async { anyhow::bail!("nobody is told anything through this door") })
    }
}

/// Makes calls again when a node asks to be left alone for a moment: its limits are not what is being tried.
#[derive(Default)]
struct Patience {
    tried: usize,
}

impl Patience {
    /// Whether the call is to be made again; then a moment has passed.
    async fn asks_again(&mut self, status: u16) -> bool {
        self.tried += 1;
        let again = status == 429 && self.tried < TRIES;
        if again {
            tokio::time::sleep(PAUSE).await;
        }
        again
    }
}

/// The JSON body that HTTPS and onion requests carry.
fn envelope(call: &Call) -> Result<Vec<u8>> {
    match call {
        Call::Envelope(text) => Ok(text.clone()),
        Call::Method { method, params, form: Form::Json } => {
            Ok(serde_json::to_vec(&serde_json::json!({"method": method, "params": params}))?)
        }
        Call::Method { form: Form::Bencode, .. } | Call::Subscription(_) => {
            anyhow::bail!("this door carries JSON only")
        }
    }
}

/// Method and encoded parameters.
fn command(call: &Call) -> Result<(&str, Vec<u8>)> {
    match call {
        Call::Method { method, params, form } => Ok((method, wire::encode(params, *form)?)),
        Call::Envelope(_) | Call::Subscription(_) => anyhow::bail!("this is no method"),
    }
}
