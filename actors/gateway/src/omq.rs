//! The OxenMQ door (storage-rpc §1.2): ZeroMQ with CURVE, for push servers and for whoever asks in that way.
//!
//! Three parts, in the order that a request meets them:
//! - the guard accepts connections, bounds them, and passes their bytes on to libzmq;
//! - the socket is libzmq's, on a thread of its own; what needs no other actor it answers itself;
//! - the clerk asks the storage and the subscriptions, and encodes what they say.
//!
//! The port is held across restarts of the actor. Connections are not: clients reconnect and subscribe again.

mod clerk;
mod config;
mod error;
mod guard;
mod line;
mod metrics;
mod socket;

use std::{
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use starling_contracts::gateway::{OmqAddress, QuicAddress};
use starling_kernel::{Actor, Bounds, CallError, Clock, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tracing::info;

pub use self::config::Config;
use self::{
    clerk::Clerk,
    error::Error,
    guard::Guard,
    line::Lines,
    socket::{Desk, Outgoing, Outlet, Running},
};
use crate::{admission::Admission, listener::Listener};

/// What the door is told by the program rather than by the operator.
#[derive(Clone)]
pub struct Options {
    /// The node's key; its X25519 image is what clients expect of the server.
    pub key: Arc<ed25519::SecretKey>,
    /// How often clients may ask, over all doors.
    pub admission: Arc<Admission>,
}

/// Serves the storage and the subscriptions over OxenMQ.
pub struct OmqDoor {
    address: SocketAddr,
    lines: Lines,
    max_requests: usize,
    outlet: Outlet,
    ended: watch::Receiver<()>,
    drain_within: Duration,
    clock: Arc<dyn Clock>,
    /// Set when nobody is let in any more.
    closing: watch::Sender<bool>,
    place: Arc<Doorway>,
}

/// What outlives an incarnation.
struct Doorway {
    listener: Mutex<Option<Arc<Listener>>>,
    /// Held by the thread of the incarnation that runs.
    alone: Arc<tokio::sync::Mutex<()>>,
}

/// The door, ready to be started. It needs nobody: requests that come before the other actors are there are told to come back.
pub fn spec(config: Config, bounds: Bounds, options: Options) -> Spec<OmqDoor> {
    let config = Arc::new(config);
    let drain_within = bounds.drain_within;
    let doorway = Arc::new(Doorway { listener: Mutex::default(), alone: Arc::default() });
    Spec::new(move |ctx| {
        let (config, options, doorway) = (Arc::clone(&config), options.clone(), Arc::clone(&doorway));
        async move { OmqDoor::open(&config, &options, doorway, drain_within, &ctx).await }
    })
    .bounds(bounds)
    .own_thread()
    .serves::<OmqAddress>()
}

impl OmqDoor {
    async fn open(
        config: &Config,
        options: &Options,
        place: Arc<Doorway>,
        drain_within: Duration,
        ctx: &Context,
    ) -> Result<Self, Fault> {
        config.validate().map_err(Fault::new)?;
        metrics::register();
        guard::has_many_loopback_addresses().map_err(Error::OneLoopback)?;
        let (listener, address) = place.open(config.listen, ctx).await.map_err(Error::Listen)?;
        let listener = TcpListener::from_std(listener).map_err(Error::System)?;
        let alone = Arc::clone(&place.alone).lock_owned().await;
        let lines = Lines::new(config);
        let (jobs, to_do) = mpsc::channel(config.max_requests);
        let desk = Desk {
            lines: lines.clone(),
            admission: Arc::clone(&options.admission),
            clock: Arc::clone(ctx.clock()),
            jobs,
        };
        let Running { outlet, ended, inner } = socket::start(&options.key.to_x25519(), desk, alone)?;
        let clerk = Rc::new(Clerk::new(outlet.clone(), ctx.clone()));
        ctx.spawn(clerk.work(to_do));
        let guard = Guard {
            lines: lines.clone(),
            max_connections: config.max_connections,
            progress_within: config.progress_within,
            idle_within: config.idle_within,
            inner,
            clock: Arc::clone(ctx.clock()),
        };
        let closing = watch::Sender::new(false);
        ctx.spawn(restart_without(ended.clone(), closing.subscribe()));
        ctx.spawn(Arc::new(guard).accept(listener, closing.subscribe(), ctx.clone()));
        info!(omq_port = address.port(), "listening");
        let (max_requests, clock) = (config.max_requests, Arc::clone(ctx.clock()));
        Ok(Self { address, lines, max_requests, outlet, ended, drain_within, clock, closing, place })
    }
}

/// Has the actor restarted when the socket's thread has ended although nobody told it to.
async fn restart_without(mut thread: watch::Receiver<()>, closing: watch::Receiver<bool>) {
    while thread.changed().await.is_ok() {}
    assert!(*closing.borrow(), "the openmq thread has ended");
}

impl Doorway {
    /// The socket that clients connect to: at the first start a new one, afterwards the same.
    async fn open(
        &self,
        wanted: SocketAddr,
        ctx: &Context,
    ) -> Result<(std::net::TcpListener, SocketAddr), crate::error::Error> {
        let held = self.lock().clone();
        if let Some(listener) = held {
            return listener.open();
        }
        let bind = |address| {
            let listener = Arc::new(Listener::new("gateway.omq.listen", address));
            let opened = listener.open()?;
            *self.lock() = Some(listener);
            Ok(opened)
        };
        if wanted.port() == 0
            && let Ok(quic) = ctx.recipient::<QuicAddress>().ask(QuicAddress).await
            // The list of nodes has one number for both; who asked for any port can do without.
            && let Ok(opened) = bind(SocketAddr::new(wanted.ip(), quic.port()))
        {
            return Ok(opened);
        }
        bind(wanted)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Listener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Actor for OmqDoor {
    const NAME: &'static str = "omq";

    /// Lets nobody in any more, answers what was accepted, and sends it.
    fn drain(&mut self) -> Task<()> {
        self.closing.send_replace(true);
        if let Some(listener) = self.place.lock().take() {
            listener.close();
        }
        let requests = Arc::clone(self.lines.requests());
        let all = u32::try_from(self.max_requests).unwrap_or(u32::MAX);
        let (outlet, mut ended, clock) = (self.outlet.clone(), self.ended.clone(), Arc::clone(&self.clock));
        // A third for the requests, a third for what is to be sent, and the rest to spare.
        let share = self.drain_within / 3;
        let linger = i32::try_from(share.as_millis()).unwrap_or(i32::MAX).min(socket::LINGER);
        task(async move {
            // Held to the end: who asks from now on is told that the server is busy.
            let _answered = tokio::select! {
                all = requests.acquire_many_owned(all) => all.ok(),
                () = clock.sleep(share) => None,
            };
            outlet.send(Outgoing::Stop { linger }).await;
            while ended.changed().await.is_ok() {}
        })
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "port": self.address.port(), "connections": self.lines.count() })
    }
}

impl Handler<OmqAddress> for OmqDoor {
    fn handle(&mut self, _: OmqAddress, _: &Context) -> Task<Result<SocketAddr, CallError>> {
        done(Ok(self.address))
    }
}
