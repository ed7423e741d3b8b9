//! The actor: opens the store, follows the node list, sweeps, and hands requests to the server.

use std::{
    path::PathBuf,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use starling_contracts::{
    staking::{CurrentNodeList, NodeListChanged},
    storage::{Answer, ApplyForwarded, Error, Forwarded, ServeRpc},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::{debug, warn};

use crate::{
    config::Config,
    metrics,
    serve::{NAME, Server},
    store::{RemoveExpired, Store},
};

/// Name of the store's file in the data folder.
const FILE: &str = "storage.redb";
/// Messages that one commit of a sweep deletes at most.
const SWEEP_LIMIT: usize = 1000;

/// Serves the storage RPC.
///
/// Clients get [`Error::NotReady`] until a node list is known in which this node is in a swarm, and again whenever that ends.
pub struct Storage {
    server: Rc<Server>,
    open: OpenStore,
}

/// The store outlives an incarnation of the actor: tasks of one that panicked may still hold it, and a file is opened once.
type OpenStore = Arc<Mutex<Option<Store>>>;

/// The actor, ready to be run. `node_key` signs what this node answers; the store lies in `data_dir`.
pub fn spec(config: Config, node_key: Arc<ed25519::SecretKey>, data_dir: PathBuf) -> Spec<Storage> {
    let bounds = config.bounds.clone();
    let open = OpenStore::default();
    Spec::new(move |ctx| {
        start(config.clone(), Arc::clone(&node_key), data_dir.join(FILE), Arc::clone(&open), ctx)
    })
    .bounds(bounds)
    .serves::<ServeRpc>()
    .serves::<ApplyForwarded>()
    .subscribes::<NodeListChanged>()
    .needs("staking")
    .needs("swarm")
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
    let store = open_store(&config, file, &open, &ctx).await?;
    let server = Rc::new(Server::new(ctx.clone(), store, key, config.fault_injection));
    ctx.not_ready(server.unready().unwrap_or_default());
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => server.follow(list),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    let sweeping = Rc::clone(&server);
    ctx.every(config.sweep, move || task(sweep(Rc::clone(&sweeping))));
    Ok(Storage { server, open })
}

async fn open_store(config: &Config, file: PathBuf, open: &OpenStore, ctx: &Context) -> Result<Store, Fault> {
    if let Some(store) = open.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return Ok(store);
    }
    let (options, clock) = (config.store_options(), Arc::clone(ctx.clock()));
    let panicked = format!("opening the message store {} panicked: the file may be damaged", file.display());
    let opening = ctx.pool().run(move || {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                Fault::caused_by(format!("the data folder {} cannot be made", folder.display()), error)
            })?;
        }
        // The sentence names the file and the cause, so that nothing is left for a chain of causes to say.
        Store::open(&file, options, clock).map_err(|error| Fault::new(error.to_string()))
    });
    let store = opening.await.map_err(|_| Fault::new(panicked))??;
    *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.clone());
    Ok(store)
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
                warn!(%error, "messages whose time is up could not be deleted; the next sweep tries again");
                return;
            }
        }
    }
}

impl Actor for Storage {
    const NAME: &'static str = NAME;

    /// Accepted writes are on disk before their callers are answered; this waits for those whose callers are gone.
    fn drain(&mut self) -> Task<()> {
        let store = self.server.store().clone();
        drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).take());
        task(async move { store.close().await })
    }

    fn observe(&self) -> serde_json::Value {
        json!({"serves_clients": self.server.unready().is_none()})
    }
}

impl Handler<ServeRpc> for Storage {
    fn handle(&mut self, ServeRpc { envelope }: ServeRpc, _: &Context) -> Task<Result<Answer, Error>> {
        task(Rc::clone(&self.server).rpc(envelope))
    }
}

impl Handler<ApplyForwarded> for Storage {
    fn handle(&mut self, write: ApplyForwarded, _: &Context) -> Task<Result<Forwarded, Error>> {
        let applying = Rc::clone(&self.server).apply(write.method, write.dict);
        task(async move {
            let outcome = applying.await;
            metrics::forwarded(match &outcome {
                Ok(Forwarded::Done(_)) => 200,
                Ok(Forwarded::Refused { code, .. }) => *code,
                Err(_) => 500,
            });
            outcome
        })
    }
}

impl Handler<NodeListChanged> for Storage {
    fn handle(&mut self, event: NodeListChanged, _: &Context) -> Task<Result<(), CallError>> {
        self.server.follow(event.list);
        done(Ok(()))
    }
}
