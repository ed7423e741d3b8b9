//! A network in one process: nodes with real keys that really peel, a transport between them, and a table of their faults.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use serde_json::{Value, json};
use starling_contracts::{
    node::ServiceNode,
    transport::{CallPeer, PostHttps, Trust},
};
use starling_kernel::Spec;
use starling_protocol::{
    crypto::{ed25519, x25519},
    onion::{
        Cipher, Inner, PeelError, ReplyBody, ReplySeal,
        layer::LayerKey,
        peel::{self, outer},
    },
    swarm::SwarmId,
};

use crate::carrier::FakeTransport;

/// Where seeds are, and node number 0's HTTPS edge.
pub(crate) const SEED_PORT: u16 = 1000;
pub(crate) const EDGE_PORT: u16 = 20_000;

/// What is wrong with a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// Connections to it are refused.
    Dead,
    /// Other nodes do not know it.
    Unlisted,
    /// It takes requests and is alive, but nothing ever comes back.
    Mute,
    /// It is silent altogether.
    Frozen,
    /// It cannot relay or serve yet.
    NotReady,
    /// As a hop, it answers this in the clear.
    Plain(u16, String),
    /// As a destination, it seals its answers with a wrong key.
    Garbles,
    /// As a destination, it answers this.
    Answers(u16, Value),
}

/// What a seed does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seed {
    /// Tells the list.
    Tells,
    /// Cannot be reached.
    Dead,
    /// Says nothing.
    Frozen,
    /// Tells the list as this type of content.
    Typed(&'static str),
    /// Shows a certificate of this digest, and tells the list to those who accept it.
    Certified([u8; 32]),
}

struct Node {
    secret: x25519::SecretKey,
    face: ServiceNode,
}

/// The state of the network.
pub(crate) struct State {
    nodes: Vec<Node>,
    pub(crate) faults: BTreeMap<ed25519::PublicKey, Fault>,
    pub(crate) seeds: Vec<Seed>,
    /// The members of every account's swarm.
    pub(crate) swarm: Vec<ed25519::PublicKey>,
    /// How far the network's time is ahead of this machine's, in milliseconds.
    pub(crate) skew: i64,
    /// What nodes answer to `oxend_request`; nodes without that method when `None`.
    pub(crate) listed: Option<BTreeMap<ed25519::PublicKey, Vec<ServiceNode>>>,
    /// Requests that were served, with who served them.
    pub(crate) served: Vec<(ed25519::PublicKey, String)>,
    /// Guards that requests were brought to, and over what.
    pub(crate) entered: Vec<(ed25519::PublicKey, &'static str)>,
    /// Ciphers of the layers peeled.
    pub(crate) ciphers: Vec<Cipher>,
    /// How often seeds were asked.
    pub(crate) seeds_asked: usize,
    /// The web server.
    pub(crate) server: x25519::SecretKey,
    /// What it was sent, decrypted; and what it answers in the clear instead of echoing.
    pub(crate) delivered: Vec<Vec<u8>>,
    pub(crate) server_refuses: Option<u16>,
}

/// The network; clones share it.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<State>>);

impl Network {
    /// So many nodes, each in a /24 of its own, and one seed that knows them all.
    pub(crate) fn of(count: u8) -> Self {
        let nodes = (0..count).map(|index| {
            let key = ed25519::SecretKey::from_seed([index + 1; 32]);
            let secret = key.to_x25519();
            let face = ServiceNode {
                ed25519: key.public(),
                x25519: secret.public(),
                legacy: key.public(),
                public_ip: Ipv4Addr::new(10, 0, index, 1),
                storage_port: EDGE_PORT + u16::from(index),
                omq_port: 0,
                libp2p_port: 22_025,
                swarm: SwarmId::UNASSIGNED,
                version: [0; 3],
                requested_unlock_height: 0,
            };
            Node { secret, face }
        });
        let nodes: Vec<_> = nodes.collect();
        let swarm = nodes.iter().take(4).map(|node| node.face.ed25519).collect();
        let state = State {
            nodes,
            faults: BTreeMap::new(),
            seeds: vec![Seed::Tells],
            swarm,
            skew: 0,
            listed: None,
            served: Vec::new(),
            entered: Vec::new(),
            ciphers: Vec::new(),
            seeds_asked: 0,
            server: x25519::SecretKey::from_bytes([200; 32]),
            delivered: Vec::new(),
            server_refuses: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock held")
    }

    /// The keys of all nodes.
    pub(crate) fn keys(&self) -> Vec<ed25519::PublicKey> {
        self.state().nodes.iter().map(|node| node.face.ed25519).collect()
    }

    /// The members of the swarm.
    pub(crate) fn swarm(&self) -> Vec<ed25519::PublicKey> {
        self.state().swarm.clone()
    }

    /// The list as it is told.
    pub(crate) fn list(&self) -> Vec<ServiceNode> {
        self.state().nodes.iter().map(|node| node.face.clone()).collect()
    }

    /// Something goes wrong with a node.
    pub(crate) fn fail(&self, node: ed25519::PublicKey, fault: Fault) {
        self.state().faults.insert(node, fault);
    }

    /// Who served requests of this method, in order.
    pub(crate) fn served(&self, method: &str) -> Vec<ed25519::PublicKey> {
        let state = self.state();
        state.served.iter().filter(|(_, served)| served == method).map(|(node, _)| *node).collect()
    }

    /// The actor that carries bytes in this network.
    pub(crate) fn transport(&self) -> Spec<FakeTransport> {
        let network = self.clone();
        Spec::new(move |_| {
            let network = network.clone();
            async { Ok(FakeTransport::new(network)) }
        })
        .serves::<CallPeer>()
        .serves::<PostHttps>()
    }
}

/// What comes back over a link.
pub(crate) enum Carried {
    Answer(u16, Vec<u8>),
    Refused,
    Silence,
}

impl State {
    pub(crate) fn index(&self, key: &ed25519::PublicKey) -> Option<usize> {
        self.nodes.iter().position(|node| node.face.ed25519 == *key)
    }

    fn fault(&self, at: usize) -> Option<&Fault> {
        self.faults.get(&self.nodes[at].face.ed25519)
    }

    /// The libp2p port that clients must use for a node.
    pub(crate) fn libp2p_port(&self, at: usize) -> u16 {
        self.nodes[at].face.libp2p_port
    }

    /// A client brings an outer frame.
    pub(crate) fn enter(&mut self, at: usize, over: &'static str, frame: &[u8], now_ms: u64) -> Carried {
        match self.fault(at) {
            Some(Fault::Dead) => return Carried::Refused,
            Some(Fault::Mute | Fault::Frozen) => return Carried::Silence,
            _ => self.entered.push((self.nodes[at].face.ed25519, over)),
        }
        match outer(frame) {
            Ok(outer) => self.hop(at, &outer.ciphertext, &outer.ephemeral, outer.cipher, now_ms),
            Err(error) => Carried::Answer(400, error.to_string().into()),
        }
    }

    pub(crate) fn ping(&self, at: usize) -> Carried {
        match self.fault(at) {
            Some(Fault::Dead) => Carried::Refused,
            Some(Fault::Frozen) => Carried::Silence,
            _ => Carried::Answer(200, b"ping".to_vec()),
        }
    }

    fn hop(
        &mut self,
        at: usize,
        ciphertext: &[u8],
        ephemeral: &x25519::PublicKey,
        cipher: Cipher,
        now_ms: u64,
    ) -> Carried {
        let plain = |status, text: String| Carried::Answer(status, text.into_bytes());
        match self.fault(at) {
            Some(Fault::NotReady) => {
                return plain(503, format!("Snode not ready: {}", self.nodes[at].face.ed25519));
            }
            Some(Fault::Plain(status, text)) => return plain(*status, text.clone()),
            _ => self.ciphers.push(cipher),
        }
        match peel::peel(ciphertext, &self.nodes[at].secret, ephemeral, cipher) {
            Ok(Inner::Relay { next, ephemeral, cipher, ciphertext }) => {
                let known = self.index(&next);
                match known.map(|index| (index, self.fault(index))) {
                    None | Some((_, Some(Fault::Unlisted))) => {
                        plain(502, format!("Next node not found: {next}"))
                    }
                    Some((_, Some(Fault::Dead))) => {
                        plain(502, format!("Next node is currently unreachable: {next}"))
                    }
                    Some((_, Some(Fault::Mute | Fault::Frozen))) => plain(504, "Request time out".to_owned()),
                    Some((index, _)) => self.hop(index, &ciphertext, &ephemeral, cipher, now_ms),
                }
            }
            Ok(Inner::Destination { body, json, base64, reply }) => {
                let (status, body) = self.serve(at, &body, now_ms);
                let sealed = self.seal(at, &reply, status, &body, (json, base64));
                Carried::Answer(200, sealed)
            }
            Ok(Inner::Server { payload, .. }) => self.ask_server(&payload),
            Err(PeelError::InvalidJson(_)) => plain(400, "not what this client may send".to_owned()),
            Err(error) => plain(400, error.to_string()),
        }
    }

    fn seal(&self, at: usize, reply: &ReplySeal, status: u16, body: &Value, form: (bool, bool)) -> Vec<u8> {
        let body = match body {
            Value::String(text) => ReplyBody::Text(text.clone()),
            object => ReplyBody::Json(object.clone()),
        };
        let mut nonce = |bytes: &mut [u8]| bytes.fill(7);
        let wrong = x25519::SecretKey::from_bytes([99; 32]);
        match self.fault(at) {
            Some(Fault::Garbles) => {
                let key = LayerKey::for_node(Cipher::XChaCha20, &wrong, &self.server.public());
                let seal = ReplySeal::new(key.expect("both keys are good"));
                seal.seal_node_reply(status, &body, form, &mut nonce)
            }
            _ => reply.seal_node_reply(status, &body, form, &mut nonce),
        }
    }

    /// The storage RPC, as far as a test needs it.
    fn serve(&mut self, at: usize, body: &[u8], now_ms: u64) -> (u16, Value) {
        let call: Value = serde_json::from_slice(body).expect("clients send JSON");
        let method = call["method"].as_str().expect("clients name a method").to_owned();
        let key = self.nodes[at].face.ed25519;
        self.served.push((key, method.clone()));
        let t = now_ms.saturating_add_signed(self.skew);
        if let Some(Fault::Answers(status, answer)) = self.fault(at)
            && method != "info"
        {
            return (*status, answer.clone());
        }
        match method.as_str() {
            "info" => (200, json!({ "version": [2, 8, 0], "timestamp": t, "hf": [19, 6], "t": t })),
            "get_swarm" => (200, self.swarm_body(t)),
            "oxend_request" => match &self.listed {
                Some(lists) => {
                    let told = lists.get(&key).cloned();
                    let told =
                        told.unwrap_or_else(|| self.nodes.iter().map(|node| node.face.clone()).collect());
                    (200, json!({ "result": list_body(&told), "hf": [19, 6], "t": t }))
                }
                None => (400, json!("no method oxend_request")),
            },
            _ if call["params"].get("pubkey").is_some() && !self.swarm.contains(&key) => {
                (421, self.swarm_body(t))
            }
            _ => (200, json!({ "echo": call["params"], "t": t })),
        }
    }

    /// The body of `get_swarm`, and of a 421.
    pub(crate) fn swarm_body(&self, t: u64) -> Value {
        let members = self.nodes.iter().filter(|node| self.swarm.contains(&node.face.ed25519));
        let snodes: Vec<_> = members
            .map(|Node { face, .. }| {
                json!({
                    "address": "x.snode", "pubkey_legacy": face.legacy, "pubkey_x25519": face.x25519,
                    "pubkey_ed25519": face.ed25519, "port": face.storage_port.to_string(),
                    "port_https": face.storage_port, "port_omq": 0, "port_quic": 0, "ip": face.public_ip,
                })
            })
            .collect();
        json!({ "snodes": snodes, "swarm": "abcdef", "hf": [19, 6], "t": t })
    }

    /// A server that answers what it was sent, backwards.
    fn ask_server(&mut self, payload: &[u8]) -> Carried {
        if let Some(status) = self.server_refuses {
            return Carried::Answer(status, b"from the web server".to_vec());
        }
        let frame = starling_protocol::onion::frame::Frame::parse(payload).expect("a hop sends a frame");
        let keys: Value = serde_json::from_slice(frame.json).expect("with JSON in it");
        let ephemeral = keys["ephemeral_key"].as_str().and_then(|key| key.parse().ok()).expect("a key");
        let cipher = keys["enc_type"].as_str().map_or(Cipher::AesGcm, |name| name.parse().expect("a cipher"));
        let key = LayerKey::for_node(cipher, &self.server, &ephemeral).expect("a good key");
        let mut plaintext = key.open(frame.ciphertext).expect("sealed for the server");
        self.delivered.push(plaintext.clone());
        plaintext.reverse();
        Carried::Answer(200, key.seal(&plaintext, &mut |bytes| bytes.fill(3)))
    }

    pub(crate) fn ask_seed(
        &mut self,
        seed: usize,
        post: &PostHttps,
    ) -> Result<(Bytes, &'static str), Carried> {
        self.seeds_asked += 1;
        let question: Value = serde_json::from_slice(&post.body).expect("clients send JSON");
        assert_eq!(question["method"], "get_n_service_nodes");
        assert_eq!(post.content_type, Some("application/json"));
        let list: Vec<_> = self.nodes.iter().map(|node| node.face.clone()).collect();
        let body =
            Bytes::from(json!({ "jsonrpc": "2.0", "id": null, "result": list_body(&list) }).to_string());
        match self.seeds[seed].clone() {
            Seed::Tells => Ok((body, "application/json; charset=utf-8")),
            Seed::Dead => Err(Carried::Refused),
            Seed::Frozen => Err(Carried::Silence),
            Seed::Typed(content_type) => Ok((body, content_type)),
            Seed::Certified(digest) => match &post.trust {
                Trust::Pinned(digests) if digests.contains(&digest) => Ok((body, "application/json")),
                _ => Err(Carried::Refused),
            },
        }
    }
}

fn list_body(nodes: &[ServiceNode]) -> Value {
    let states: Vec<_> = nodes
        .iter()
        .map(|node| {
            json!({
                "public_ip": node.public_ip, "storage_port": node.storage_port,
                "libp2p_port": node.libp2p_port, "pubkey_ed25519": node.ed25519,
                "pubkey_x25519": node.x25519, "requested_unlock_height": 0,
            })
        })
        .collect();
    json!({ "service_node_states": states, "height": 1, "status": "OK" })
}

/// The URL of a seed.
pub(crate) fn seed_url(seed: u16) -> String {
    format!("https://127.0.0.1:{}", SEED_PORT + seed)
}
