//! The actor: keeps the ring of the newest node list, and answers from it.

use serde_json::json;
use starling_contracts::{
    staking::{CurrentNodeList, NodeList, NodeListChanged},
    swarm::{Error, SwarmFor, SwarmView},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done};
use starling_protocol::crypto::ed25519;
use tracing::{debug, info};

use crate::{config::Config, metrics, ring::Ring};

/// Answers which swarm keeps an account, at once: nothing it does waits for another machine.
///
/// It is not ready until a node list with a swarm in it was seen. A list that is not newer than the one held is ignored.
pub struct SwarmDirectory {
    own: ed25519::PublicKey,
    ring: Option<Ring>,
}

/// The actor, ready to be run. `own` is the key of this process's node.
pub fn spec(config: Config, own: ed25519::PublicKey) -> Spec<SwarmDirectory> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx| start(config.clone(), own, ctx))
        .bounds(bounds)
        .serves::<SwarmFor>()
        .subscribes::<NodeListChanged>()
        .needs("staking")
}

async fn start(config: Config, own: ed25519::PublicKey, ctx: Context) -> Result<SwarmDirectory, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register_ring();
    let mut directory = SwarmDirectory { own, ring: None };
    ctx.not_ready(NO_LIST);
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => directory.follow(&list, &ctx),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    Ok(directory)
}

const NO_LIST: &str = "no node list yet";
const NO_SWARM: &str = "the node list holds no swarm";

impl SwarmDirectory {
    fn follow(&mut self, list: &NodeList, ctx: &Context) {
        if self.ring.as_ref().is_some_and(|held| list.height <= held.height()) {
            return;
        }
        let ring = Ring::new(list, self.own);
        info!(height = ring.height(), swarms = ring.len(), "swarms follow the node list");
        metrics::ring(ring.height(), ring.len());
        if ring.is_empty() {
            ctx.not_ready(NO_SWARM);
        } else {
            ctx.ready();
        }
        self.ring = Some(ring);
    }
}

impl Actor for SwarmDirectory {
    const NAME: &'static str = "swarm";

    fn observe(&self) -> serde_json::Value {
        json!({
            "height": self.ring.as_ref().map(Ring::height),
            "swarms": self.ring.as_ref().map_or(0, Ring::len),
            "in_a_swarm": self.ring.as_ref().is_some_and(|ring| ring.own_swarm().is_some()),
        })
    }
}

impl Handler<NodeListChanged> for SwarmDirectory {
    fn handle(&mut self, event: NodeListChanged, ctx: &Context) -> Task<Result<(), CallError>> {
        self.follow(&event.list, ctx);
        done(Ok(()))
    }
}

impl Handler<SwarmFor> for SwarmDirectory {
    fn handle(&mut self, SwarmFor { account }: SwarmFor, _: &Context) -> Task<Result<SwarmView, Error>> {
        metrics::lookup();
        let swarm = self.ring.as_ref().and_then(|ring| Some((ring.swarm_for(&account)?, ring.own_swarm())));
        done(swarm.ok_or(Error::NoSwarms).map(|((id, members), own)| SwarmView {
            id,
            members: members.to_vec(),
            is_own: own == Some(id),
        }))
    }
}
