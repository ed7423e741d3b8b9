//! The node's half: peels one layer of an onion request and does what it finds (onion-requests §3 to §6).
//!
//! A request comes from a client as the outer frame ([`EnterOnion`]) or from another node as a dict ([`RelayOnion`]). After
//! one layer is opened on the CPU pool there are three ways on: this node is the destination and asks its storage; another
//! node is next and gets the rest over libp2p; or a web server is, which is asked as far as the operator allows it. Whatever
//! comes back from further on is passed on as it is, and nobody is told who asked.
//!
//! Before its layer is opened a request waits for its turn among those of its link: the node that passed it on, or the
//! address that its client came from. Who brings more than this node can do waits for himself.

mod backlog;
mod config;
mod fair;
mod metrics;
mod refusal;
mod turnstile;
mod web;
mod work;

use std::{rc::Rc, sync::Arc};

use starling_contracts::{
    routing::{EnterOnion, Error, OnionAnswer, RelayOnion},
    staking::{self, CurrentNodeList, NodeListChanged},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tracing::debug;

pub use self::{config::RelayConfig, web::WebConfig};
use self::{
    fair::Link,
    refusal::Refusal,
    work::{Arrival, Work},
};

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
        let work = Rc::new(Work::new(config, node_key, ctx).map_err(Fault::new)?);
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
    fn handle(
        &mut self,
        EnterOnion { frame, origin }: EnterOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, Error>> {
        let waiting = self.work.queue(Link::Client(origin), frame.len());
        let work = Rc::clone(&self.work);
        task(async move {
            // The door has its own words for a node that is busy, and says when to come back.
            let turn = match waiting {
                Ok(waiting) => waiting.turn().await,
                Err(full) => Err(full),
            };
            let turn = turn.map_err(|_| work.crowded())?;
            Ok(work.answer(Arrival::Client(frame), turn).await)
        })
    }
}

impl Handler<RelayOnion> for Relay {
    fn handle(
        &mut self,
        RelayOnion { dict, from }: RelayOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, Error>> {
        let waiting = self.work.queue(Link::Node(from), dict.len());
        let work = Rc::clone(&self.work);
        task(async move {
            let turn = match waiting {
                Ok(waiting) => waiting.turn().await,
                Err(full) => Err(full),
            };
            Ok(match turn {
                Ok(turn) => work.answer(Arrival::Node(dict), turn).await,
                // For the node that passed it on, this one is the next hop.
                Err(_) => work.refuse(&Refusal::Congested),
            })
        })
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
