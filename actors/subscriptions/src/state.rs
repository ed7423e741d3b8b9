//! What the handlers and the tasks of the actor share. All of them run on its one thread.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use starling_contracts::{
    staking::NodeList,
    subscriptions::{Error, NewMessage},
};
use starling_kernel::{Clock, CpuPool};
use starling_protocol::crypto::ed25519;
use tracing::info;

use crate::{
    config::Config,
    metrics::{self, End},
    swarms::{Reach, Swarms},
    table::{SHARDS, TICKS_PER_SECOND, Table, Told},
};

/// How many shards are swept at a time: all of them in about a minute.
const SWEPT_AT_ONCE: usize = SHARDS / 64;
/// The same when there is no room left for new subscriptions.
const SWEPT_WHEN_FULL: usize = SHARDS / 4;

/// The actor's state.
pub(crate) struct State {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: CpuPool,
    own: ed25519::PublicKey,
    pub(crate) table: RefCell<Table>,
    swarms: RefCell<Option<Arc<Swarms>>>,
    /// For which the table was last gone through.
    pub(crate) walked: Cell<Option<Reach>>,
    pub(crate) is_walking: Cell<bool>,
    next_swept: Cell<usize>,
}

impl State {
    pub(crate) fn new(
        config: &Config,
        own: ed25519::PublicKey,
        clock: Arc<dyn Clock>,
        pool: CpuPool,
    ) -> Self {
        Self {
            clock,
            pool,
            own,
            table: RefCell::new(Table::new(config.limits())),
            swarms: RefCell::default(),
            walked: Cell::default(),
            is_walking: Cell::default(),
            next_swept: Cell::default(),
        }
    }

    /// The time in the table's unit.
    pub(crate) fn now(&self) -> u32 {
        let ticks = self.clock.elapsed().as_millis() / u128::from(1000 / TICKS_PER_SECOND);
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// The swarms, as far as they are known.
    pub(crate) fn swarms(&self) -> Option<Arc<Swarms>> {
        self.swarms.borrow().clone()
    }

    /// The swarms, if this node is in one of them.
    pub(crate) fn ready(&self) -> Result<Arc<Swarms>, Error> {
        let swarms = self.swarms().ok_or_else(|| Error::NotReady("not done syncing".to_owned()))?;
        if !swarms.is_member() {
            return Err(Error::NotReady("not in any swarm".to_owned()));
        }
        Ok(swarms)
    }

    /// Takes over a node list, unless it is not newer than the one held; tells whether it was taken.
    pub(crate) fn follow(&self, list: &NodeList) -> bool {
        if self.swarms().is_some_and(|held| list.height <= held.height()) {
            return false;
        }
        let swarms = Arc::new(Swarms::new(list, &self.own));
        info!(height = swarms.height(), "subscriptions follow the node list");
        *self.swarms.borrow_mut() = Some(swarms);
        true
    }

    /// Tells the subscribers of these messages.
    pub(crate) fn announce(&self, messages: &[NewMessage]) {
        let now = self.now();
        let mut table = self.table.borrow_mut();
        let mut all = Told::default();
        for message in messages {
            let told = table.announce(now, message);
            all.sent += told.sent;
            all.lost += told.lost;
            all.lapsed += told.lapsed;
        }
        if all != Told::default() {
            metrics::notices(all.sent, all.lost);
            metrics::ended(End::Lapsed, all.lapsed);
            metrics::held(table.held(), table.links());
        }
    }

    /// Removes what has lapsed from the next few shards.
    pub(crate) fn sweep(&self) {
        let now = self.now();
        let mut table = self.table.borrow_mut();
        let count = if table.is_full() { SWEPT_WHEN_FULL } else { SWEPT_AT_ONCE };
        let first = self.next_swept.get();
        let lapsed = (first..first + count).map(|shard| table.sweep(shard % SHARDS, now)).sum();
        self.next_swept.set((first + count) % SHARDS);
        metrics::ended(End::Lapsed, lapsed);
        metrics::held(table.held(), table.links());
    }
}
