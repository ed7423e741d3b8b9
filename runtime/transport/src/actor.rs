//! The actor: takes questions, hands them to the driver or to the HTTPS client, and keeps their deadlines.

use std::{
    cell::Cell,
    panic::resume_unwind,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use starling_contracts::{
    staking::{CurrentNodeList, NodeListChanged},
    subscriptions::Notice,
    transport::{
        CallPeer, Error, FetchWeb, HttpsAnswer, ListenAddresses, Listening, PeerAddress, PostHttps, PostWeb,
        Protocol, SubscribePeer, WebAnswer, WebPage,
    },
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, RateLimiter, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::AbortHandle,
};

use crate::{
    behaviour::{self, Budgets},
    budget::Body,
    config::{Carrier, Config},
    driver::{Addresses, Command, Driver, Parts},
    gate::Guests,
    https::Https,
    identity,
    inbound::Desk,
    limits::{Limits, longest},
    listen,
    metrics::{self, Direction},
    peer::Call,
    web::{Outside, Web},
};

/// Commands to the driver beside calls: node lists, and the one to drain.
const OTHER_COMMANDS: usize = 16;

/// How often strangers who have been quiet are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Answers [`CallPeer`], [`SubscribePeer`], [`PostHttps`], [`PostWeb`], [`FetchWeb`] and [`ListenAddresses`]; serves peers where it listens.
pub struct Transport {
    config: Config,
    commands: mpsc::Sender<Command>,
    budgets: Budgets,
    https: Rc<Https>,
    https_places: Arc<Semaphore>,
    web: Rc<Web>,
    addresses: Addresses,
    own: ed25519::PublicKey,
    peer_id: libp2p::PeerId,
    port: u16,
    _driver: Running,
}

/// The driver's task, which ends with the actor.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The transport as an actor to be started.
///
/// `identity` is a node's Ed25519 key; without one, a key is made up that is forgotten with the process. With `listen`,
/// it takes its port before it is ready and serves peers; without, it only calls them.
pub fn spec(config: Config, identity: Option<Arc<ed25519::SecretKey>>, listen: bool) -> Spec<Transport> {
    spec_with(config, identity, listen, Outside::default())
}

/// As [`spec`], with names, connections and trusted certificates for web servers from elsewhere than the system.
pub fn spec_with(
    config: Config,
    identity: Option<Arc<ed25519::SecretKey>>,
    listen: bool,
    outside: Outside,
) -> Spec<Transport> {
    let bounds = config.bounds.clone();
    // A restart must come back where the node list says it is.
    let port = Arc::new(AtomicU16::new(0));
    Spec::new(move |ctx| {
        start(ctx, config.clone(), identity.clone(), listen, outside.clone(), Arc::clone(&port))
    })
    .bounds(bounds)
    .own_thread()
    .serves::<CallPeer>()
    .serves::<SubscribePeer>()
    .serves::<PostHttps>()
    .serves::<PostWeb>()
    .serves::<FetchWeb>()
    .serves::<ListenAddresses>()
    .subscribes::<NodeListChanged>()
}

async fn start(
    ctx: Context,
    config: Config,
    identity: Option<Arc<ed25519::SecretKey>>,
    listen: bool,
    outside: Outside,
    port: Arc<AtomicU16>,
) -> Result<Transport, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register();
    let key = identity.unwrap_or_else(|| Arc::new(ed25519::SecretKey::from_seed(ctx.entropy().bytes())));
    let keypair = identity::keypair(&key)
        .map_err(|error| Fault::caused_by("the node's key could not be used for libp2p", error))?;
    let peer_id = keypair.public().to_peer_id();
    let guests = Guests::default();
    let budgets = Budgets::of(&Limits::of(config.memory));
    let mut swarm = behaviour::build(&config, keypair, listen, Rc::clone(&guests), &budgets, ctx.clock())
        .map_err(|error| Fault::caused_by("libp2p could not be set up", error))?;
    let addresses = Addresses::default();
    if listen {
        let again = Some(port.load(Ordering::Acquire)).filter(|port| *port != 0);
        let bound = listen::bind(&mut swarm, &config, again, ctx.clock()).await?;
        port.store(bound.port, Ordering::Release);
        *addresses.borrow_mut() = bound.addresses;
        if let Some(ip) = config.public_ip {
            let public = std::net::SocketAddrV4::new(ip, bound.port);
            config.carriers.iter().for_each(|carrier| {
                swarm.add_external_address(identity::multiaddr(public, *carrier));
            });
        }
    }
    let rate = Rc::new(RateLimiter::new(config.rate));
    let (commands, received) = mpsc::channel(config.calls + OTHER_COMMANDS);
    let driver = Driver::new(Parts {
        swarm,
        config: config.clone(),
        own: key.public(),
        desk: Desk::new(&ctx, &key.public()),
        guests,
        rate: Rc::clone(&rate),
        notices: budgets.notices.clone(),
        addresses: Rc::clone(&addresses),
        clock: Arc::clone(ctx.clock()),
        entropy: Arc::clone(ctx.entropy()),
        commands: received,
    });
    let running = run(&ctx, driver);
    let clock = Arc::clone(ctx.clock());
    ctx.every(SWEEP_EVERY, move || {
        rate.sweep(clock.elapsed());
        done(())
    });
    let https = Rc::new(Https::new(Arc::clone(ctx.clock()))?);
    let https_places = Arc::new(Semaphore::new(config.https_calls));
    let web = Rc::new(Web::new(&config, outside, &budgets, Rc::clone(&addresses), &ctx));
    ask_for_node_list(&ctx, commands.clone(), Rc::clone(&web), key.public());
    let port = port.load(Ordering::Acquire);
    Ok(Transport {
        config,
        commands,
        budgets,
        https,
        https_places,
        web,
        addresses,
        own: key.public(),
        peer_id,
        port,
        _driver: running,
    })
}

/// Runs the driver beside the mailbox. It outlives the tasks of the context, because draining needs it; a panic in it
/// restarts the actor all the same.
fn run(ctx: &Context, driver: Driver) -> Running {
    let handle = tokio::task::spawn_local(driver.run());
    let running = Running(handle.abort_handle());
    ctx.spawn(async move {
        if let Err(error) = handle.await
            && let Ok(panic) = error.try_into_panic()
        {
            resume_unwind(panic);
        }
    });
    running
}

/// The last change may have been told before this actor, or this incarnation of it, was there.
fn ask_for_node_list(ctx: &Context, commands: mpsc::Sender<Command>, web: Rc<Web>, own: ed25519::PublicKey) {
    let ledger = ctx.recipient::<CurrentNodeList>();
    ctx.spawn(async move {
        if let Ok(list) = ledger.ask(CurrentNodeList).await {
            web.is_listed_at(list.node(&own).map(|node| node.public_ip));
            // A driver that is gone takes the actor with it.
            let _ = commands.send(Command::NodeList(list)).await;
        }
    });
}

impl Transport {
    /// The name in errors about its own bounds.
    pub(crate) const NAME_IN_ERRORS: &'static str = <Self as Actor>::NAME;

    /// Hands a request to the driver, and keeps its deadline.
    fn call(
        &self,
        peer: &PeerAddress,
        protocol: Protocol,
        body: Bytes,
        notices: Option<mpsc::Sender<Notice>>,
        deadline: Duration,
        ctx: &Context,
    ) -> Task<Result<Bytes, Error>> {
        let deadline = deadline.min(self.config.longest_request);
        let (limit, _) = longest(protocol);
        let size = body.len();
        let busy = CallError::Busy { actor: Self::NAME, capacity: self.config.calls };
        let is_connected = Rc::new(Cell::new(false));
        let (answer, answered) = oneshot::channel();
        let accepted = if size > limit {
            Err(Error::TooLarge { what: "request", size, limit })
        } else {
            Body::paid(body, &self.budgets.outbound)
                .ok_or(busy.clone())
                .and_then(|body| {
                    let call =
                        Call { protocol, body, answer, is_connected: Rc::clone(&is_connected), notices };
                    self.commands.try_send(Command::Call(peer.clone(), call)).map_err(|error| match error {
                        mpsc::error::TrySendError::Full(_) => busy,
                        mpsc::error::TrySendError::Closed(_) => CallError::Stopping { actor: Self::NAME },
                    })
                })
                .map_err(Error::from)
        };
        let late = ctx.clock().sleep(deadline);
        task(async move {
            let result = match accepted {
                Ok(()) => tokio::select! {
                    biased;
                    answer = answered => answer.unwrap_or_else(|_| Err(lost())),
                    () = late => Err(too_late(deadline, is_connected.get())),
                },
                Err(error) => Err(error),
            };
            metrics::request_out(protocol, &result);
            if let Ok(answer) = &result {
                metrics::bytes(protocol, Direction::Out, size);
                metrics::bytes(protocol, Direction::In, answer.len());
            }
            result
        })
    }
}

impl Actor for Transport {
    const NAME: &'static str = "transport";

    fn drain(&mut self) -> Task<()> {
        let commands = self.commands.clone();
        task(async move {
            let (done, drained) = oneshot::channel();
            if commands.send(Command::Drain(done)).await.is_ok() {
                // Without a driver there is nothing left to drain.
                let _ = drained.await;
            }
        })
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "port": self.port, "https_places": self.https_places.available_permits() })
    }
}

impl Handler<CallPeer> for Transport {
    fn handle(&mut self, call: CallPeer, ctx: &Context) -> Task<Result<Bytes, Error>> {
        let CallPeer { peer, protocol, body, deadline } = call;
        if protocol == Protocol::Notify {
            // Peers are notified because they subscribed, and of nothing else.
            return done(Err(Error::NotServed { protocol }));
        }
        self.call(&peer, protocol, body, None, deadline, ctx)
    }
}

impl Handler<SubscribePeer> for Transport {
    fn handle(&mut self, subscribe: SubscribePeer, ctx: &Context) -> Task<Result<Bytes, Error>> {
        let SubscribePeer { peer, request, notices, deadline } = subscribe;
        self.call(&peer, Protocol::Monitor, request, Some(notices), deadline, ctx)
    }
}

impl Handler<PostHttps> for Transport {
    fn handle(&mut self, post: PostHttps, _: &Context) -> Task<Result<HttpsAnswer, Error>> {
        let Ok(place) = Arc::clone(&self.https_places).try_acquire_owned() else {
            let busy = Err(CallError::Busy { actor: Self::NAME, capacity: self.config.https_calls }.into());
            metrics::https_request(&busy);
            return done(busy);
        };
        let https = Rc::clone(&self.https);
        task(async move {
            let size = post.body.len();
            let result = https.post(post).await;
            metrics::https_request(&result);
            if let Ok(answer) = &result {
                metrics::https_bytes(Direction::Out, size);
                metrics::https_bytes(Direction::In, answer.body.len());
            }
            drop(place);
            result
        })
    }
}

impl Handler<PostWeb> for Transport {
    fn handle(&mut self, post: PostWeb, _: &Context) -> Task<Result<WebAnswer, Error>> {
        let web = Rc::clone(&self.web);
        task(async move {
            let size = post.body.len();
            let result = web.post(post).await;
            metrics::web_request(&result);
            if let Ok(answer) = &result {
                metrics::web_bytes(Direction::Out, size);
                metrics::web_bytes(Direction::In, answer.body.len());
            }
            result
        })
    }
}

impl Handler<FetchWeb> for Transport {
    fn handle(&mut self, fetch: FetchWeb, _: &Context) -> Task<Result<WebPage, Error>> {
        let web = Rc::clone(&self.web);
        task(async move {
            let size = fetch.body.len();
            let result = web.fetch(fetch).await;
            metrics::web_fetch(&result);
            if let Ok(page) = &result {
                metrics::web_fetch_bytes(Direction::Out, size);
                metrics::web_fetch_bytes(Direction::In, page.body.len());
            }
            result
        })
    }
}

impl Handler<ListenAddresses> for Transport {
    fn handle(&mut self, _: ListenAddresses, _: &Context) -> Task<Result<Listening, Error>> {
        let peer_id = self.peer_id.to_string();
        let port = self.port;
        let public = |carrier: &Carrier| {
            let ip = self.config.public_ip.filter(|_| port != 0)?;
            Some(identity::multiaddr(std::net::SocketAddrV4::new(ip, port), *carrier))
        };
        let public: Vec<_> = self.config.carriers.iter().filter_map(public).collect();
        let own = self.addresses.borrow();
        let addresses =
            public.iter().chain(own.iter()).map(|address| format!("{address}/p2p/{peer_id}")).collect();
        done(Ok(Listening { peer_id, port, addresses }))
    }
}

impl Handler<NodeListChanged> for Transport {
    fn handle(
        &mut self,
        NodeListChanged { list }: NodeListChanged,
        _: &Context,
    ) -> Task<Result<(), CallError>> {
        self.web.is_listed_at(list.node(&self.own).map(|node| node.public_ip));
        let commands = self.commands.clone();
        task(async move {
            let gone = CallError::Stopping { actor: Self::NAME };
            commands.send(Command::NodeList(list)).await.map_err(|_| gone)
        })
    }
}

fn lost() -> Error {
    Error::Broken("the transport was restarted".to_owned())
}

fn too_late(deadline: Duration, is_connected: bool) -> Error {
    let within_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    match is_connected {
        true => Error::TimedOut { within_ms },
        false => Error::Unreachable(format!("no connection within {within_ms} ms")),
    }
}
