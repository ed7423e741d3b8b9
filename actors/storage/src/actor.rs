//! The actor: opens the store, follows the node list, sweeps, and hands requests to the server.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use serde_json::json;
use starling_contracts::{
    staking::{CurrentNodeList, NodeListChanged},
    storage::{Answer, Error, Figures, ServeMethod, ServeRpc, Statistics},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::debug;

use crate::{
    announce::announce,
    config::Config,
    mend::mend,
    metrics,
    open_store::OpenStore,
    replica::{self, Replica},
    serve::{NAME, Server},
    store::RemoveExpired,
};

/// Name of the store's file in the data folder.
const FILE: &str = "storage.redb";
/// Messages that one commit of a sweep deletes at most.
const SWEEP_LIMIT: usize = 1000;

/// Serves the storage RPC.
///
/// Writes are answered when the other members have answered or were given up on; what these forward comes in by [`Replica`].
/// Clients get [`Error::NotReady`] until a node list is known in which this node is in a swarm, and again whenever that ends.
pub struct Storage {
    server: Rc<Server>,
}

/// The actors, ready to be run: the way in for other members, and the one for clients, which needs the first.
///
/// `node_key` signs what this node answers; the store lies in `data_dir`.
pub fn specs(
    config: Config,
    node_key: Arc<ed25519::SecretKey>,
    data_dir: PathBuf,
) -> (Spec<Replica>, Spec<Storage>) {
    let (open, file) = (OpenStore::default(), data_dir.join(FILE));
    let replica = replica::spec(config.clone(), Arc::clone(&node_key), file.clone(), open.clone());
    let bounds = config.bounds.clone();
    let storage =
        Spec::new(move |ctx| start(config.clone(), Arc::clone(&node_key), file.clone(), open.clone(), ctx))
            .bounds(bounds)
            .serves::<ServeRpc>()
            .serves::<ServeMethod>()
            .serves::<Statistics>()
            .subscribes::<NodeListChanged>()
            .needs("staking")
            .needs("swarm")
            .needs(replica::NAME);
    (replica, storage)
}

async fn start(
    config: Config,
    key: Arc<ed25519::SecretKey>,
    file: PathBuf,
    open: OpenStore,
    ctx: Context,
) -> Result<Storage, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register();
    let store = open.get(&config, file, &ctx).await?;
    let server = Rc::new(Server::new(ctx.clone(), store, key, &config));
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => server.follow(list),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    metrics::capacity(config.capacity.as_u64());
    server.tell_readiness();
    ctx.spawn(announce(server.store().news(), ctx.clone()));
    let told = Rc::clone(&server);
    ctx.spawn(mend(server.store().clone(), ctx.clone(), move || told.tell_readiness()));
    let sweeping = Rc::clone(&server);
    ctx.every(config.sweep, move || task(sweep(Rc::clone(&sweeping))));
    Ok(Storage { server })
}

/// Deletes what is due, a bounded number per commit.
async fn sweep(server: Rc<Server>) {
    loop {
        let now = server.now();
        match server.store().write(RemoveExpired { now, limit: SWEEP_LIMIT }).await {
            Ok(n_removed) => {
                metrics::expired(n_removed);
                if n_removed < SWEEP_LIMIT {
                    return;
                }
            }
            Err(error) => {
                // Whoever sends enough writes keeps the writer busy; and of failed commits the writer has told.
                debug!(%error, "messages whose time is up could not be deleted; the next sweep tries again");
                return;
            }
        }
    }
}

impl Actor for Storage {
    const NAME: &'static str = NAME;

    fn observe(&self) -> serde_json::Value {
        json!({"serves_clients": self.server.unready().is_none()})
    }
}

impl Handler<ServeRpc> for Storage {
    fn handle(&mut self, ServeRpc { envelope }: ServeRpc, _: &Context) -> Task<Result<Answer, Error>> {
        task(Rc::clone(&self.server).rpc(envelope))
    }
}

impl Handler<ServeMethod> for Storage {
    fn handle(
        &mut self,
        ServeMethod { method, params }: ServeMethod,
        _: &Context,
    ) -> Task<Result<Answer, Error>> {
        task(Rc::clone(&self.server).call(method, params))
    }
}

impl Handler<Statistics> for Storage {
    fn handle(&mut self, _: Statistics, _: &Context) -> Task<Result<Figures, Error>> {
        let server = Rc::clone(&self.server);
        task(async move { server.figures().await })
    }
}

impl Handler<NodeListChanged> for Storage {
    fn handle(&mut self, event: NodeListChanged, _: &Context) -> Task<Result<(), CallError>> {
        self.server.follow(event.list);
        self.server.tell_readiness();
        done(Ok(()))
    }
}
