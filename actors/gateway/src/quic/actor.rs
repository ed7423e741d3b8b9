//! The actor: opens the door at the start, tells where it is, and closes it at the end.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use starling_contracts::gateway::QuicAddress;
use starling_kernel::{Actor, CallError, Context, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tokio::sync::{Semaphore, watch};
use tracing::info;

use super::{
    config::Config,
    desk::Desk,
    endpoint::{Socket, Terms},
    memory::Quota,
    metrics,
    reception::{Guests, Reception},
    visit::{Common, Limits},
};
use crate::{admission::Admission, error::Error};

/// What the door is told by the program rather than by the operator.
#[derive(Clone)]
pub struct Options {
    /// The node's key, which the door proves to clients.
    pub key: Arc<ed25519::SecretKey>,
    /// How often clients may ask, over all doors.
    pub admission: Arc<Admission>,
}

/// Serves clients over QUIC.
///
/// It is ready as soon as it listens: requests that come before the other actors are there are told to come back. A panic in a
/// request is that request's failure; one in the actor itself restarts it on the same port, and clients have to connect again.
pub struct QuicDoor {
    address: SocketAddr,
    socket: Arc<Socket>,
    closing: watch::Sender<bool>,
    /// Closed when everybody has left.
    left: watch::Receiver<()>,
    guests: Guests,
    memory: Quota,
}

/// The door, ready to be started. It needs nobody.
pub fn spec(config: Config, options: Options) -> Spec<QuicDoor> {
    let bounds = config.bounds.clone();
    let socket = Arc::new(Socket::new(config.listen));
    let config = Arc::new(config);
    Spec::new(move |ctx| {
        let (config, options, socket) = (Arc::clone(&config), options.clone(), Arc::clone(&socket));
        async move { Ok(QuicDoor::open(&config, &options, socket, &ctx)?) }
    })
    .bounds(bounds)
    .serves::<QuicAddress>()
    .own_thread()
}

impl QuicDoor {
    fn open(config: &Config, options: &Options, socket: Arc<Socket>, ctx: &Context) -> Result<Self, Error> {
        metrics::register();
        let terms = Terms::new(config, Arc::clone(&options.key))?;
        let entropy = Arc::clone(ctx.entropy());
        let (endpoint, address) = socket.open(&terms, &*entropy)?;
        let (closing, close) = watch::channel(false);
        let (staying, left) = watch::channel(());
        let guests = Guests::default();
        let memory = Quota::new(config.memory.as_u64());
        let common = Common {
            desk: Desk::new(Arc::clone(&options.admission), ctx),
            clock: Arc::clone(ctx.clock()),
            entropy,
            requests: Arc::new(Semaphore::new(config.requests)),
            memory: memory.clone(),
            limits: Limits {
                requests: config.requests_per_connection,
                memory: config.memory_per_connection.as_u64(),
                notices: config.notices,
                message_within: config.message_within,
                write_within: config.write_within,
            },
        };
        let reception = Reception {
            endpoint,
            terms,
            common: Rc::new(common),
            closing: close,
            max_connections: config.max_connections,
            per_address: config.connections_per_address,
            max_wide: config.wide_connections,
            handshake_within: config.handshake_within,
            // The rest is for the goodbye, before the kernel loses its patience.
            finish_within: config.bounds.drain_within / 2,
            guests: guests.clone(),
        };
        let (for_trouble, broken) = (ctx.clone(), Arc::clone(&socket));
        ctx.spawn(async move {
            if !reception.run().await {
                tracing::error!("the quic socket failed");
                broken.close();
                for_trouble.not_ready("the quic socket failed");
            }
            drop(staying);
        });
        info!(quic_port = address.port(), "listening");
        Ok(Self { address, socket, closing, left, guests, memory })
    }
}

impl Actor for QuicDoor {
    const NAME: &'static str = "quic";

    /// Accepts nothing more, and finishes the requests that were accepted.
    fn drain(&mut self) -> Task<()> {
        self.closing.send_replace(true);
        let (socket, mut left) = (Arc::clone(&self.socket), self.left.clone());
        task(async move {
            // An error is what is waited for: the sender is gone.
            while left.changed().await.is_ok() {}
            socket.close();
        })
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({
            "port": self.address.port(),
            "connections": self.guests.count(),
            "memory_bytes": self.memory.taken(),
        })
    }
}

impl Handler<QuicAddress> for QuicDoor {
    fn handle(&mut self, _: QuicAddress, _: &Context) -> Task<Result<SocketAddr, CallError>> {
        done(Ok(self.address))
    }
}
