//! The actor that takes what other members forward: a way in of its own, on which nothing waits for other nodes.
//!
//! A client's write keeps its place at the storage actor until the other members have answered. If forwarded writes needed a place
//! there too, two members with all places taken by clients would wait for each other.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use starling_contracts::{
    staking::{CurrentNodeList, NodeListChanged},
    storage::{ApplyForwarded, Error, Forwarded},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::debug;

use crate::{config::Config, metrics, open_store::OpenStore, serve::Server};

/// Applies what other members of the swarm forward. It waits for the disk, and for no other node.
///
/// It is started before the storage actor and drained after it, and so closes the store they share.
pub struct Replica {
    server: Rc<Server>,
    open: OpenStore,
}

/// The actor's name, which the storage actor needs.
pub(crate) const NAME: &str = "replica";

pub(crate) fn spec(
    config: Config,
    key: Arc<ed25519::SecretKey>,
    file: PathBuf,
    open: OpenStore,
) -> Spec<Replica> {
    let bounds = config.replica_bounds.clone();
    Spec::new(move |ctx| start(config.clone(), Arc::clone(&key), file.clone(), open.clone(), ctx))
        .bounds(bounds)
        .serves::<ApplyForwarded>()
        .subscribes::<NodeListChanged>()
        .needs("staking")
}

async fn start(
    config: Config,
    key: Arc<ed25519::SecretKey>,
    file: PathBuf,
    open: OpenStore,
    ctx: Context,
) -> Result<Replica, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register();
    let store = open.get(&config, file, &ctx).await?;
    let server = Rc::new(Server::new(ctx.clone(), store, key, &Config { fault_injection: false, ..config }));
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => server.follow(list),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    Ok(Replica { server, open })
}

impl Actor for Replica {
    const NAME: &'static str = NAME;

    /// Accepted writes are on disk before their callers are answered; this waits for those whose callers are gone.
    fn drain(&mut self) -> Task<()> {
        let store = self.server.store().clone();
        self.open.forget();
        task(async move { store.close().await })
    }
}

impl Handler<ApplyForwarded> for Replica {
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

impl Handler<NodeListChanged> for Replica {
    fn handle(&mut self, event: NodeListChanged, _: &Context) -> Task<Result<(), CallError>> {
        self.server.follow(event.list);
        done(Ok(()))
    }
}
