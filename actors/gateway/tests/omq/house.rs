//! A kernel with the OxenMQ door and stand-ins for the actors it asks, and clients that libzmq provides.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use starling_contracts::{
    gateway::{OmqAddress, QuicAddress},
    storage::{self, Answer, Body, ServeMethod},
    subscriptions::{self, Link, Notice, Subscribe},
};
use starling_gateway::{
    Admission,
    omq::{Config, Options, spec},
};
use starling_kernel::{
    Actor, Bounds, CallError, Context, Entropy, Handler, Kernel, RateLimit, Spec, StartError, SystemEntropy,
    Task, done, task,
};
use starling_protocol::{
    crypto::{ed25519, x25519},
    omq::{Delivery, HI, request},
};
use tokio::sync::Notify;

/// Long enough for a busy machine; nothing is ever waited for that long.
const PATIENCE: Duration = Duration::from_secs(30);
/// The body that a request for so many zeros gets.
pub(crate) const MEBIBYTE: usize = 1 << 20;

/// What a test may change.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) rate: RateLimit,
    pub(crate) storage: Bounds,
    /// Where the QUIC door says that it is.
    pub(crate) quic: SocketAddr,
}

/// A running door.
pub(crate) struct House {
    pub(crate) kernel: Kernel,
    pub(crate) address: SocketAddr,
    pub(crate) stage: Arc<Stage>,
    pub(crate) server: x25519::PublicKey,
}

/// What the stand-ins do, and what they were given.
#[derive(Default)]
pub(crate) struct Stage {
    /// Answers to method and parameters, as recorded.
    pub(crate) recorded: Mutex<Vec<(String, Bytes, Answer)>>,
    /// Replies to subscriptions, as recorded.
    pub(crate) subscribed: Mutex<Vec<(Bytes, Bytes)>>,
    /// The connections that subscriptions came on.
    pub(crate) links: Mutex<Vec<Link>>,
    pub(crate) slow_began: Notify,
    pub(crate) slow_may_end: Notify,
    /// Makes the door panic at its next use of randomness.
    pub(crate) break_entropy: AtomicBool,
}

pub(crate) fn key() -> Arc<ed25519::SecretKey> {
    Arc::new(ed25519::SecretKey::from_seed([7; 32]))
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::try_open(change).await.expect("the house starts")
    }

    pub(crate) async fn try_open(change: impl FnOnce(&mut Settings)) -> Result<Self, StartError> {
        let mut settings = Settings {
            config: Config { listen: loopback(), ..Config::default() },
            rate: RateLimit::default(),
            storage: Bounds::default(),
            quic: loopback(),
        };
        change(&mut settings);
        let stage = Arc::new(Stage::default());
        let options = Options { key: key(), admission: Arc::new(Admission::new(settings.rate)) };
        let (for_storage, for_subscriptions) = (Arc::clone(&stage), Arc::clone(&stage));
        let kernel = Kernel::builder()
            .entropy(Arc::new(Breakable(Arc::clone(&stage))))
            .actor(Spec::new(move |_| async move { Ok(Quic(settings.quic)) }).serves::<QuicAddress>())
            .actor(spec(settings.config, Bounds::default(), options))
            .actor(
                Spec::new(move |_| {
                    let stage = Arc::clone(&for_storage);
                    async move { Ok(Storage(stage)) }
                })
                .bounds(settings.storage)
                .serves::<ServeMethod>(),
            )
            .actor(
                Spec::new(move |_| {
                    let stage = Arc::clone(&for_subscriptions);
                    async move { Ok(Subscriptions(stage)) }
                })
                .serves::<Subscribe>(),
            )
            .start()
            .await?;
        let address = kernel.ask(OmqAddress).await.expect("the door tells where it is");
        Ok(Self { kernel, address, stage, server: key().to_x25519().public() })
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address, &self.server)
    }

    /// Waits until so many connections are open.
    pub(crate) async fn connections(&self, expected: u64) {
        let began = Instant::now();
        loop {
            let observed = self.kernel.observe().await;
            let door = observed.iter().find(|actor| actor.name == "omq").expect("the door is there");
            let open = door.state["connections"].as_u64();
            if open == Some(expected) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{open:?} connections are open, not {expected}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn link(&self) -> Link {
        self.stage.links.lock().expect("nobody panicked with it").last().expect("somebody subscribed").clone()
    }

    pub(crate) async fn close(self) {
        assert!(self.kernel.stop().await.is_empty(), "nobody had to be killed");
    }
}

/// A client as libzmq makes it; it does not come back by itself.
pub(crate) struct Client {
    pub(crate) socket: zmq::Socket,
    tags: u32,
    _context: zmq::Context,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, server: &x25519::PublicKey) -> Self {
        Self::connect_with(address, server, |_| {})
    }

    pub(crate) fn connect_with(
        address: SocketAddr,
        server: &x25519::PublicKey,
        change: impl FnOnce(&zmq::Socket),
    ) -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::DEALER).expect("a socket");
        let pair = zmq::CurveKeyPair::new().expect("a key pair");
        socket.set_curve_serverkey(&server.0).expect("a key");
        socket.set_curve_publickey(&pair.public_key).expect("a key");
        socket.set_curve_secretkey(&pair.secret_key).expect("a key");
        socket.set_linger(0).expect("a wish");
        socket.set_reconnect_ivl(-1).expect("a wish");
        socket.set_ipv6(true).expect("a wish");
        socket.set_rcvtimeo(i32::try_from(PATIENCE.as_millis()).expect("half a minute")).expect("a wish");
        change(&socket);
        socket.connect(&format!("tcp://{address}")).expect("an address");
        Self { socket, tags: 0, _context: context }
    }

    /// Sends without waiting; the tag.
    pub(crate) fn send(&mut self, command: &str, data: &[&[u8]]) -> Bytes {
        self.tags += 1;
        let tag = Bytes::from(format!("tag {}", self.tags));
        let data = data.iter().map(|part| Bytes::copy_from_slice(part));
        self.socket
            .send_multipart(request(command, &tag, data).iter().map(|part| &part[..]), 0)
            .expect("sent");
        tag
    }

    pub(crate) fn receive(&self) -> Delivery {
        let parts = self.socket.recv_multipart(0).expect("an answer");
        Delivery::parse(parts.into_iter().map(Bytes::from).collect()).expect("a message")
    }

    /// Sends, and waits for the answer's parts.
    pub(crate) fn ask(&mut self, command: &str, data: &[&[u8]]) -> Vec<Bytes> {
        let sent = self.send(command, data);
        match self.receive() {
            Delivery::Reply { tag, data } => {
                assert_eq!(tag, sent);
                data
            }
            other => panic!("{other:?} is no answer"),
        }
    }

    pub(crate) fn greet(&self) {
        self.socket.send(HI, 0).expect("sent");
        assert_eq!(self.receive(), Delivery::Hello);
    }
}

struct Storage(Arc<Stage>);

impl Actor for Storage {
    const NAME: &'static str = "storage";
}

impl Handler<ServeMethod> for Storage {
    fn handle(&mut self, asked: ServeMethod, _: &Context) -> Task<Result<Answer, storage::Error>> {
        let ServeMethod { method, params } = asked;
        let recorded = self.0.recorded.lock().expect("nobody panicked with it");
        let found = recorded.iter().find(|(name, wanted, _)| (name, wanted) == (&method, &params));
        if let Some((_, _, answer)) = found {
            return done(Ok(answer.clone()));
        }
        drop(recorded);
        let text = |status, text: &str| Ok(Answer { status, body: Body::Text(text.to_owned()) });
        done(match params.as_ref() {
            b"" => text(200, "nothing was given"),
            b"binary" => Ok(Answer { status: 200, body: Body::Binary(Bytes::from_static(b"\x00\xff")) }),
            b"not ready" => Err(storage::Error::NotReady("not done syncing".to_owned())),
            b"stopping" => Err(CallError::Stopping { actor: "storage" }.into()),
            b"busy" => Err(CallError::Busy { actor: "storage", capacity: 1 }.into()),
            b"disk" => Err(storage::Error::Store),
            b"large" => Ok(Answer { status: 200, body: Body::Binary(Bytes::from(vec![0; MEBIBYTE])) }),
            b"slow" => {
                let stage = Arc::clone(&self.0);
                return task(async move {
                    stage.slow_began.notify_one();
                    stage.slow_may_end.notified().await;
                    text(200, "at last")
                });
            }
            other => text(200, &format!("{method} got {} bytes", other.len())),
        })
    }
}

struct Subscriptions(Arc<Stage>);

impl Actor for Subscriptions {
    const NAME: &'static str = "subscriptions";
}

impl Handler<Subscribe> for Subscriptions {
    fn handle(&mut self, asked: Subscribe, _: &Context) -> Task<Result<Bytes, subscriptions::Error>> {
        let Subscribe { request, link } = asked;
        self.0.links.lock().expect("nobody panicked with it").push(link);
        if request == b"not ready"[..] {
            return done(Err(subscriptions::Error::NotReady("not done syncing".to_owned())));
        }
        let subscribed = self.0.subscribed.lock().expect("nobody panicked with it");
        let reply = subscribed.iter().find(|(wanted, _)| *wanted == request).map(|(_, reply)| reply.clone());
        done(Ok(reply.unwrap_or_else(|| Bytes::from_static(b"d7:successi1ee"))))
    }
}

struct Quic(SocketAddr);

impl Actor for Quic {
    const NAME: &'static str = "quic";
}

impl Handler<QuicAddress> for Quic {
    fn handle(&mut self, _: QuicAddress, _: &Context) -> Task<Result<SocketAddr, CallError>> {
        done(Ok(self.0))
    }
}

/// The system's randomness, until it is told to fail.
struct Breakable(Arc<Stage>);

impl Entropy for Breakable {
    fn fill(&self, bytes: &mut [u8]) {
        assert!(!self.0.break_entropy.swap(false, Ordering::SeqCst), "the test wants a panic");
        SystemEntropy.fill(bytes);
    }
}

/// A notice of a message.
pub(crate) fn notice(body: &'static [u8]) -> Notice {
    Notice::Message(Bytes::from_static(body))
}
