//! One request from its arrival to its answer.

use std::{cell::RefCell, sync::Arc, time::Duration};

use bytes::Bytes;
use starling_contracts::{
    node::ServiceNode,
    routing::{self, OnionAnswer},
    staking::NodeList,
    storage::{self, Answer, Body, ServeRpc},
    transport::{self, CallPeer, FROM_NODE, PeerAddress, Protocol},
};
use starling_kernel::{Actor as _, CallError, Clock, Context, CpuPool, Entropy, Recipient};
use starling_protocol::{
    crypto::{
        ed25519::{self, PublicKey},
        x25519,
    },
    onion::{self, Cipher, Forward, HopNumber, Inner, PeelError, ReplyBody, ReplySeal, peel::outer},
    peer_wire::{self, MAX_BODY},
};
use tracing::debug;

use super::{
    Relay, RelayConfig,
    backlog::Backlog,
    fair::{Full, Link},
    metrics::{self, End},
    refusal::Refusal,
    turnstile::{Turn, Turnstile, Waiting},
    web::{Exit, Goal, InvalidUrl},
};

/// What the transport may take beyond its own deadline before it is given up.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How long a node whose connection broke may take to show that it is there.
const SIGN_OF_LIFE_WITHIN: Duration = Duration::from_secs(1);

/// What a client is told, as status 500 under seal, in place of an answer that no hop could carry back.
const TOO_LARGE: &str = "response too large";

/// What a request is peeled, answered and passed on with.
pub(super) struct Work {
    config: RelayConfig,
    own: PublicKey,
    secret: Arc<x25519::SecretKey>,
    list: RefCell<Option<Arc<NodeList>>>,
    turnstile: Turnstile,
    backlog: Backlog,
    exit: Exit,
    storage: Recipient<ServeRpc>,
    peers: Recipient<CallPeer>,
    pool: CpuPool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A request as it came in, not yet read.
pub(super) enum Arrival {
    /// The outer frame.
    Client(Bytes),
    /// The dict.
    Node(Bytes),
}

/// A layer that is still closed.
struct Layer {
    ciphertext: Vec<u8>,
    ephemeral: x25519::PublicKey,
    cipher: Cipher,
    /// This node's place on the path.
    hop_no: HopNumber,
}

/// What was found in a layer, and this node's place on the path.
struct Peeled {
    inner: Result<Inner, PeelError>,
    hop_no: HopNumber,
}

/// How a destination wants its answer.
struct Form {
    json: bool,
    base64: bool,
}

impl Form {
    /// Errors of a hop that could decrypt.
    const ERROR: Self = Self { json: false, base64: true };
}

impl Work {
    /// # Errors
    /// A sentence naming the key of the config that makes no sense.
    pub(super) fn new(
        config: RelayConfig,
        node_key: &ed25519::SecretKey,
        ctx: &Context,
    ) -> Result<Self, String> {
        let shares = config.shares(ctx.pool().threads());
        Ok(Self {
            turnstile: Turnstile::new(shares, config.queue_within, Arc::clone(ctx.clock())),
            backlog: Backlog::new(config.max_backlog),
            exit: Exit::new(config.web.clone(), ctx)?,
            config,
            own: node_key.public(),
            secret: Arc::new(node_key.to_x25519()),
            list: RefCell::default(),
            storage: ctx.recipient(),
            peers: ctx.recipient(),
            pool: ctx.pool().clone(),
            clock: Arc::clone(ctx.clock()),
            entropy: Arc::clone(ctx.entropy()),
        })
    }

    /// Takes a node list over; an older one than the one held is ignored.
    pub(super) fn follow(&self, list: Arc<NodeList>, ctx: &Context) {
        let mut held = self.list.borrow_mut();
        if held.as_ref().is_some_and(|held| held.height > list.height) {
            debug!(height = list.height, "ignoring stale node list");
            return;
        }
        *held = Some(list);
        ctx.ready();
    }

    pub(super) fn observe(&self) -> serde_json::Value {
        let (at_next_nodes, next_nodes) = self.backlog.totals();
        let (queued, under_way, links) = self.turnstile.totals();
        let height = self.list.borrow().as_ref().map(|list| list.height);
        serde_json::json!({
            "height": height,
            "queued": queued,
            "under_way": under_way,
            "links": links,
            "at_next_nodes": at_next_nodes,
            "next_nodes": next_nodes,
        })
    }

    /// A place in the queue of a link, for a request of so many bytes.
    ///
    /// # Errors
    /// There is none left.
    pub(super) fn queue(&self, link: Link, size: usize) -> Result<Waiting, Full> {
        self.turnstile.queue(link, size)
    }

    /// What a door is told whose client brings too much.
    pub(super) fn crowded(&self) -> routing::Error {
        metrics::ended(End::Crowded);
        CallError::Busy { actor: Relay::NAME, capacity: self.config.max_queued_per_link }.into()
    }

    /// Answers one request, whose turn it is until it is answered.
    pub(super) async fn answer(&self, arrival: Arrival, mut turn: Turn) -> OnionAnswer {
        match self.peel_on(arrival, &mut turn).await {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&refusal),
        }
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> OnionAnswer {
        metrics::ended(refusal.end());
        refusal.answer()
    }

    async fn peel_on(&self, arrival: Arrival, turn: &mut Turn) -> Result<OnionAnswer, Refusal> {
        if self.list.borrow().is_none() {
            return Err(Refusal::NotReady { own: self.own });
        }
        let peeled = self.on_pool(move |secret| peel_arrival(arrival, secret)).await;
        turn.opened();
        let mut peeled = peeled??;
        loop {
            let Peeled { inner, hop_no } = peeled;
            let layer = match inner {
                Ok(Inner::Destination { body, json, base64, reply }) => {
                    return self.serve(body, Form { json, base64 }, reply).await;
                }
                Ok(Inner::Server { host, target, port, protocol, payload, reply }) => {
                    return self.ask_server(Goal { protocol, host, port, target }, payload, reply).await;
                }
                Ok(Inner::Relay { next, ephemeral, cipher, ciphertext }) => {
                    let layer = Layer { ciphertext, ephemeral, cipher, hop_no: hop_no.next() };
                    if next != self.own {
                        return self.forward(next, layer).await;
                    }
                    layer
                }
                Err(PeelError::InvalidJson(reply)) => {
                    metrics::ended(End::Invalid);
                    return self
                        .seal(400, ReplyBody::Text("Invalid json".to_owned()), Form::ERROR, reply)
                        .await;
                }
                Err(_) => return Err(Refusal::Ciphertext),
            };
            // A path may lead through this node twice in a row; every turn counts as a hop.
            peeled = self.on_pool(move |secret| peel_own(layer, secret)).await??;
        }
    }

    /// Runs `job` with this node's key where it holds nobody up.
    async fn on_pool<T: Send + 'static>(
        &self,
        job: impl FnOnce(&x25519::SecretKey) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let began = self.clock.elapsed();
        let secret = Arc::clone(&self.secret);
        let outcome = self.pool.run(move || job(&secret)).await.map_err(|_| Refusal::Broken);
        metrics::peeled(self.clock.elapsed().saturating_sub(began));
        outcome
    }

    /// This node is the destination (onion-requests §5.1).
    async fn serve(&self, body: Vec<u8>, form: Form, reply: ReplySeal) -> Result<OnionAnswer, Refusal> {
        let (status, body) = match self.storage.ask(ServeRpc { envelope: body.into() }).await {
            Ok(Answer { status, body: Body::Json(value) }) => (status, ReplyBody::Json(value)),
            Ok(Answer { status, body: Body::Text(text) }) => (status, ReplyBody::Text(text)),
            Ok(Answer { status, body: Body::Bencode(bytes) | Body::Binary(bytes) }) => {
                (status, ReplyBody::Binary(bytes.to_vec()))
            }
            Err(error) => unserved(&error),
        };
        metrics::ended(End::Destination);
        self.seal(status, body, form, reply).await
    }

    /// A web server is next (onion-requests §5.2).
    async fn ask_server(
        &self,
        goal: Goal,
        payload: Vec<u8>,
        reply: ReplySeal,
    ) -> Result<OnionAnswer, Refusal> {
        match self.exit.ask(goal, payload).await {
            Ok(answer) => {
                let answer = answer.map_err(Refusal::Web)?;
                metrics::ended(End::WebServer);
                Ok(answer)
            }
            Err(InvalidUrl) => {
                metrics::ended(End::WebRefused);
                self.seal(400, ReplyBody::Text("Invalid url".to_owned()), Form::ERROR, reply).await
            }
        }
    }

    async fn seal(
        &self,
        status: u16,
        body: ReplyBody,
        form: Form,
        reply: ReplySeal,
    ) -> Result<OnionAnswer, Refusal> {
        let entropy = Arc::clone(&self.entropy);
        let seal = move || {
            let flags = (form.json, form.base64);
            let seal = |status, body: &ReplyBody| {
                reply.seal_node_reply(status, body, flags, &mut |bytes| entropy.fill(bytes))
            };
            match seal(status, &body) {
                // The hop before would take a broken answer for an unreachable node, and name this one.
                sealed if sealed.len() > MAX_BODY => seal(500, &ReplyBody::Text(TOO_LARGE.to_owned())),
                sealed => sealed,
            }
        };
        let sealed = self.pool.run(seal).await.map_err(|_| Refusal::Broken)?;
        Ok(OnionAnswer { status: 200, body: sealed.into() })
    }

    /// Another node is next (onion-requests §4).
    async fn forward(&self, next: PublicKey, layer: Layer) -> Result<OnionAnswer, Refusal> {
        let peer = self.locate(next)?;
        let _place = self.backlog.enter(next).ok_or(Refusal::Congested)?;
        let Layer { ciphertext, ephemeral, cipher, hop_no } = layer;
        let dict = Forward { data: ciphertext, cipher, ephemeral, hop_no }.encode();
        let body = [&[FROM_NODE], dict.as_slice()].concat().into();
        let deadline = self.config.hop_within;
        let call = CallPeer { peer: peer.clone(), protocol: Protocol::Onion, body, deadline };
        let answer = match self.peers.ask_within(call, deadline + GRACE).await {
            Ok(answer) => answer,
            // It had the request, and then its connection was gone. If it can still be reached, it is only late.
            Err(transport::Error::Broken(_)) if self.is_there(peer).await => return Err(Refusal::TimedOut),
            Err(error) => return Err(Refusal::from_call(next, &error)),
        };
        let (status, body) = peer_wire::decode_answer(&answer).map_err(|_| Refusal::BadAnswer)?;
        metrics::ended(End::Forwarded);
        Ok(OnionAnswer { status, body: body.into() })
    }

    /// Can the node be contacted?
    async fn is_there(&self, peer: PeerAddress) -> bool {
        let (protocol, deadline) = (Protocol::Ping, SIGN_OF_LIFE_WITHIN);
        let call = CallPeer { peer, protocol, body: Bytes::from_static(b"ping"), deadline };
        self.peers.ask_within(call, deadline + GRACE).await.is_ok()
    }

    fn locate(&self, next: PublicKey) -> Result<PeerAddress, Refusal> {
        let list = self.list.borrow();
        let node = list.as_ref().and_then(|list| list.node(&next)).ok_or(Refusal::Unknown(next))?;
        match node {
            ServiceNode { libp2p_port: 0, .. } => Err(Refusal::Unreachable(next)),
            node if node.public_ip.is_unspecified() => Err(Refusal::Unreachable(next)),
            node => Ok(PeerAddress { ed25519: next, ip: node.public_ip, port: node.libp2p_port }),
        }
    }
}

fn peel_arrival(arrival: Arrival, secret: &x25519::SecretKey) -> Result<Peeled, Refusal> {
    let layer = match arrival {
        Arrival::Client(frame) => {
            let onion::Outer { ciphertext, ephemeral, cipher, hop_no } = outer(&frame)?;
            Layer { ciphertext, ephemeral, cipher, hop_no }
        }
        Arrival::Node(dict) => {
            let Forward { data, cipher, ephemeral, hop_no } = Forward::decode(&dict)?;
            Layer { ciphertext: data, ephemeral, cipher, hop_no }
        }
    };
    Ok(open(&layer, secret))
}

/// As if the layer had come from another node.
fn peel_own(layer: Layer, secret: &x25519::SecretKey) -> Result<Peeled, Refusal> {
    let hop_no = HopNumber::from_peer(layer.hop_no.get().into())?;
    Ok(open(&Layer { hop_no, ..layer }, secret))
}

fn open(layer: &Layer, secret: &x25519::SecretKey) -> Peeled {
    let inner = onion::peel(&layer.ciphertext, secret, &layer.ephemeral, layer.cipher);
    Peeled { inner, hop_no: layer.hop_no }
}

/// What a destination says when its storage could not be asked; under seal like any answer.
fn unserved(error: &storage::Error) -> (u16, ReplyBody) {
    let (status, text) = match error {
        storage::Error::NotReady(_)
        | storage::Error::Call(
            CallError::Stopping { .. } | CallError::NotServed { .. } | CallError::Failed { .. },
        ) => (503, "Snode not ready"),
        storage::Error::Call(CallError::Busy { .. }) => (503, "Server busy, try again later"),
        _ => (500, "request failed"),
    };
    (status, ReplyBody::Text(text.to_owned()))
}
