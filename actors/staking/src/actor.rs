//! The actor: asks its backend again and again, and passes on what is new.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use serde_json::json;
use starling_contracts::staking::{CurrentNodeList, Error, NodeList, NodeListChanged};
use starling_kernel::{Actor, Context, Fault, Handler, Publisher, Spec, Task, done};
use tracing::{info, warn};

use crate::{
    backend::{self, Backend},
    config::Config,
    metrics,
};

/// Knows the newest node list.
///
/// It waits, not ready, until its backend has seen a list; from then on it is ready for good. A list that cannot follow the
/// one held is logged once and changes nothing.
pub struct Ledger {
    state: Rc<State>,
}

/// Shared between the handlers and the task that follows the ledger; both live on the actor's thread.
#[derive(Default)]
struct State {
    held: RefCell<Option<Arc<NodeList>>>,
    /// How often the ledger was asked, and what it said passed on.
    rounds: Cell<u64>,
}

/// The actor, ready to be run.
pub fn spec(config: Config) -> Spec<Ledger> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx| start(config.clone(), ctx)).bounds(bounds).serves::<CurrentNodeList>()
}

async fn start(config: Config, ctx: Context) -> Result<Ledger, Fault> {
    metrics::register();
    let mut backend = backend::open(&config, &ctx).map_err(Fault::new)?;
    let state = Rc::new(State::default());
    ctx.not_ready(backend.waiting_for());
    let first = look(backend.as_mut(), &state, &ctx).await;
    ctx.spawn(follow(backend, first, Rc::clone(&state), ctx.clone()));
    Ok(Ledger { state })
}

/// Publishes from outside of the start, so that a slow subscriber does not hold the process up.
async fn follow(mut backend: Box<dyn Backend>, first: Option<Arc<NodeList>>, state: Rc<State>, ctx: Context) {
    let publisher: Publisher<NodeListChanged> = ctx.publisher();
    let mut news = first;
    loop {
        if let Some(list) = news.take() {
            publisher.publish(NodeListChanged { list }).await;
        }
        state.rounds.set(state.rounds.get() + 1);
        ctx.clock().sleep(backend.poll_every()).await;
        news = look(backend.as_mut(), &state, &ctx).await;
    }
}

/// Asks once; what is new is held from then on, and returned.
async fn look(backend: &mut dyn Backend, state: &State, ctx: &Context) -> Option<Arc<NodeList>> {
    let known = state.held.borrow().clone();
    match backend.newest(known).await {
        Ok(None) => None,
        Ok(Some(list)) => {
            metrics::found(metrics::Outcome::Accepted);
            metrics::in_use(list.height, list.nodes().len());
            info!(height = list.height, nodes = list.nodes().len(), "node list changed");
            let list = Arc::new(list);
            *state.held.borrow_mut() = Some(Arc::clone(&list));
            ctx.ready();
            Some(list)
        }
        Err(error) => {
            metrics::found(metrics::Outcome::Refused);
            warn!(%error, "node list refused; the one held stays in use");
            if state.held.borrow().is_none() {
                ctx.not_ready(format!("{}; {error}", backend.waiting_for()));
            }
            None
        }
    }
}

impl Actor for Ledger {
    const NAME: &'static str = "staking";

    fn observe(&self) -> serde_json::Value {
        let held = self.state.held.borrow();
        json!({
            "height": held.as_ref().map(|list| list.height),
            "nodes": held.as_ref().map_or(0, |list| list.nodes().len()),
            "rounds": self.state.rounds.get(),
        })
    }
}

impl Handler<CurrentNodeList> for Ledger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, Error>> {
        done(self.state.held.borrow().clone().ok_or(Error::NoList))
    }
}
