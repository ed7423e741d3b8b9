//! A kernel with the actor in it, and what is around it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use starling_contracts::{
    node::ServiceNode,
    staking::{self, CurrentNodeList, NodeList, NodeListChanged},
    subscriptions::{Announce, Error, Link, LinkId, NewMessage, Notice, Subscribe},
};
use starling_kernel::{Actor, Context, Handler, Kernel, ManualClock, Spec, Task, done};
use starling_protocol::{
    account::{AccountId, Prefix},
    bencode::{Limits, Value, decode},
    crypto::{ed25519, x25519},
    storage::{
        Namespace, message_hash,
        monitor::{Notification, Subscriber, Subscription},
        signed_text,
        subaccount::SignedToken,
    },
    swarm::SwarmId,
};
use starling_subscriptions::Config;
use tokio::sync::mpsc;

/// Unix milliseconds at which every house is opened.
pub(crate) const OPENED: u64 = 1_795_390_663_034;
pub(crate) const OPENED_SECONDS: i64 = 1_795_390_663;

pub(crate) struct House {
    pub(crate) kernel: Kernel,
    pub(crate) clock: ManualClock,
}

struct Ledger(Option<Arc<NodeList>>);

impl Actor for Ledger {
    const NAME: &'static str = "staking";
}

impl Handler<CurrentNodeList> for Ledger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        done(self.0.clone().ok_or(staking::Error::NoList))
    }
}

/// A node of a swarm; the one under test has number 1.
pub(crate) fn node(number: u8, swarm: u64) -> ServiceNode {
    let key = ed25519::SecretKey::from_seed([number; 32]).public();
    ServiceNode {
        ed25519: key,
        x25519: key.to_x25519().unwrap_or(x25519::PublicKey([0; 32])),
        legacy: key,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: 22021,
        omq_port: 22020,
        libp2p_port: 0,
        swarm: SwarmId(swarm),
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

pub(crate) fn list(height: u64, nodes: impl IntoIterator<Item = ServiceNode>) -> Arc<NodeList> {
    Arc::new(NodeList::new(height, [19, 6], [0; 32], nodes.into_iter().collect()))
}

impl House {
    /// A house whose node keeps every account.
    pub(crate) async fn open() -> Self {
        Self::open_with(Some(list(1, [node(1, 100)])), Config::default(), OPENED).await
    }

    pub(crate) async fn open_with(list: Option<Arc<NodeList>>, config: Config, now_ms: u64) -> Self {
        let clock = ManualClock::at(now_ms);
        let kernel = Kernel::builder()
            .clock(Arc::new(clock.clone()))
            .actor(
                Spec::new(move |_| {
                    let list = list.clone();
                    async { Ok(Ledger(list)) }
                })
                .serves::<CurrentNodeList>(),
            )
            .actor(starling_subscriptions::spec(config, node(1, 0).ed25519))
            .start()
            .await
            .unwrap();
        Self { kernel, clock }
    }

    pub(crate) async fn subscribe(&self, link: &Link, request: impl Into<Bytes>) -> Result<Bytes, Error> {
        self.kernel.ask(Subscribe { request: request.into(), link: link.clone() }).await
    }

    /// Subscribes, and expects to be let.
    pub(crate) async fn accepted(&self, link: &Link, request: Vec<u8>) {
        assert_eq!(text(&self.subscribe(link, request).await.unwrap()), "d7:successi1ee");
    }

    pub(crate) async fn announce(&self, messages: impl IntoIterator<Item = NewMessage>) {
        self.kernel.ask(Announce { messages: messages.into_iter().collect() }).await.unwrap();
    }

    pub(crate) async fn learn(&self, list: Arc<NodeList>) {
        self.kernel.publisher::<NodeListChanged>().publish(NodeListChanged { list }).await;
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A number that the actor shows of itself.
    pub(crate) async fn observed(&self, key: &str) -> u64 {
        let all = self.kernel.observe().await;
        let own = all.into_iter().find(|seen| seen.name == "subscriptions").unwrap();
        own.state[key].as_u64().unwrap()
    }
}

pub(crate) fn link(id: u64, places: usize) -> (Link, mpsc::Receiver<Notice>) {
    let (outlet, notices) = mpsc::channel(places);
    (Link { id: LinkId(id), outlet }, notices)
}

/// A group's key, or that of a user.
pub(crate) fn key(number: u32) -> ed25519::SecretKey {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    ed25519::SecretKey::from_seed(seed)
}

/// The id of a group with that key.
pub(crate) fn group(key: &ed25519::SecretKey) -> AccountId {
    AccountId::new(Prefix::Group, key.public().0)
}

/// A subscription of a group to bodies of its namespace 11, signed when houses are opened.
pub(crate) fn subscription(key: &ed25519::SecretKey) -> Subscription {
    Subscription {
        subscriber: Subscriber::Account(group(key)),
        subaccount: None,
        wants_data: true,
        namespaces: vec![Namespace(11)],
        signature: ed25519::Signature([0; 64]),
        timestamp: OPENED_SECONDS,
    }
    .signed_by(key)
}

/// A subscription of a user, by the key that its id is made from.
pub(crate) fn user_subscription(key: &ed25519::SecretKey) -> Subscription {
    let subscriber = Subscriber::User(key.public());
    Subscription { subscriber, namespaces: vec![Namespace(0)], ..subscription(key) }.signed_by(key)
}

pub(crate) trait Sign {
    fn signed_by(self, key: &ed25519::SecretKey) -> Self;
    fn delegated(self, token: SignedToken) -> Self;
}

impl Sign for Subscription {
    fn signed_by(mut self, key: &ed25519::SecretKey) -> Self {
        let account = self.account().unwrap();
        let text = signed_text::monitor(&account, self.timestamp, self.wants_data, &self.namespaces);
        self.signature = key.sign(&text);
        self
    }

    fn delegated(mut self, token: SignedToken) -> Self {
        self.subaccount = Some(token);
        self
    }
}

pub(crate) fn to_list(subscriptions: impl IntoIterator<Item = Subscription>) -> Vec<u8> {
    let entries: Vec<_> = subscriptions.into_iter().map(|entry| entry.encode()).collect();
    [&b"l"[..], &entries.concat(), b"e"].concat()
}

pub(crate) fn message(account: AccountId, namespace: i16) -> NewMessage {
    let namespace = Namespace(namespace);
    NewMessage {
        account,
        namespace,
        hash: message_hash(&account, namespace, b"a body"),
        timestamp: 1_795_390_663_030,
        expiry: 1_795_391_263_030,
        data: Bytes::from_static(b"a body"),
    }
}

/// The notifications that have come.
pub(crate) fn heard(notices: &mut mpsc::Receiver<Notice>) -> Vec<Notification> {
    let mut all = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        let Notice::Message(dict) = notice else { panic!("nothing has moved") };
        all.push(Notification::decode(&dict).unwrap());
    }
    all
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `errcode` of a reply, 0 for success.
pub(crate) fn code(reply: &Value) -> i128 {
    let dict = reply.as_dict().unwrap();
    let code = |name: &str| dict.get(name.as_bytes()).and_then(Value::as_integer);
    code("errcode").or_else(|| code("success").map(|success| success - 1)).unwrap()
}

pub(crate) fn read(bytes: &[u8]) -> Value {
    decode(bytes, Limits { max_items: 700_000, ..Limits::REQUEST }).unwrap()
}
