//! A kernel with the QUIC door and stand-ins for the actors it asks.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use quinn::ConnectionError;
use serde_json::json;
use starling_contracts::{
    gateway::QuicAddress,
    routing::{self, EnterOnion, OnionAnswer},
    storage::{self, Answer, Body, ServeMethod},
    subscriptions::{self, Link, Subscribe},
};
use starling_gateway::{
    Admission,
    quic::{Config, Options, spec},
};
use starling_kernel::{Actor, CallError, Context, Handler, Kernel, RateLimit, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tokio::sync::{Notify, mpsc};

use crate::visitor::{Manner, PATIENCE, Shown, Visitor};

/// Answers that a test has prepared, by method and parameters.
pub(crate) type Script = HashMap<(String, Bytes), Answer>;

/// A running door.
pub(crate) struct House {
    pub(crate) kernel: Kernel,
    pub(crate) address: SocketAddr,
    pub(crate) key: ed25519::PublicKey,
    pub(crate) signals: Arc<Signals>,
    /// The links of those who subscribed.
    pub(crate) links: mpsc::Receiver<Link>,
}

/// What the stand-ins tell, and wait for.
#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) slow_began: Notify,
    pub(crate) slow_may_end: Notify,
    script: Mutex<Script>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_, _| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config, &mut RateLimit)) -> Self {
        let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
        let mut rate = RateLimit { per_second: 0, ..RateLimit::default() };
        change(&mut config, &mut rate);
        let secret = ed25519::SecretKey::from_seed([9; 32]);
        let key = secret.public();
        let options = Options { key: Arc::new(secret), admission: Arc::new(Admission::new(rate)) };
        let signals = Arc::new(Signals::default());
        let for_storage = Arc::clone(&signals);
        let (subscribed, links) = mpsc::channel(16);
        let kernel = Kernel::builder()
            .actor(spec(config, options))
            .actor(
                Spec::new(move |_| {
                    let signals = Arc::clone(&for_storage);
                    async move { Ok(Storage { signals }) }
                })
                .serves::<ServeMethod>(),
            )
            .actor(Spec::new(|_| async { Ok(Relay) }).serves::<EnterOnion>())
            .actor(
                Spec::new(move |_| {
                    let subscribed = subscribed.clone();
                    async move { Ok(Subscriptions { subscribed }) }
                })
                .serves::<Subscribe>(),
            )
            .start()
            .await
            .expect("the house starts");
        let address = kernel.ask(QuicAddress).await.expect("the door tells where it is");
        Self { kernel, address, key, signals, links }
    }

    pub(crate) fn answers(&self, script: Script) {
        *self.signals.script.lock().unwrap() = script;
    }

    pub(crate) fn manner(&self) -> Manner {
        Manner { shown: Shown::Key([5; 32]), alpn: b"oxenstorage", server: self.key, window: None }
    }

    /// An ordinary client.
    pub(crate) async fn visitor(&self) -> Visitor {
        self.try_visit(self.manner()).await.expect("the door is open")
    }

    pub(crate) async fn try_visit(&self, manner: Manner) -> Result<Visitor, ConnectionError> {
        Visitor::connect(self.address, &manner).await
    }

    /// Waits until what the door holds in memory is as expected. Each look is a message to the actor, so this does not spin.
    pub(crate) async fn memory_is(&self, expected: impl Fn(u64) -> bool) {
        let looking = async {
            loop {
                let actors = self.kernel.observe().await;
                let door = actors.iter().find(|actor| actor.name == "quic").expect("the door");
                if expected(door.state["memory_bytes"].as_u64().expect("a number")) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("the memory is taken and given back");
    }

    pub(crate) async fn close(self) {
        assert!(self.kernel.stop().await.is_empty(), "nobody had to be killed");
    }
}

struct Storage {
    signals: Arc<Signals>,
}

impl Actor for Storage {
    const NAME: &'static str = "storage";
}

impl Handler<ServeMethod> for Storage {
    fn handle(&mut self, asked: ServeMethod, _: &Context) -> Task<Result<Answer, storage::Error>> {
        let ServeMethod { method, params } = asked;
        if let Some(answer) = self.signals.script.lock().unwrap().get(&(method, params.clone())) {
            return done(Ok(answer.clone()));
        }
        let text = |text: &str| Ok(Answer { status: 200, body: Body::Text(text.to_owned()) });
        done(match params.as_ref() {
            b"" | b"{}" => Ok(Answer { status: 200, body: Body::Json(json!({ "b": [2], "a": 1 })) }),
            b"not ready" => Err(storage::Error::NotReady("not done syncing; not in any swarm".to_owned())),
            b"busy" => Err(CallError::Busy { actor: "storage", capacity: 1 }.into()),
            b"stopping" => Err(CallError::Stopping { actor: "storage" }.into()),
            b"disk" => Err(storage::Error::Store),
            b"panic" => panic!("asked to"),
            b"megabytes" => Ok(Answer { status: 200, body: Body::Binary(Bytes::from(vec![b'm'; 8 << 20])) }),
            b"too much" => Ok(Answer { status: 200, body: Body::Binary(Bytes::from(vec![b'm'; 10 << 20])) }),
            b"slow" => {
                let signals = Arc::clone(&self.signals);
                return task(async move {
                    signals.slow_began.notify_one();
                    signals.slow_may_end.notified().await;
                    Ok(Answer { status: 200, body: Body::Text("at last".to_owned()) })
                });
            }
            long => text(&format!("{} bytes", long.len())),
        })
    }
}

struct Relay;

impl Actor for Relay {
    const NAME: &'static str = "relay";
}

impl Handler<EnterOnion> for Relay {
    fn handle(
        &mut self,
        EnterOnion { frame, .. }: EnterOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, routing::Error>> {
        done(match frame.as_ref() {
            b"zz" => Ok(OnionAnswer {
                status: 400,
                body: Bytes::from_static(
                    b"Error parsing onion request: Unexpected payload size; expected ciphertext size",
                ),
            }),
            b"not ready" => Err(routing::Error::NotReady("not done syncing".to_owned())),
            frame => Ok(OnionAnswer { status: 200, body: [b"seen:", frame].concat().into() }),
        })
    }
}

struct Subscriptions {
    subscribed: mpsc::Sender<Link>,
}

impl Actor for Subscriptions {
    const NAME: &'static str = "subscriptions";
}

impl Handler<Subscribe> for Subscriptions {
    fn handle(
        &mut self,
        Subscribe { request, link }: Subscribe,
        _: &Context,
    ) -> Task<Result<Bytes, subscriptions::Error>> {
        if request.as_ref() != b"le" {
            return done(Ok(Bytes::from_static(b"d7:errcodei1e5:error1:?e")));
        }
        let subscribed = self.subscribed.clone();
        task(async move {
            subscribed.send(link).await.expect("the test listens");
            Ok(Bytes::from_static(b"d7:successi1ee"))
        })
    }
}
