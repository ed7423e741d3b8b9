//! The actor: what is announced is told at once; requests are read and checked beside that.

use std::{rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use starling_contracts::{
    staking::{CurrentNodeList, NodeListChanged},
    subscriptions::{Announce, Error, Subscribe},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::crypto::ed25519;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::{config::Config, metrics, moving, request::Request, state::State};

/// How often a part of the table is looked through for what has lapsed.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Keeps who is told of which messages, and tells them.
///
/// It is not ready until a node list was seen. Its subscriptions are in memory alone: after a restart there are none, and the
/// connections that had some are let go, so that their owners subscribe again.
pub struct Subscriptions {
    config: Config,
    state: Rc<State>,
    places: Arc<Semaphore>,
}

/// The actor, ready to be run. `own` is the key of this process's node.
pub fn spec(config: Config, own: ed25519::PublicKey) -> Spec<Subscriptions> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx| start(config.clone(), own, ctx))
        .bounds(bounds)
        .serves::<Subscribe>()
        .serves::<Announce>()
        .subscribes::<NodeListChanged>()
        .needs("staking")
}

async fn start(config: Config, own: ed25519::PublicKey, ctx: Context) -> Result<Subscriptions, Fault> {
    config.validate().map_err(Fault::new)?;
    metrics::register();
    let state = Rc::new(State::new(&config, own, Arc::clone(ctx.clock()), ctx.pool().clone()));
    ctx.not_ready("no node list yet");
    match ctx.recipient::<CurrentNodeList>().ask(CurrentNodeList).await {
        Ok(list) => follow(&state, &list, &ctx),
        Err(error) => debug!(%error, "no node list at the start"),
    }
    let swept = Rc::clone(&state);
    ctx.every(SWEEP_EVERY, move || {
        swept.sweep();
        done(())
    });
    let places = Arc::new(Semaphore::new(config.requests_at_once));
    Ok(Subscriptions { config, state, places })
}

fn follow(state: &Rc<State>, list: &starling_contracts::staking::NodeList, ctx: &Context) {
    if state.follow(list) {
        match state.ready() {
            Ok(_) => ctx.ready(),
            Err(_) => ctx.not_ready("not in any swarm"),
        }
        moving::begin(state, ctx);
    }
}

impl Actor for Subscriptions {
    const NAME: &'static str = "subscriptions";

    fn observe(&self) -> serde_json::Value {
        let table = self.state.table.borrow();
        json!({
            "held": table.held(),
            "links": table.links(),
            "requests": self.config.requests_at_once - self.places.available_permits(),
            "height": self.state.swarms().map(|swarms| swarms.height()),
        })
    }
}

impl Handler<Subscribe> for Subscriptions {
    fn handle(&mut self, Subscribe { request, link }: Subscribe, _: &Context) -> Task<Result<Bytes, Error>> {
        if let Err(error) = self.state.ready() {
            return done(Err(error));
        }
        // Not the places of the mailbox: announcements must never wait behind requests.
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let capacity = self.config.requests_at_once;
            return done(Err(CallError::Busy { actor: Self::NAME, capacity }.into()));
        };
        let request = Request::new(Rc::clone(&self.state), request, link);
        task(async move {
            let reply = request.serve().await;
            drop(place);
            reply
        })
    }
}

impl Handler<Announce> for Subscriptions {
    fn handle(&mut self, Announce { messages }: Announce, _: &Context) -> Task<Result<(), Error>> {
        self.state.announce(&messages);
        done(Ok(()))
    }
}

impl Handler<NodeListChanged> for Subscriptions {
    fn handle(&mut self, event: NodeListChanged, ctx: &Context) -> Task<Result<(), CallError>> {
        follow(&self.state, &event.list, ctx);
        done(Ok(()))
    }
}
