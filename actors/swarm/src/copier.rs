//! The actor that copies writes to the other members of a swarm.
//!
//! It is apart from the directory because a copy holds its place for as long as a member takes to answer, and a lookup must
//! not wait behind that.

use std::rc::Rc;

use bytes::Bytes;
use serde_json::json;
use starling_contracts::{
    staking::{CurrentNodeList, NodeList, NodeListChanged},
    swarm::{Error, MemberAnswer, Replicate},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::{crypto::ed25519, peer_wire::encode_swarm_request};
use tracing::debug;

use crate::{config::Config, courier::Courier, metrics, ring::Ring, wait::Write};

/// Copies writes to the members of swarms, and keeps what one of them missed until it has it.
///
/// It follows the node list by itself. A list that is not newer than the one held is ignored.
pub struct Copier {
    own: ed25519::PublicKey,
    ring: Option<Ring>,
    courier: Rc<Courier>,
}

/// The actor, ready to be run. `own` is the key of this process's node.
pub fn spec(config: Config, own: ed25519::PublicKey) -> Spec<Copier> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx| start(config.clone(), own, ctx))
        .bounds(bounds)
        .serves::<Replicate>()
        .subscribes::<NodeListChanged>()
        .needs("staking")
}

async fn start(config: Config, own: ed25519::PublicKey, ctx: Context) -> Result<Copier, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register_copies();
    let mut copier = Copier { own, ring: None, courier: Courier::new(&config, ctx.clone()) };
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => copier.follow(&list),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    Ok(copier)
}

impl Copier {
    fn follow(&mut self, list: &NodeList) {
        if self.ring.as_ref().is_some_and(|held| list.height <= held.height()) {
            return;
        }
        let ring = Ring::new(list, self.own);
        self.courier.set_fellows(ring.fellows());
        self.ring = Some(ring);
    }
}

impl Actor for Copier {
    const NAME: &'static str = "copier";

    fn drain(&mut self) -> Task<()> {
        task(Rc::clone(&self.courier).drain())
    }

    fn observe(&self) -> serde_json::Value {
        let (waiting, down) = self.courier.state();
        json!({"copies_to_retry": waiting, "members_down": down})
    }
}

impl Handler<NodeListChanged> for Copier {
    fn handle(&mut self, event: NodeListChanged, _: &Context) -> Task<Result<(), CallError>> {
        self.follow(&event.list);
        done(Ok(()))
    }
}

impl Handler<Replicate> for Copier {
    fn handle(&mut self, write: Replicate, _: &Context) -> Task<Result<Vec<MemberAnswer>, Error>> {
        let Some(others) = self.ring.as_ref().and_then(|ring| ring.others_for(&write.account)) else {
            return done(Err(Error::NoSwarms));
        };
        let request = Bytes::from(encode_swarm_request(write.method, &write.dict));
        let courier = Rc::clone(&self.courier);
        task(async move {
            let write = Rc::<Write>::default();
            let copies = others.into_iter().map(|node| {
                let key = node.ed25519;
                let copy = Rc::clone(&courier).copy(node, request.clone(), Rc::clone(&write));
                async move { MemberAnswer { node: key, outcome: copy.await } }
            });
            Ok(futures::future::join_all(copies).await)
        })
    }
}
