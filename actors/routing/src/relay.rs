//! The node's half: peels one layer of an onion request and does what it finds (onion-requests §3 to §6).
//!
//! A request comes from a client as the outer frame ([`EnterOnion`]) or from another node as a dict ([`RelayOnion`]). After
//! one layer is opened on the CPU pool there are three ways on: this node is the destination and asks its storage; another
//! node is next and gets the rest over libp2p; or a web server is, which this node refuses. Whatever comes back from
//! further on is passed on as it is, and nobody is told who asked.

mod backlog;
mod config;
mod metrics;
mod refusal;
mod work;

use std::{rc::Rc, sync::Arc};

use starling_contracts::{
    routing::{EnterOnion, Error, OnionAnswer, RelayOnion},
    staking::{self, CurrentNodeList, NodeListChanged},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::debug;

pub use self::config::RelayConfig;
use self::work::{Arrival, Work};

/// Peels onion requests.
///
/// It waits for the first node list, answering `Snode not ready` meanwhile, and then follows every newer one.
pub struct Relay {
    work: Rc<Work>,
}

/// The relay, ready to be started.
pub fn spec(config: RelayConfig, node_key: Arc<ed25519::SecretKey>) -> Spec<Relay> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx: Context| {
        let (config, node_key) = (config.clone(), Arc::clone(&node_key));
        async move { Relay::start(config, &node_key, &ctx).await }
    })
    .bounds(bounds)
    .serves::<EnterOnion>()
    .serves::<RelayOnion>()
    .subscribes::<NodeListChanged>()
}

impl Relay {
    async fn start(config: RelayConfig, node_key: &ed25519::SecretKey, ctx: &Context) -> Result<Self, Fault> {
        config.validate().map_err(Fault::new)?;
        metrics::register();
        let work = Rc::new(Work::new(config, node_key, ctx));
        ctx.not_ready("no node list has been received yet");
        // The ledger may have spoken before this incarnation began to listen.
        match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
            Ok(list) => work.follow(list, ctx),
            Err(staking::Error::NoList) => {}
            Err(error) => debug!(%error, "waiting for the ledger to tell its list"),
        }
        Ok(Self { work })
    }
}

impl Actor for Relay {
    const NAME: &'static str = "relay";

    fn observe(&self) -> serde_json::Value {
        self.work.observe()
    }
}

impl Handler<EnterOnion> for Relay {
    fn handle(&mut self, EnterOnion { frame }: EnterOnion, _: &Context) -> Task<Result<OnionAnswer, Error>> {
        let work = Rc::clone(&self.work);
        task(async move { Ok(work.answer(Arrival::Client(frame)).await) })
    }
}

impl Handler<RelayOnion> for Relay {
    fn handle(
        &mut self,
        RelayOnion { dict, .. }: RelayOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, Error>> {
        let work = Rc::clone(&self.work);
        task(async move { Ok(work.answer(Arrival::Node(dict)).await) })
    }
}

impl Handler<NodeListChanged> for Relay {
    fn handle(
        &mut self,
        NodeListChanged { list }: NodeListChanged,
        ctx: &Context,
    ) -> Task<Result<(), CallError>> {
        self.work.follow(list, ctx);
        done(Ok(()))
    }
}
