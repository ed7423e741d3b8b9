//! Nodes as kernels: each with a real relay, all with one storage and one post office.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use starling_contracts::{
    node::ServiceNode,
    routing::{EnterOnion, OnionAnswer, Origin, RelayOnion},
    staking::{self, CurrentNodeList, NodeList, NodeListChanged},
    storage::{self, Answer, ServeRpc},
    transport::{self, CallPeer, FROM_NODE, PostWeb, Protocol, WebAnswer},
};
use starling_kernel::{
    Actor, Bounds, Clock, Context, Handler, Kernel, Message, Recipient, Spec, SystemClock, Task, done, task,
};
use starling_protocol::{crypto::ed25519, peer_wire, swarm::SwarmId};
use starling_routing::relay::{RelayConfig, spec};
use tokio::sync::{oneshot, watch};

/// All nodes.
pub(crate) struct Town {
    nodes: BTreeMap<ed25519::PublicKey, Kernel>,
    list: Mutex<(u64, Vec<ServiceNode>)>,
    pub(crate) storage: Arc<Storage>,
    pub(crate) post: Arc<Post>,
}

impl Town {
    pub(crate) async fn build(seeds: Vec<[u8; 32]>) -> Self {
        Self::build_with(seeds, |_| {}).await
    }

    pub(crate) async fn build_with(seeds: Vec<[u8; 32]>, change: impl Fn(&mut RelayConfig)) -> Self {
        Self::with_clock(seeds, change, Arc::new(SystemClock::default())).await
    }

    pub(crate) async fn with_clock(
        seeds: Vec<[u8; 32]>,
        change: impl Fn(&mut RelayConfig),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let town = Self::open(seeds, change, true, clock).await;
        for (key, kernel) in &town.nodes {
            town.post.open_box(*key, kernel.recipient());
        }
        town
    }

    /// One node whose ledger has no list yet.
    pub(crate) async fn without_list(seed: [u8; 32]) -> Self {
        Self::open(vec![seed], |_| {}, false, Arc::new(SystemClock::default())).await
    }

    async fn open(
        seeds: Vec<[u8; 32]>,
        change: impl Fn(&mut RelayConfig),
        has_list: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let secrets: Vec<_> = seeds.into_iter().map(ed25519::SecretKey::from_seed).collect();
        let listed: Vec<_> = secrets.iter().map(listed).collect();
        let list = has_list.then(|| Arc::new(NodeList::new(1, [20, 0], [0; 32], listed.clone())));
        let (storage, post) = (Arc::new(Storage::default()), Arc::new(Post::default()));
        let mut config = RelayConfig::default();
        change(&mut config);
        let mut nodes = BTreeMap::new();
        for secret in secrets {
            let own = secret.public();
            let (list, storage, post) = (list.clone(), Arc::clone(&storage), Arc::clone(&post));
            let kernel = Kernel::builder()
                .clock(Arc::clone(&clock))
                .io_threads(1)
                .cpu_threads(1)
                .actor(Spec::new(move |_| ready(Ledger { list: list.clone() })).serves::<CurrentNodeList>())
                .actor(
                    Spec::new(move |_| ready(Clerk { storage: Arc::clone(&storage) }))
                        .bounds(Bounds { answer_within: Duration::from_secs(100_000), ..Bounds::default() })
                        .serves::<ServeRpc>(),
                )
                .actor(
                    Spec::new(move |_| ready(Carrier { own, post: Arc::clone(&post) }))
                        .serves::<CallPeer>()
                        .serves::<PostWeb>(),
                )
                .actor(spec(config.clone(), Arc::new(secret)))
                .start()
                .await
                .expect("the node starts");
            nodes.insert(own, kernel);
        }
        Self { nodes, list: Mutex::new((1, listed)), storage, post }
    }

    /// Sends a question to one node.
    pub(crate) async fn ask<M: Message>(
        &self,
        node: &ed25519::PublicKey,
        message: M,
    ) -> Result<M::Reply, M::Error> {
        self.nodes[node].ask(message).await
    }

    /// Brings a frame to its guard.
    pub(crate) async fn enter(&self, guard: &ed25519::PublicKey, frame: Vec<u8>) -> OnionAnswer {
        let enter = EnterOnion { frame: frame.into(), origin: Origin::UNKNOWN };
        self.ask(guard, enter).await.expect("the relay answers")
    }

    pub(crate) fn unready(&self, node: &ed25519::PublicKey) -> Vec<(&'static str, String)> {
        self.nodes[node].unready()
    }

    /// What the relay of a node says of itself.
    pub(crate) async fn relay_state(&self, node: &ed25519::PublicKey) -> serde_json::Value {
        let observed = self.nodes[node].observe().await;
        let relay = observed.into_iter().find(|observation| observation.name == "relay");
        relay.expect("there is a relay").state
    }

    /// Tells every node of a newer list.
    pub(crate) async fn change_list(&self, change: impl Fn(&mut Vec<ServiceNode>)) {
        let list = {
            let mut list = self.list.lock().expect("not poisoned");
            list.0 += 1;
            let mut nodes = list.1.clone();
            change(&mut nodes);
            Arc::new(NodeList::new(list.0, [20, 0], [0; 32], nodes))
        };
        for kernel in self.nodes.values() {
            kernel.publisher().publish(NodeListChanged { list: Arc::clone(&list) }).await;
        }
    }

    pub(crate) async fn stop(self) {
        for kernel in self.nodes.into_values() {
            assert!(kernel.stop().await.is_empty(), "nobody had to be killed");
        }
    }
}

fn listed(secret: &ed25519::SecretKey) -> ServiceNode {
    ServiceNode {
        ed25519: secret.public(),
        x25519: secret.to_x25519().public(),
        legacy: secret.public(),
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: 22021,
        omq_port: 0,
        libp2p_port: 22025,
        swarm: SwarmId(0),
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

async fn ready<A>(actor: A) -> Result<A, starling_kernel::Fault> {
    Ok(actor)
}

struct Ledger {
    list: Option<Arc<NodeList>>,
}

impl Actor for Ledger {
    const NAME: &'static str = "ledger";
}

impl Handler<CurrentNodeList> for Ledger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        done(self.list.clone().ok_or(staking::Error::NoList))
    }
}

/// Says what it was told to say, and remembers what it was asked.
#[derive(Default)]
pub(crate) struct Storage {
    answer: Mutex<Option<Result<Answer, storage::Error>>>,
    heard: Mutex<Bytes>,
    /// Requests that wait until the test lets them go on, the first one first; nobody waits where there is no desk.
    desk: Mutex<Option<VecDeque<oneshot::Sender<()>>>>,
    /// How many ever came to the desk.
    arrived: watch::Sender<usize>,
}

impl Storage {
    /// From now on requests wait at the desk.
    pub(crate) fn open_desk(&self) {
        *self.desk.lock().expect("not poisoned") = Some(VecDeque::new());
    }

    /// Waits until so many requests have come to the desk, all told.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        arrived.wait_for(|arrived| *arrived >= count).await.expect("the storage is there");
    }

    /// Lets the first go on; false when nobody waits.
    pub(crate) fn serve_one(&self) -> bool {
        let mut desk = self.desk.lock().expect("not poisoned");
        let first = desk.as_mut().expect("the desk is open").pop_front();
        first.is_some_and(|first| first.send(()).is_ok())
    }

    /// A place at the desk, if there is one.
    fn queue(&self) -> Option<oneshot::Receiver<()>> {
        let mut desk = self.desk.lock().expect("not poisoned");
        let (served, waits) = oneshot::channel();
        desk.as_mut()?.push_back(served);
        self.arrived.send_modify(|arrived| *arrived += 1);
        Some(waits)
    }

    pub(crate) fn say(&self, answer: Result<Answer, storage::Error>) {
        *self.answer.lock().expect("not poisoned") = Some(answer);
    }

    pub(crate) fn heard(&self) -> String {
        String::from_utf8(self.heard.lock().expect("not poisoned").to_vec()).expect("a text")
    }
}

struct Clerk {
    storage: Arc<Storage>,
}

impl Actor for Clerk {
    const NAME: &'static str = "storage";
}

impl Handler<ServeRpc> for Clerk {
    fn handle(
        &mut self,
        ServeRpc { envelope }: ServeRpc,
        _: &Context,
    ) -> Task<Result<Answer, storage::Error>> {
        *self.storage.heard.lock().expect("not poisoned") = envelope;
        let answer = self.storage.answer.lock().expect("not poisoned").clone();
        let answer = answer.expect("the test said what to answer");
        match self.storage.queue() {
            None => done(answer),
            Some(waits) => task(async move {
                waits.await.expect("the desk is not closed while somebody waits");
                answer
            }),
        }
    }
}

/// A request between nodes.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) protocol: Protocol,
    pub(crate) body: Bytes,
    pub(crate) deadline: Duration,
}

/// Carries requests between nodes, unless it was told otherwise.
pub(crate) struct Post {
    boxes: Mutex<BTreeMap<ed25519::PublicKey, Recipient<RelayOnion>>>,
    scripted: Mutex<VecDeque<Result<Bytes, transport::Error>>>,
    last: Mutex<Option<Letter>>,
    web: Mutex<Option<Result<WebAnswer, transport::Error>>>,
    posted: Mutex<Vec<PostWeb>>,
    gate: watch::Sender<Gate>,
}

/// What is held back.
#[derive(Default)]
struct Gate {
    is_closed: bool,
    waiting: usize,
    let_through: BTreeSet<ed25519::PublicKey>,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            boxes: Mutex::default(),
            scripted: Mutex::default(),
            last: Mutex::default(),
            web: Mutex::default(),
            posted: Mutex::default(),
            gate: watch::Sender::new(Gate::default()),
        }
    }
}

impl Post {
    fn open_box(&self, node: ed25519::PublicKey, recipient: Recipient<RelayOnion>) {
        self.boxes.lock().expect("not poisoned").insert(node, recipient);
    }

    /// The next request fails so.
    pub(crate) fn drop_next(&self, error: transport::Error) {
        self.scripted.lock().expect("not poisoned").push_back(Err(error));
    }

    /// The next request is answered so.
    pub(crate) fn answer_next(&self, answer: &'static [u8]) {
        self.scripted.lock().expect("not poisoned").push_back(Ok(Bytes::from_static(answer)));
    }

    /// What web servers answer from now on.
    pub(crate) fn web_says(&self, answer: Result<WebAnswer, transport::Error>) {
        *self.web.lock().expect("not poisoned") = Some(answer);
    }

    /// What web servers were asked since the last time.
    pub(crate) fn posted(&self) -> Vec<PostWeb> {
        std::mem::take(&mut self.posted.lock().expect("not poisoned"))
    }

    /// The last request that was sent.
    pub(crate) fn last(&self) -> Letter {
        self.last.lock().expect("not poisoned").clone().expect("something was sent")
    }

    /// Holds every request back.
    pub(crate) fn hold(&self) {
        self.gate.send_modify(|gate| gate.is_closed = true);
    }

    /// Waits until so many are held back.
    pub(crate) async fn held(&self, count: usize) {
        let mut gate = self.gate.subscribe();
        gate.wait_for(|gate| gate.waiting >= count).await.expect("the post is there");
    }

    /// Lets requests to one node through.
    pub(crate) fn release_to(&self, node: ed25519::PublicKey) {
        self.gate.send_modify(|gate| {
            gate.let_through.insert(node);
        });
    }

    /// Lets everything through.
    pub(crate) fn release(&self) {
        self.gate.send_modify(|gate| gate.is_closed = false);
    }

    async fn carry(&self, from: ed25519::PublicKey, call: CallPeer) -> Result<Bytes, transport::Error> {
        let CallPeer { peer, protocol, body, deadline } = call;
        *self.last.lock().expect("not poisoned") = Some(Letter { protocol, body: body.clone(), deadline });
        let scripted = self.scripted.lock().expect("not poisoned").pop_front();
        if let Some(answer) = scripted {
            return answer;
        }
        assert_eq!(protocol, Protocol::Onion);
        let mut gate = self.gate.subscribe();
        self.gate.send_modify(|gate| gate.waiting += 1);
        let is_open = |gate: &Gate| !gate.is_closed || gate.let_through.contains(&peer.ed25519);
        gate.wait_for(is_open).await.map_err(|_| transport::Error::Broken("closed".to_owned()))?;
        let (kind, dict) = body.split_first().expect("a first byte");
        assert_eq!(*kind, FROM_NODE);
        let recipient = self.boxes.lock().expect("not poisoned").get(&peer.ed25519).cloned();
        let recipient = recipient.ok_or_else(|| transport::Error::Unreachable("nobody there".to_owned()))?;
        let request = RelayOnion { dict: Bytes::copy_from_slice(dict), from };
        let OnionAnswer { status, body } =
            recipient.ask(request).await.map_err(|error| transport::Error::Broken(error.to_string()))?;
        Ok(peer_wire::encode_onion_answer(status, &body).into())
    }
}

struct Carrier {
    own: ed25519::PublicKey,
    post: Arc<Post>,
}

impl Actor for Carrier {
    const NAME: &'static str = "transport";
}

impl Handler<CallPeer> for Carrier {
    fn handle(&mut self, call: CallPeer, _: &Context) -> Task<Result<Bytes, transport::Error>> {
        let (own, post) = (self.own, Arc::clone(&self.post));
        task(async move { post.carry(own, call).await })
    }
}

impl Handler<PostWeb> for Carrier {
    fn handle(&mut self, post: PostWeb, _: &Context) -> Task<Result<WebAnswer, transport::Error>> {
        self.post.posted.lock().expect("not poisoned").push(post);
        let answer = self.post.web.lock().expect("not poisoned").clone();
        done(answer.expect("the test said what web servers answer"))
    }
}
