//! What the handlers of the actor share: where messages are kept, how the network is asked, and who is next.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Weak},
};

use starling_contracts::{
    accounts::{AccountSecrets, Profile, UnlockAccount},
    inbox::Error,
};
use starling_kernel::{CallError, Context};
use starling_protocol::account::AccountId;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{config::Config, delivery::Delivery, sealing::Sealer, store::Store};

/// One per actor, on its thread; tasks hold it by `Rc`.
pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) ctx: Context,
    pub(crate) delivery: Delivery,
    pub(crate) store: Arc<Store>,
    lines: Lines,
}

/// An account whose keys are at hand.
#[derive(Clone)]
pub(crate) struct Unlocked {
    pub(crate) secrets: Arc<AccountSecrets>,
    pub(crate) sealer: Arc<Sealer>,
}

impl Desk {
    pub(crate) fn new(config: Config, ctx: Context, store: Arc<Store>) -> Self {
        let delivery = Delivery::new(ctx.clone(), &config);
        Self { config, ctx, delivery, store, lines: Lines::default() }
    }

    pub(crate) async fn unlock(&self, profile: &Profile) -> Result<Unlocked, Error> {
        let unlock = UnlockAccount { profile: profile.clone() };
        let secrets = self.ctx.recipient::<UnlockAccount>().ask(unlock).await?;
        let sealer = Arc::new(Sealer::new(&secrets));
        Ok(Unlocked { secrets, sealer })
    }

    /// Waits until everybody who joined the line before has left it; leaves it when the guard is dropped.
    pub(crate) async fn turn(&self, line: Line) -> OwnedMutexGuard<()> {
        self.lines.mutex(line).lock_owned().await
    }

    /// Takes the turn only when nobody stands in the line.
    pub(crate) fn turn_if_free(&self, line: Line) -> Option<OwnedMutexGuard<()>> {
        self.lines.mutex(line).try_lock_owned().ok()
    }

    /// Runs a job on the pool; a panic in it becomes an error.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        message: &'static str,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let actor = self.ctx.name();
        self.ctx.pool().run(job).await.map_err(|_| CallError::Panicked { actor, message }.into())
    }

    /// A step on the database, on the pool.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        message: &'static str,
        account: &Unlocked,
        step: impl FnOnce(&Store, &Sealer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        let sealer = Arc::clone(&account.sealer);
        self.work(message, move || step(&store, &sealer)).await?
    }
}

/// What has to happen one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// Messages to one recipient, which keep their order (messages §15).
    Send(Profile, AccountId),
    /// Polls of one account: a second one would only read the same again.
    Poll(Profile),
    /// What the own swarm of one account still has to be given, or to delete.
    Copies(Profile),
    /// Filing what one account was answered: what one member brought is known when another brings it, and no filter is asked
    /// twice.
    File(Profile),
}

/// The lines in which somebody stands.
#[derive(Default)]
struct Lines {
    mutexes: RefCell<HashMap<Line, Weak<Mutex<()>>>>,
}

impl Lines {
    fn mutex(&self, line: Line) -> Arc<Mutex<()>> {
        let mut mutexes = self.mutexes.borrow_mut();
        if let Some(mutex) = mutexes.get(&line).and_then(Weak::upgrade) {
            return mutex;
        }
        // Lines that nobody stands in are forgotten, so that the table does not grow with every recipient ever written to.
        mutexes.retain(|_, mutex| mutex.strong_count() > 0);
        let mutex = Arc::new(Mutex::new(()));
        mutexes.insert(line, Arc::downgrade(&mutex));
        mutex
    }
}
