//! The actor: opens the doors at the start, tells where they are, and closes them at the end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    web::{Data, to},
};
use rustls::ServerConfig;
use starling_contracts::gateway::{ListenAddresses, Listening};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::{error, info};

use crate::{
    admission::Admission, certificate, config::Config, edge::Edge, error::Error, intake, listener::Listener,
    metrics, operator::Desk,
};

/// What the gateway is told by the program rather than by the operator.
#[derive(Clone)]
pub struct Options {
    /// How the node shows itself; a pure client has no HTTPS API.
    pub node: Option<NodeFace>,
    /// Renders all metrics in the text form of Prometheus.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// This program's own version.
    pub version: &'static str,
    /// How often clients may ask, over all doors.
    pub admission: Arc<Admission>,
    /// Where certificate and key lie.
    pub data_dir: PathBuf,
}

/// How a node shows itself to the network.
#[derive(Debug, Clone)]
pub struct NodeFace {
    /// The key that reachability tests are answered with.
    pub legacy: ed25519::PublicKey,
    /// The version of the network's software that it is compatible with.
    pub version: [u16; 3],
}

/// Serves the network's HTTPS API and the operator's endpoints.
///
/// It is ready as soon as it listens: requests that come before the other actors are there are told to come back, and
/// `/readyz` tells why. The HTTP threads are its own; a panic in a request handler is answered with 500 and harms nobody.
pub struct Gateway {
    listening: Listening,
    doors: Doors,
}

/// The running servers; dropping them stops them at once.
struct Doors {
    handles: Vec<ServerHandle>,
    listeners: Arc<Listeners>,
}

/// The sockets of all incarnations.
struct Listeners {
    https: Listener,
    operator: Listener,
}

/// The gateway, ready to be started. It needs nobody, and should be given to the kernel first.
pub fn spec(config: Config, options: Options) -> Spec<Gateway> {
    let bounds = config.bounds.clone();
    let listeners = Arc::new(Listeners {
        https: Listener::new("gateway.https", config.https),
        operator: Listener::new("gateway.operator", config.operator),
    });
    let config = Arc::new(config);
    Spec::new(move |ctx| {
        let (config, options, listeners) = (Arc::clone(&config), options.clone(), Arc::clone(&listeners));
        async move { Gateway::open(&config, &options, listeners, &ctx).await }
    })
    .bounds(bounds)
    .serves::<ListenAddresses>()
}

impl Gateway {
    async fn open(
        config: &Config,
        options: &Options,
        listeners: Arc<Listeners>,
        ctx: &Context,
    ) -> Result<Self, Fault> {
        config.validate().map_err(Fault::new)?;
        metrics::register();
        Ok(Self::open_doors(config, options, listeners, ctx).await?)
    }

    async fn open_doors(
        config: &Config,
        options: &Options,
        listeners: Arc<Listeners>,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let mut doors = Doors { handles: Vec::new(), listeners };
        let (desk, operator) = operator(config, options, &doors.listeners, ctx)?;
        doors.run("operator", desk, ctx);
        let mut https = None;
        if let Some(face) = &options.node {
            let tls = tls(options, ctx).await?;
            let admission = Arc::clone(&options.admission);
            let (edge, address) = edge(config, face, Arc::clone(&admission), tls, &doors.listeners, ctx)?;
            let clock = Arc::clone(ctx.clock());
            ctx.every(SWEEP_EVERY, move || {
                admission.sweep(clock.elapsed());
                done(())
            });
            doors.run("https", edge, ctx);
            https = Some(address);
        }
        let listening = Listening { https, operator: Some(operator), quic: None, omq: None };
        info!(
            https_port = listening.https.map(|address| address.port()),
            operator_port = operator.port(),
            "listening"
        );
        Ok(Self { listening, doors })
    }
}

async fn tls(options: &Options, ctx: &Context) -> Result<ServerConfig, Error> {
    let (data_dir, now_ms) = (options.data_dir.clone(), ctx.clock().now_ms());
    ctx.pool().run(move || certificate::tls(&data_dir, now_ms)).await.map_err(Error::Pool)?
}

fn operator(
    config: &Config,
    options: &Options,
    listeners: &Listeners,
    ctx: &Context,
) -> Result<(Server, SocketAddr), Error> {
    let (listener, address) = listeners.operator.open()?;
    let desk = Data::new(Desk::new(options, ctx));
    let app = move || App::new().app_data(desk.clone()).default_service(to(Desk::serve));
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(OPERATOR_CONNECTIONS)
        .client_request_timeout(config.head_within)
        .disable_signals()
        .listen(listener)
        .map_err(Error::Server)?
        .run();
    Ok((server, address))
}

fn edge(
    config: &Config,
    face: &NodeFace,
    admission: Arc<Admission>,
    tls: ServerConfig,
    listeners: &Listeners,
    ctx: &Context,
) -> Result<(Server, SocketAddr), Error> {
    let (listener, address) = listeners.https.open()?;
    let edge = Data::new(Edge::new(config, face, admission, ctx));
    let server =
        intake::server(config, listener, tls, edge, Arc::clone(ctx.clock())).map_err(Error::Server)?;
    Ok((server, address))
}

/// How often callers who have been quiet are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The operator, their browser and their Prometheus; no more are expected.
const OPERATOR_CONNECTIONS: usize = 64;

impl Doors {
    /// Runs a server on this thread's runtime rather than as a task of the actor: it has to be alive to be drained.
    fn run(&mut self, door: &'static str, server: Server, ctx: &Context) {
        self.handles.push(server.handle());
        let ctx = ctx.clone();
        actix_rt::spawn(async move {
            if let Err(error) = server.await {
                error!(door, %error, "the http server ended badly");
                ctx.not_ready(format!("the {door} server ended: {error}"));
            }
        });
    }

    fn stop_gracefully(&mut self) -> Task<()> {
        let stopping: Vec<_> = self.handles.drain(..).map(|handle| handle.stop(true)).collect();
        self.listeners.https.close();
        self.listeners.operator.close();
        task(async move {
            futures::future::join_all(stopping).await;
        })
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        for handle in self.handles.drain(..) {
            // The command is given by the call; nobody is left to wait for its end.
            drop(handle.stop(false));
        }
    }
}

impl Actor for Gateway {
    const NAME: &'static str = "gateway";

    /// Accepts nothing more, and finishes the requests that were accepted.
    fn drain(&mut self) -> Task<()> {
        self.doors.stop_gracefully()
    }

    fn observe(&self) -> serde_json::Value {
        let port = |address: Option<SocketAddr>| address.map(|address| address.port());
        serde_json::json!({
            "https_port": port(self.listening.https),
            "operator_port": port(self.listening.operator),
        })
    }
}

impl Handler<ListenAddresses> for Gateway {
    fn handle(&mut self, _: ListenAddresses, _: &Context) -> Task<Result<Listening, CallError>> {
        done(Ok(self.listening.clone()))
    }
}
