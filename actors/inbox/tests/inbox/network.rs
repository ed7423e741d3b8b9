//! A network of one swarm: nodes that check, store, replicate and answer by storage-rpc, and the questions that the inbox
//! puts to routing.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value as Json, json};
use starling_contracts::{
    node::ServiceNode,
    routing::{AskSwarm, Error, KnownSwarm, NetworkTime, NodeReply, SwarmMembers},
};
use starling_kernel::{Actor, Clock as _, Context, Handler, ManualClock, Spec, Task, done};
use starling_protocol::{
    account::AccountId,
    crypto::ed25519,
    storage::{
        MessageHash, Namespace, limits, message_hash,
        request::{Delete, Request, Retrieve, Signed as _, Store, parse_envelope},
        response::{Failure, Page, RetrieveLimits, StoreEntry},
        signed_text,
    },
    swarm::SwarmId,
};

/// 13 November 2025.
pub(crate) const NOW_MS: u64 = 1_763_000_000_000;

/// The whole network; clones share it.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) clock: ManualClock,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    pub(crate) nodes: Vec<Node>,
    /// By how much the installations' idea of network time is wrong, until a bare 406 has it measured anew.
    pub(crate) clock_error_ms: i64,
    /// Stores for these accounts get no answer at all.
    pub(crate) unreachable: BTreeSet<AccountId>,
    /// Stores are answered so, whatever they are.
    pub(crate) refuse_stores: Option<(u16, &'static str)>,
    /// Deletions are answered so, whatever they are.
    pub(crate) refuse_deletes: Option<(u16, &'static str)>,
    /// How many answers to stores are still to be lost on the way back.
    pub(crate) answers_to_lose: usize,
    /// What becomes of the installations' idea of network time with every answer lost.
    pub(crate) clock_error_after_loss_ms: i64,
    /// Before a store for this account is answered, the first file is copied to the second: what a crash would leave.
    pub(crate) snapshot: Option<(AccountId, PathBuf, PathBuf)>,
    /// Stores for this account are refused with 403, except what has this hash.
    pub(crate) refuses_copies_but_for: Option<(AccountId, MessageHash)>,
    /// Routing does not know who is in the swarm.
    pub(crate) members_unknown: bool,
    /// At most so many messages in one answer.
    pub(crate) page_len: Option<i64>,
    /// Every request that reached a node.
    pub(crate) log: Vec<Asked>,
    turn: usize,
}

#[derive(Default, Clone)]
pub(crate) struct Node {
    pub(crate) rows: Vec<Row>,
    pub(crate) is_down: bool,
    seed: u8,
}

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) account: AccountId,
    pub(crate) hash: MessageHash,
    pub(crate) timestamp: i64,
    pub(crate) expiry: i64,
    pub(crate) data: Vec<u8>,
}

/// A request as a node saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) node: usize,
    pub(crate) method: &'static str,
    pub(crate) params: Json,
}

impl Node {
    pub(crate) fn key(&self) -> ed25519::SecretKey {
        ed25519::SecretKey::from_seed([self.seed; 32])
    }
}

impl Network {
    pub(crate) fn of(nodes: u8) -> Self {
        let nodes = (0..nodes).map(|n| Node { seed: n + 1, ..Node::default() }).collect();
        let state = State {
            nodes,
            clock_error_ms: 0,
            unreachable: BTreeSet::new(),
            refuse_stores: None,
            refuse_deletes: None,
            answers_to_lose: 0,
            clock_error_after_loss_ms: 0,
            snapshot: None,
            refuses_copies_but_for: None,
            members_unknown: false,
            page_len: None,
            log: Vec::new(),
            turn: 0,
        };
        Self { clock: ManualClock::at(NOW_MS), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Puts stored bytes into every member's rows, as another client's `store` would. Returns the hash.
    pub(crate) fn plant(&self, account: AccountId, data: &[u8]) -> MessageHash {
        let hash = message_hash(&account, Namespace::DEFAULT, data);
        let timestamp = i64::try_from(self.clock.now_ms()).unwrap();
        let expiry = timestamp + limits::MAX_TTL_PUBLIC_INBOX;
        for node in &mut self.state().nodes {
            node.rows.push(Row { account, hash, timestamp, expiry, data: data.to_vec() });
        }
        hash
    }

    /// What the first node keeps for an account.
    pub(crate) fn rows_of(&self, account: AccountId) -> Vec<Row> {
        self.state().nodes[0].rows.iter().filter(|row| row.account == account).cloned().collect()
    }

    /// The actor that stands for routing.
    pub(crate) fn spec(&self) -> Spec<Routing> {
        let network = self.clone();
        Spec::new(move |_| {
            let network = network.clone();
            async move { Ok(Routing { network }) }
        })
        .serves::<AskSwarm>()
        .serves::<NetworkTime>()
        .serves::<SwarmMembers>()
    }

    fn answer(&self, ask: &AskSwarm) -> Result<NodeReply, Error> {
        let now = i64::try_from(self.clock.now_ms()).unwrap();
        let mut state = self.state();
        let lost = || Error::NoAnswer { within_ms: 20_000, last: "the path broke".to_owned() };
        let node = state.member(ask.prefer).ok_or_else(lost)?;
        let request = parse_envelope(&ask.payload).expect("the inbox sends what a node can read");
        let is_store = matches!(request, Request::Store(_));
        if is_store && state.unreachable.contains(&ask.account) {
            return Err(lost());
        }
        let entry = Asked { node, method: request.method(), params: request.to_json() };
        state.log.push(entry);
        let (status, body) = state.serve(node, &request, now);
        if let Some((account, from, to)) = &state.snapshot
            && is_store
            && *account == ask.account
        {
            std::fs::copy(from, to).expect("a file can be copied");
        }
        if is_store && state.answers_to_lose > 0 {
            state.answers_to_lose -= 1;
            state.clock_error_ms = state.clock_error_after_loss_ms;
            return Err(lost());
        }
        if status == 406 {
            state.clock_error_ms = 0;
        }
        let key = state.nodes[node].key().public();
        Ok(NodeReply { node: key, status, body, path: vec![ed25519::PublicKey([9; 32]); 3] })
    }
}

impl State {
    /// Who answers: the preferred member if it is up, else the others in turn.
    fn member(&mut self, prefer: Option<ed25519::PublicKey>) -> Option<usize> {
        let up: Vec<usize> = (0..self.nodes.len()).filter(|node| !self.nodes[*node].is_down).collect();
        let preferred = up.iter().copied().find(|node| Some(self.nodes[*node].key().public()) == prefer);
        self.turn += 1;
        preferred.or_else(|| up.get(self.turn % up.len().max(1)).copied())
    }

    fn serve(&mut self, node: usize, request: &Request, now: i64) -> (u16, Json) {
        match request {
            Request::Store(store) => self.store(node, store, now),
            Request::Retrieve(retrieve) => self.retrieve(node, retrieve, now),
            Request::Delete(delete) => self.delete(delete),
            Request::Batch(batch) => {
                let part = |request: &Request| {
                    let (code, body) = self.serve(node, request, now);
                    json!({"code": code, "body": body})
                };
                (200, json!({"results": batch.requests.iter().map(part).collect::<Vec<_>>()}))
            }
            other => panic!("the inbox has no reason to ask for {}", other.method()),
        }
    }

    fn store(&mut self, entry: usize, store: &Store, now: i64) -> (u16, Json) {
        if let Some((status, text)) = self.refuse_stores {
            return (status, json!(text));
        }
        if !(limits::MIN_TTL..=store.namespace.max_ttl()).contains(&store.ttl()) {
            return (403, json!("Provided expiry/TTL is not valid."));
        }
        if store.timestamp > now + limits::STORE_TOLERANCE || store.expiry() < now - limits::STORE_TOLERANCE {
            return (406, json!("Timestamp error: check your clock"));
        }
        let hash = message_hash(&store.account, store.namespace, &store.data);
        if self.refuses_copies_but_for.is_some_and(|(of, but)| of == store.account && but != hash) {
            return (403, json!("not this one"));
        }
        let mut swarm = serde_json::Map::new();
        for (position, node) in self.nodes.iter_mut().enumerate() {
            let key = node.key();
            if node.is_down {
                swarm.insert(key.public().to_string(), Failure::Timeout.to_reply().to_json());
                continue;
            }
            let already = node.rows.iter().any(|row| row.hash == hash);
            if !already {
                let (account, timestamp, expiry) = (store.account, store.timestamp, store.expiry());
                node.rows.push(Row { account, hash, timestamp, expiry, data: store.data.clone() });
            }
            let mut reply = StoreEntry::sign(&key, hash, store.expiry(), already);
            reply.t = (position == entry).then_some(now);
            swarm.insert(key.public().to_string(), reply.to_reply().to_json());
        }
        (200, json!({"swarm": swarm, "hash": hash, "hf": [19, 6], "t": now}))
    }

    fn delete(&mut self, delete: &Delete) -> (u16, Json) {
        if let Some((status, text)) = self.refuse_deletes {
            return (status, json!(text));
        }
        if let Err(refused) = delete.verify() {
            return (401, json!(delete.refusal_text(refused)));
        }
        let mut swarm = serde_json::Map::new();
        for node in &mut self.nodes {
            let key = node.key();
            if node.is_down {
                swarm.insert(key.public().to_string(), Failure::Timeout.to_reply().to_json());
                continue;
            }
            let is_asked_for =
                |row: &Row| row.account == delete.account && delete.messages.contains(&row.hash);
            let mut deleted: Vec<_> = node.rows.extract_if(.., |row| is_asked_for(row)).collect();
            deleted.sort_by_key(|row| row.hash);
            let deleted: Vec<MessageHash> = deleted.into_iter().map(|row| row.hash).collect();
            let text = signed_text::reply::delete(&delete.account, &delete.messages, &deleted);
            let signature = base64(key.sign(&text).as_bytes());
            swarm.insert(key.public().to_string(), json!({"deleted": deleted, "signature": signature}));
        }
        (200, json!({"swarm": swarm, "hf": [19, 6]}))
    }

    fn retrieve(&self, node: usize, retrieve: &Retrieve, now: i64) -> (u16, Json) {
        if let Err(refused) = retrieve.verify() {
            return (401, json!(retrieve.refusal_text(refused)));
        }
        let signed_at = retrieve.auth.as_ref().map_or(0, |auth| auth.timestamp);
        if (signed_at - now).abs() > limits::CLIENT_TOLERANCE {
            return (406, json!("retrieve timestamp too far from current time"));
        }
        let rows: Vec<&Row> =
            self.nodes[node].rows.iter().filter(|row| row.account == retrieve.account).collect();
        let after = retrieve.last_hash.and_then(|last| rows.iter().position(|row| row.hash == last));
        let mut page =
            Page::new(RetrieveLimits::new(self.page_len.or(retrieve.max_count), retrieve.max_size));
        let fits = |row: &&&Row| page.try_add(row.data.len());
        let taken: Vec<Json> = rows[after.map_or(0, |last| last + 1)..]
            .iter()
            .take_while(fits)
            .map(|row| row.to_json())
            .collect();
        (200, json!({"messages": taken, "more": page.more(), "hf": [19, 6], "t": now}))
    }
}

impl Row {
    fn to_json(&self) -> Json {
        let data = base64(&self.data);
        json!({"hash": self.hash, "timestamp": self.timestamp, "expiration": self.expiry, "data": data})
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Stands for the client half of routing.
pub(crate) struct Routing {
    network: Network,
}

impl Actor for Routing {
    const NAME: &'static str = "paths";
}

impl Handler<AskSwarm> for Routing {
    fn handle(&mut self, ask: AskSwarm, _: &Context) -> Task<Result<NodeReply, Error>> {
        done(self.network.answer(&ask))
    }
}

impl Handler<NetworkTime> for Routing {
    fn handle(&mut self, _: NetworkTime, _: &Context) -> Task<Result<u64, Error>> {
        let error = self.network.state().clock_error_ms;
        done(Ok(self.network.clock.now_ms().saturating_add_signed(error)))
    }
}

impl Handler<SwarmMembers> for Routing {
    fn handle(&mut self, _: SwarmMembers, _: &Context) -> Task<Result<KnownSwarm, Error>> {
        let member = |node: &Node| {
            let ed25519 = node.key().public();
            ServiceNode {
                ed25519,
                x25519: ed25519.to_x25519().unwrap(),
                legacy: ed25519,
                public_ip: Ipv4Addr::LOCALHOST,
                storage_port: 22_021,
                omq_port: 0,
                libp2p_port: 0,
                swarm: SwarmId(7),
                version: [2, 8, 0],
                requested_unlock_height: 0,
            }
        };
        let state = self.network.state();
        if state.members_unknown {
            return done(Err(Error::NoNodeReachable));
        }
        let members = state.nodes.iter().map(member).collect();
        done(Ok(KnownSwarm { id: SwarmId(7), members }))
    }
}
