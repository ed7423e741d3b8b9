//! The actor that keeps the house of the plugins: polls for their accounts, sees what changed on disk, and tells how they are doing.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use starling_contracts::{
    accounts::Profile,
    inbox::{MessageReceived, Poll},
    plugins::{Error, ListPlugins, PluginStatus},
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Kinded as _, Spec, Task, done, task};
use tracing::debug;

use crate::{
    house::{House, Housing},
    manifest::World,
    metrics,
    roster::Condition,
};

/// How often the plugins' folders are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Keeps the house.
pub struct Keeper {
    house: Arc<House>,
}

/// How to run the actor; it starts after the inbox and the keeper of accounts.
pub(crate) fn spec(housing: Housing) -> Spec<Keeper> {
    let bounds = housing.plan().config.bounds.clone();
    Spec::new(move |ctx| Keeper::start(housing.clone(), ctx))
        .bounds(bounds)
        .needs("inbox")
        .needs("accounts")
        .needs("transport")
        .serves::<ListPlugins>()
        .subscribes::<MessageReceived>()
}

impl Keeper {
    async fn start(housing: Housing, ctx: Context) -> Result<Self, Fault> {
        metrics::describe();
        let house = housing.build(&ctx)?;
        poll_for_bots(&house, &ctx);
        watch_folders(&house, &ctx);
        Ok(Self { house })
    }
}

impl Actor for Keeper {
    const NAME: &'static str = "plugins";

    fn drain(&mut self) -> Task<()> {
        let ledger = self.house.ledger.clone();
        // The plugins' own actors need this one, so they have ended.
        task(async move { ledger.close().await })
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "plugins": self.house.roster.status() })
    }
}

impl Handler<ListPlugins> for Keeper {
    fn handle(&mut self, _: ListPlugins, _: &Context) -> Task<Result<Vec<PluginStatus>, Error>> {
        done(Ok(self.house.roster.status()))
    }
}

impl Handler<MessageReceived> for Keeper {
    fn handle(&mut self, event: MessageReceived, _: &Context) -> Task<Result<(), CallError>> {
        // A word is enough: each plugin reads the inbox from where it was, and in its own time.
        for post in self.house.roster.all() {
            if matches!(&*post.condition.borrow(), Condition::Running { profile, .. } if *profile == event.profile)
            {
                post.nudge.notify_one();
            }
        }
        done(Ok(()))
    }
}

/// Asks the swarms of the accounts that bots speak as for what is new, again and again. One swarm may be slow, which is nothing to
/// the accounts of others.
fn poll_for_bots(house: &Arc<House>, ctx: &Context) {
    let poll = ctx.recipient::<Poll>();
    let asked = Rc::<RefCell<BTreeSet<Profile>>>::default();
    let (house, context) = (Arc::clone(house), ctx.clone());
    ctx.every(house.config.poll, move || {
        for profile in profiles(&house) {
            if !asked.borrow_mut().insert(profile.clone()) {
                continue;
            }
            let (poll, asked) = (poll.clone(), Rc::clone(&asked));
            context.spawn(async move {
                if let Err(error) = poll.ask(Poll { profile: profile.clone() }).await {
                    debug!(kind = ?error.kind(), "a poll for plugins failed");
                }
                asked.borrow_mut().remove(&profile);
            });
        }
        done(())
    });
}

/// The accounts for which a plugin runs that is called for what comes in.
fn profiles(house: &House) -> BTreeSet<Profile> {
    let bot = |condition: &Condition| match condition {
        Condition::Running { world: World::Bot, profile, .. } => Some(profile.clone()),
        _ => None,
    };
    house.roster.all().filter_map(|post| bot(&post.condition.borrow())).collect()
}

/// Tells plugins of which something changed on disk since they were loaded.
fn watch_folders(house: &Arc<House>, ctx: &Context) {
    let house = Arc::clone(house);
    let pool = ctx.pool().clone();
    ctx.every(LOOK, move || {
        let (house, pool) = (Arc::clone(&house), pool.clone());
        task(async move {
            let looking = Arc::clone(&house);
            let look = move || {
                let outdated = looking.roster.all().filter(|post| post.is_outdated(&looking.folder));
                outdated.for_each(|post| post.changed.notify_one());
            };
            // It fails when the process stops, and then nothing changes any more.
            let _ = pool.run(look).await;
            let is_running = |condition: &Condition| matches!(condition, Condition::Running { .. });
            metrics::running(house.roster.all().filter(|post| is_running(&post.condition.borrow())).count());
        })
    });
}
