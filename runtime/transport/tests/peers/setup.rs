//! Nodes with a transport and an actor that stands for all others.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use starling_contracts::{
    node::ServiceNode,
    routing::{self, EnterOnion, OnionAnswer, RelayOnion},
    staking::{NodeList, NodeListChanged},
    storage::{self, Answer, ApplyForwarded, Body, Forwarded, ServeRpc},
    subscriptions::{self, Link, Subscribe},
    transport::{CallPeer, Error, ListenAddresses, PeerAddress, Protocol},
};
use starling_kernel::{Actor, CallError, Context, Handler, Kernel, Spec, Task, done, task};
use starling_protocol::{
    crypto::{ed25519, x25519},
    swarm::SwarmId,
};
use starling_transport::{Carrier, Config};
use tokio::sync::Semaphore;

/// Long enough for a loaded machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) kernel: Kernel,
    pub(crate) key: ed25519::PublicKey,
    pub(crate) port: u16,
    /// Counts the requests that were told to wait.
    pub(crate) arrived: Arc<Semaphore>,
    /// Lets so many of them go on.
    pub(crate) gate: Arc<Semaphore>,
    /// The links of those who subscribed and are kept.
    pub(crate) links: Arc<Mutex<Vec<Link>>>,
}

pub(crate) fn config() -> Config {
    Config { listen: Ipv4Addr::LOCALHOST, port: 0, ..Config::default() }
}

pub(crate) fn only(carrier: Carrier) -> Config {
    Config { carriers: vec![carrier], ..config() }
}

pub(crate) fn key(seed: u8) -> Arc<ed25519::SecretKey> {
    Arc::new(ed25519::SecretKey::from_seed([seed; 32]))
}

/// A node whose other actors are played by [`Others`].
pub(crate) async fn node(seed: u8, config: Config) -> Node {
    let (arrived, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let links = Arc::new(Mutex::new(Vec::new()));
    let others = (Arc::clone(&arrived), Arc::clone(&gate), Arc::clone(&links));
    let kernel = Kernel::builder()
        .actor(
            Spec::new(move |_| {
                let (arrived, gate, links) = others.clone();
                async move { Ok(Others { arrived, gate, links }) }
            })
            .bounds(starling_kernel::Bounds {
                mailbox_capacity: 4096,
                concurrency: 4096,
                ..Default::default()
            })
            .serves::<EnterOnion>()
            .serves::<RelayOnion>()
            .serves::<ServeRpc>()
            .serves::<ApplyForwarded>()
            .serves::<Subscribe>(),
        )
        .actor(starling_transport::spec(config, Some(key(seed)), true).needs("others"))
        .start()
        .await
        .unwrap();
    let port = kernel.ask(ListenAddresses).await.unwrap().port;
    Node { kernel, key: key(seed).public(), port, arrived, gate, links }
}

/// A client: nothing listens, nobody serves.
pub(crate) async fn client() -> Kernel {
    Kernel::builder().actor(starling_transport::spec(config(), None, false)).start().await.unwrap()
}

impl Node {
    pub(crate) fn address(&self) -> PeerAddress {
        PeerAddress { ed25519: self.key, ip: Ipv4Addr::LOCALHOST, port: self.port }
    }

    /// As the node list has it.
    pub(crate) fn listed(&self) -> ServiceNode {
        listed(self.key, self.port)
    }

    /// Gives the node a list, and waits until it holds.
    pub(crate) async fn learn(&self, height: u64, nodes: Vec<ServiceNode>) {
        let list = Arc::new(NodeList::new(height, [19, 6], [0; 32], nodes));
        self.kernel.publisher::<NodeListChanged>().publish(NodeListChanged { list }).await;
        // Commands are taken in order, so that an answer to this one means that the list was taken over.
        let own = call(&self.kernel, self.address(), Protocol::Ping, b"own").await;
        assert_eq!(own.unwrap(), "own");
    }
}

pub(crate) fn listed(key: ed25519::PublicKey, port: u16) -> ServiceNode {
    ServiceNode {
        ed25519: key,
        x25519: x25519::PublicKey([0; 32]),
        legacy: key,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: 1,
        omq_port: 0,
        libp2p_port: port,
        swarm: SwarmId(1),
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

pub(crate) async fn call(
    from: &Kernel,
    to: PeerAddress,
    protocol: Protocol,
    body: &[u8],
) -> Result<Bytes, Error> {
    call_within(from, to, protocol, body, PATIENCE).await
}

pub(crate) async fn call_within(
    from: &Kernel,
    to: PeerAddress,
    protocol: Protocol,
    body: &[u8],
    deadline: Duration,
) -> Result<Bytes, Error> {
    from.ask(CallPeer { peer: to, protocol, body: Bytes::copy_from_slice(body), deadline }).await
}

/// Every actor that a transport hands requests to; what a request says is what becomes of it.
pub(crate) struct Others {
    arrived: Arc<Semaphore>,
    gate: Arc<Semaphore>,
    links: Arc<Mutex<Vec<Link>>>,
}

impl Actor for Others {
    const NAME: &'static str = "others";
}

impl Handler<EnterOnion> for Others {
    fn handle(
        &mut self,
        EnterOnion { frame, .. }: EnterOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, routing::Error>> {
        if frame.starts_with(b"wait") {
            let (arrived, gate) = (Arc::clone(&self.arrived), Arc::clone(&self.gate));
            return task(async move {
                arrived.add_permits(1);
                gate.acquire().await.unwrap().forget();
                Ok(OnionAnswer { status: 200, body: "waited".into() })
            });
        }
        done(match &frame[..] {
            b"busy" => Err(CallError::Busy { actor: "relay", capacity: 1 }.into()),
            b"not ready" => Err(routing::Error::NotReady("x".to_owned())),
            _ => Ok(OnionAnswer { status: 418, body: frame }),
        })
    }
}

impl Handler<RelayOnion> for Others {
    fn handle(&mut self, onion: RelayOnion, _: &Context) -> Task<Result<OnionAnswer, routing::Error>> {
        done(Ok(OnionAnswer { status: 200, body: onion.from.to_string().into() }))
    }
}

impl Handler<ServeRpc> for Others {
    fn handle(&mut self, rpc: ServeRpc, _: &Context) -> Task<Result<Answer, storage::Error>> {
        let (arrived, gate) = (Arc::clone(&self.arrived), Arc::clone(&self.gate));
        task(async move {
            let body = match &rpc.envelope[..] {
                b"wait" => {
                    arrived.add_permits(1);
                    gate.acquire().await.unwrap().forget();
                    Body::Text("waited".to_owned())
                }
                b"busy" => return Err(CallError::Busy { actor: "storage", capacity: 1 }.into()),
                b"not ready" => return Err(storage::Error::NotReady("not done syncing".to_owned())),
                b"json" => Body::Json(serde_json::json!({ "t": 1 })),
                b"too long" => Body::Binary(vec![0; (10 << 20) + 1000].into()),
                _ => Body::Binary(rpc.envelope),
            };
            Ok(Answer { status: 200, body })
        })
    }
}

impl Handler<ApplyForwarded> for Others {
    fn handle(&mut self, write: ApplyForwarded, _: &Context) -> Task<Result<Forwarded, storage::Error>> {
        done(match write.method.as_str() {
            "refuse" => Ok(Forwarded::Refused { code: 421, reason: "no".to_owned() }),
            _ => Ok(Forwarded::Done(write.dict)),
        })
    }
}

impl Handler<Subscribe> for Others {
    fn handle(
        &mut self,
        Subscribe { request, link }: Subscribe,
        _: &Context,
    ) -> Task<Result<Bytes, subscriptions::Error>> {
        done(match &request[..] {
            b"not ready" => Err(subscriptions::Error::NotReady("not in any swarm".to_owned())),
            b"no" => Ok(Bytes::from_static(b"d7:errcodei5ee")),
            _ => {
                self.links.lock().unwrap().push(link);
                Ok(Bytes::from_static(b"d7:successi1ee"))
            }
        })
    }
}
