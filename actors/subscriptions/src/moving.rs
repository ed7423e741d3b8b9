//! What happens to subscriptions when the swarms change: those to accounts that are kept elsewhere now end, and their
//! owners are told where.
//!
//! The table is gone through a shard at a time. Which of a shard's accounts have moved is computed on the CPU pool; what is new
//! meanwhile was checked against the new swarms already. A list that changes neither this node's swarm nor its neighbours on the
//! ring moves nothing, and costs nothing here.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use futures::future::{Either, select};
use starling_contracts::subscriptions::{Link, LinkId};
use starling_kernel::{Clock, Context, CpuPool};
use starling_protocol::{account::AccountId, swarm::SwarmId};
use tracing::{Instrument as _, debug, info};

use crate::{
    metrics::{self, End},
    notice,
    state::State,
    swarms::Swarms,
    table::SHARDS,
};

/// How long a subscriber may take to make room for one notice; one that takes longer loses the rest.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end notices that are due to one connection.
struct Farewell {
    link: Link,
    moved: Vec<(AccountId, SwarmId)>,
}

/// Starts going through the table, where the last change of the swarms asks for it and nobody is at it.
pub(crate) fn begin(state: &Rc<State>, ctx: &Context) {
    let reach = state.swarms().and_then(|swarms| swarms.reach());
    if reach.is_none() || reach == state.walked.get() || state.is_walking.replace(true) {
        return;
    }
    let (state, for_farewells) = (Rc::clone(state), ctx.clone());
    let walk = async move {
        // The swarms may change while their last change is being followed.
        while let Some(swarms) = state.swarms()
            && let Some(reach) = swarms.reach()
            && state.walked.replace(Some(reach)) != Some(reach)
        {
            for farewell in walk(&state, &swarms).await {
                let (clock, swarms) = (Arc::clone(&state.clock), Arc::clone(&swarms));
                for_farewells.spawn(async move { farewell.say(&swarms, &*clock).await });
            }
        }
        state.is_walking.set(false);
    };
    ctx.spawn(walk.instrument(ctx.request("swarms_changed")));
}

/// Ends the subscriptions to accounts that have moved; gives what there is to tell of that.
async fn walk(state: &State, swarms: &Arc<Swarms>) -> Vec<Farewell> {
    let mut farewells: HashMap<LinkId, Farewell> = HashMap::new();
    let mut n_ended = 0;
    for shard in 0..SHARDS {
        let accounts = state.table.borrow().accounts(shard);
        if accounts.is_empty() {
            continue;
        }
        for (account, keeper) in moved(&state.pool, accounts, swarms).await {
            if state.swarms().is_some_and(|newest| newest.elsewhere(&account).is_none()) {
                // It has come back meanwhile.
                continue;
            }
            let ended = state.table.borrow_mut().end(&account, state.now());
            n_ended += ended.len();
            for link in ended {
                let farewell =
                    farewells.entry(link.id).or_insert_with(|| Farewell { link, moved: Vec::new() });
                farewell.moved.push((account, keeper));
            }
        }
    }
    metrics::ended(End::Moved, u64::try_from(n_ended).unwrap_or(u64::MAX));
    metrics::held(state.table.borrow().held(), state.table.borrow().links());
    info!(height = swarms.height(), ended = n_ended, "subscriptions followed their accounts");
    farewells.into_values().collect()
}

/// Those of the accounts that are kept elsewhere, and where.
async fn moved(pool: &CpuPool, accounts: Vec<AccountId>, swarms: &Arc<Swarms>) -> Vec<(AccountId, SwarmId)> {
    let swarms = Arc::clone(swarms);
    let job = move || {
        let moved = |account: AccountId| Some((account, swarms.elsewhere(&account)?));
        accounts.into_iter().filter_map(moved).collect()
    };
    pool.run(job).await.unwrap_or_else(|error| {
        debug!(%error, "a part of the subscriptions could not be looked through");
        Vec::new()
    })
}

impl Farewell {
    /// Tells one connection of all its accounts that moved, as fast as it reads.
    async fn say(self, swarms: &Swarms, clock: &dyn Clock) {
        let mut left = u64::try_from(self.moved.len()).unwrap_or(u64::MAX);
        for (account, keeper) in self.moved {
            let notice = notice::ended(&account, &swarms.farewell(keeper));
            let sending = std::pin::pin!(self.link.outlet.send(notice));
            match select(sending, clock.sleep(PATIENCE)).await {
                Either::Left((Ok(()), _)) => metrics::notices(1, 0),
                // Closed: there is nobody to lose anything.
                Either::Left((Err(_), _)) => return,
                Either::Right(_) => return metrics::notices(0, left),
            }
            left -= 1;
        }
    }
}
