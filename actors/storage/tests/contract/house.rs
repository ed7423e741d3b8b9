//! A network of storage actors in one process: each in a kernel of its own, with a fake ledger and a fake swarm actor that
//! takes copies straight to the other kernels.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value as Json, json};
use starling_contracts::{
    node::ServiceNode,
    staking::{self, CurrentNodeList, NodeList, NodeListChanged},
    storage::{Answer, ApplyForwarded, Body, Error, Forwarded, ServeMethod, ServeRpc},
    subscriptions::{self, Announce, NewMessage},
    swarm::{self, MemberAnswer, MemberOutcome, Replicate, SwarmFor, SwarmView},
};
use starling_kernel::{
    Actor, Bounds, CallError, Context, Handler, Kernel, ManualClock, Recipient, SeededEntropy, Spec, Task,
    done, task,
};
use starling_protocol::{
    crypto::ed25519,
    swarm::{SwarmId, mapping},
};
use starling_storage::Config;
use tempfile::TempDir;

/// Unix milliseconds at which most tests happen.
pub(crate) const NOW: i64 = 1_795_000_000_000;

/// A node of the network, with its key.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) key: Arc<ed25519::SecretKey>,
    pub(crate) node: ServiceNode,
}

impl Member {
    pub(crate) fn new(number: u8, swarm: SwarmId) -> Self {
        let key = ed25519::SecretKey::from_seed([number; 32]);
        let node = ServiceNode {
            ed25519: key.public(),
            x25519: key.to_x25519().public(),
            legacy: key.public(),
            public_ip: Ipv4Addr::LOCALHOST,
            storage_port: 22000 + u16::from(number),
            omq_port: 0,
            libp2p_port: 23000 + u16::from(number),
            swarm,
            version: [2, 8, 0],
            requested_unlock_height: 0,
        };
        Self { key: Arc::new(key), node }
    }
}

/// How a member treats copies, where it is not simply the other kernel that answers.
#[derive(Clone)]
pub(crate) struct Misbehaviour(pub(crate) MemberOutcome);

#[derive(Default)]
pub(crate) struct Wires {
    members: HashMap<ed25519::PublicKey, Recipient<ApplyForwarded>>,
    misbehaving: HashMap<ed25519::PublicKey, Misbehaviour>,
    /// Do copies hang, as if no member ever answered?
    hanging: bool,
    /// Methods and dicts in the order in which they were copied.
    copied: Vec<(&'static str, Bytes)>,
}

pub(crate) type SharedWires = Arc<Mutex<Wires>>;

struct FakeLedger {
    list: Option<Arc<NodeList>>,
}

impl Actor for FakeLedger {
    const NAME: &'static str = "staking";
}

impl Handler<CurrentNodeList> for FakeLedger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        done(self.list.clone().ok_or(staking::Error::NoList))
    }
}

struct FakeSwarm {
    own: ed25519::PublicKey,
    list: Option<Arc<NodeList>>,
    wires: SharedWires,
}

impl FakeSwarm {
    fn view(&self, account: &starling_protocol::AccountId) -> Option<SwarmView> {
        let list = self.list.as_ref()?;
        let mut ids: Vec<SwarmId> = list.nodes().iter().map(|node| node.swarm).collect();
        ids.sort_unstable();
        let id = mapping::nearest(mapping::space(account), &ids)?;
        let members: Vec<_> = list.nodes().iter().filter(|node| node.swarm == id).cloned().collect();
        let is_own = members.iter().any(|node| node.ed25519 == self.own);
        Some(SwarmView { id, members, is_own })
    }
}

impl Actor for FakeSwarm {
    const NAME: &'static str = "swarm";
}

impl Handler<NodeListChanged> for FakeSwarm {
    fn handle(&mut self, event: NodeListChanged, _: &Context) -> Task<Result<(), CallError>> {
        self.list = Some(event.list);
        done(Ok(()))
    }
}

impl Handler<SwarmFor> for FakeSwarm {
    fn handle(
        &mut self,
        SwarmFor { account }: SwarmFor,
        _: &Context,
    ) -> Task<Result<SwarmView, swarm::Error>> {
        done(self.view(&account).ok_or(swarm::Error::NoSwarms))
    }
}

impl Handler<Replicate> for FakeSwarm {
    fn handle(&mut self, write: Replicate, _: &Context) -> Task<Result<Vec<MemberAnswer>, swarm::Error>> {
        let Some(view) = self.view(&write.account) else { return done(Err(swarm::Error::NoSwarms)) };
        let others = view.members.into_iter().map(|node| node.ed25519).filter(|node| *node != self.own);
        let mut wires = self.wires.lock().expect("no test panics with the lock held");
        wires.copied.push((write.method, write.dict.clone()));
        if wires.hanging {
            return task(std::future::pending());
        }
        let calls: Vec<_> = others
            .map(|node| (node, wires.members.get(&node).cloned(), wires.misbehaving.get(&node).cloned()))
            .collect();
        let from = self.own;
        task(async move {
            let mut answers = Vec::new();
            for (node, recipient, misbehaviour) in calls {
                let outcome = match (misbehaviour, recipient) {
                    (Some(Misbehaviour(outcome)), _) => outcome,
                    (None, None) => MemberOutcome::TimedOut,
                    (None, Some(recipient)) => {
                        let (method, dict) = (write.method.to_owned(), write.dict.clone());
                        match recipient.ask(ApplyForwarded { method, dict, from }).await {
                            Ok(Forwarded::Done(dict)) => MemberOutcome::Done(dict),
                            Ok(Forwarded::Refused { code, reason }) => {
                                MemberOutcome::Refused { code, reason }
                            }
                            Err(_) => MemberOutcome::TimedOut,
                        }
                    }
                };
                answers.push(MemberAnswer { node, outcome });
            }
            Ok(answers)
        })
    }
}

/// How the actor that tells subscribers behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subscriptions {
    /// There is none in the process.
    Absent,
    /// It hears what is new.
    Listening,
    /// It takes one announcement and never answers it.
    Hanging,
}

struct FakeSubscriptions {
    own: ed25519::PublicKey,
    hears: tokio::sync::mpsc::Sender<(ed25519::PublicKey, Vec<NewMessage>)>,
    hangs: bool,
}

impl Actor for FakeSubscriptions {
    const NAME: &'static str = "subscriptions";
}

impl Handler<Announce> for FakeSubscriptions {
    fn handle(
        &mut self,
        Announce { messages }: Announce,
        _: &Context,
    ) -> Task<Result<(), subscriptions::Error>> {
        self.hears.try_send((self.own, messages)).expect("no test announces so much");
        if self.hangs { task(std::future::pending()) } else { done(Ok(())) }
    }
}

/// One running node.
pub(crate) struct Node {
    pub(crate) kernel: Kernel,
    pub(crate) folder: Arc<TempDir>,
}

/// All of them.
pub(crate) struct House {
    pub(crate) clock: ManualClock,
    pub(crate) nodes: Vec<Node>,
    pub(crate) members: Vec<Member>,
    pub(crate) wires: SharedWires,
    /// What subscribers would be told, and by whom.
    pub(crate) heard: tokio::sync::mpsc::Receiver<(ed25519::PublicKey, Vec<NewMessage>)>,
    pub(crate) hears: tokio::sync::mpsc::Sender<(ed25519::PublicKey, Vec<NewMessage>)>,
    pub(crate) subscriptions: Subscriptions,
}

/// What [`House::open`] makes.
pub(crate) struct Plan {
    pub(crate) members: Vec<Member>,
    /// How many of them really run; copies to the others time out.
    pub(crate) running: usize,
    pub(crate) config: Config,
    pub(crate) hardfork: [u16; 2],
    pub(crate) now: i64,
    /// Is the node list known at the start?
    pub(crate) has_list: bool,
    pub(crate) subscriptions: Subscriptions,
}

impl Plan {
    /// So many nodes in one swarm, all of them running.
    pub(crate) fn one_swarm(n_members: u8) -> Self {
        Self {
            members: (1..=n_members).map(|number| Member::new(number, SwarmId(7))).collect(),
            running: usize::from(n_members),
            config: Config::default(),
            hardfork: [19, 6],
            now: NOW,
            has_list: true,
            subscriptions: Subscriptions::Absent,
        }
    }
}

impl House {
    /// A single node that is a whole swarm.
    pub(crate) async fn single() -> Self {
        Self::open(Plan::one_swarm(1)).await
    }

    pub(crate) async fn open(plan: Plan) -> Self {
        let clock = ManualClock::at(u64::try_from(plan.now).expect("a time after 1970"));
        let (hears, heard) = tokio::sync::mpsc::channel(1024);
        let mut house = Self {
            clock,
            nodes: Vec::new(),
            members: plan.members.clone(),
            wires: Arc::default(),
            heard,
            hears,
            subscriptions: plan.subscriptions,
        };
        let list = house.list(1, plan.hardfork);
        for member in &plan.members[..plan.running] {
            let folder = Arc::new(tempfile::tempdir().expect("a folder can be made"));
            let list = plan.has_list.then(|| Arc::clone(&list));
            let node = house.start(member, plan.config.clone(), folder, list).await;
            house.nodes.push(node);
        }
        house
    }

    pub(crate) fn list(&self, height: u64, hardfork: [u16; 2]) -> Arc<NodeList> {
        let nodes = self.members.iter().map(|member| member.node.clone()).collect();
        Arc::new(NodeList::new(height, hardfork, [9; 32], nodes))
    }

    pub(crate) async fn start(
        &self,
        member: &Member,
        config: Config,
        folder: Arc<TempDir>,
        list: Option<Arc<NodeList>>,
    ) -> Node {
        let kernel = self.try_start(member, config, &folder, list).await.expect("the kernel starts");
        let recipient = kernel.recipient::<ApplyForwarded>();
        let mut wires = self.wires.lock().expect("no test panics with the lock held");
        wires.members.insert(member.node.ed25519, recipient);
        Node { kernel, folder }
    }

    pub(crate) async fn try_start(
        &self,
        member: &Member,
        config: Config,
        folder: &TempDir,
        list: Option<Arc<NodeList>>,
    ) -> Result<Kernel, starling_kernel::StartError> {
        // As many places as storage has: copies that hang take them all, as they would at the real one.
        let bounds = Bounds { concurrency: config.bounds.concurrency, ..Bounds::default() };
        let (replica, storage) =
            starling_storage::specs(config, Arc::clone(&member.key), folder.path().to_owned());
        let (own, wires, for_swarm) = (member.node.ed25519, Arc::clone(&self.wires), list.clone());
        let (hears, hangs) = (self.hears.clone(), self.subscriptions == Subscriptions::Hanging);
        let builder = Kernel::builder()
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(1)))
            .io_threads(1)
            .cpu_threads(1)
            .actor(
                Spec::new(move |_| {
                    let list = list.clone();
                    async move { Ok(FakeLedger { list }) }
                })
                .serves::<CurrentNodeList>(),
            )
            .actor(
                Spec::new(move |_| {
                    let (list, wires) = (for_swarm.clone(), Arc::clone(&wires));
                    async move { Ok(FakeSwarm { own, list, wires }) }
                })
                .bounds(bounds)
                .serves::<SwarmFor>()
                .serves::<Replicate>()
                .subscribes::<NodeListChanged>(),
            )
            .actor(replica)
            .actor(storage);
        let builder = match self.subscriptions {
            Subscriptions::Absent => builder,
            Subscriptions::Listening | Subscriptions::Hanging => builder.actor(
                Spec::new(move |_| {
                    let hears = hears.clone();
                    async move { Ok(FakeSubscriptions { own, hears, hangs }) }
                })
                .serves::<Announce>(),
            ),
        };
        builder.start().await
    }

    pub(crate) fn now(&self) -> i64 {
        i64::try_from(starling_kernel::Clock::now_ms(&self.clock)).expect("a time in this era")
    }

    pub(crate) fn advance_to(&self, now: i64) {
        let ahead = u64::try_from(now - self.now()).expect("time does not go back");
        self.clock.advance(Duration::from_millis(ahead));
    }

    /// Has a member answer copies in this way from now on; nothing for its true self.
    pub(crate) fn misbehave(&self, member: usize, how: Option<Misbehaviour>) {
        let node = self.members[member].node.ed25519;
        let mut wires = self.wires.lock().expect("no test panics with the lock held");
        match how {
            Some(how) => wires.misbehaving.insert(node, how),
            None => wires.misbehaving.remove(&node),
        };
    }

    /// Has no copy be answered from now on.
    pub(crate) fn hang(&self) {
        self.wires.lock().expect("no test panics with the lock held").hanging = true;
    }

    pub(crate) fn copied(&self) -> Vec<(&'static str, Bytes)> {
        self.wires.lock().expect("no test panics with the lock held").copied.clone()
    }

    /// Sends an envelope to a node and expects an answer.
    pub(crate) async fn rpc(&self, node: usize, method: &str, params: Json) -> Reply {
        self.raw(node, json!({"method": method, "params": params}).to_string())
            .await
            .expect("the node answers")
    }

    pub(crate) async fn raw(&self, node: usize, envelope: impl Into<Bytes>) -> Result<Reply, Error> {
        let Answer { status, body } =
            self.nodes[node].kernel.ask(ServeRpc { envelope: envelope.into() }).await?;
        let body = match body {
            Body::Json(body) => body,
            Body::Text(text) => Json::String(text),
            Body::Bencode(bytes) | Body::Binary(bytes) => Json::String(format!("{bytes:?}")),
        };
        Ok(Reply { status, body })
    }

    /// Sends one method's parameters to a node, as OxenMQ and QUIC do.
    pub(crate) async fn call(
        &self,
        node: usize,
        method: &str,
        params: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let call = ServeMethod { method: method.to_owned(), params: params.into() };
        self.nodes[node].kernel.ask(call).await
    }

    /// The name of a member in aggregated answers.
    pub(crate) fn hex(&self, member: usize) -> String {
        self.members[member].node.ed25519.to_string()
    }
}

/// An answer, comparable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl Reply {
    #[track_caller]
    pub(crate) fn ok(self) -> Json {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, text: &str) {
        assert_eq!((self.status, &self.body), (status, &Json::from(text)));
    }
}
