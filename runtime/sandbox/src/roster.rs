//! Which plugins there are in this process and how each is doing: what the filters' actor, the keeper and the plugins' own actors
//! share.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use starling_contracts::{
    accounts::Profile,
    plugins::{PluginState, PluginStatus},
};
use tokio::sync::{Notify, OwnedMutexGuard, mpsc, oneshot, watch};

use crate::{
    config::OnFailure,
    event::{Item, Verdict},
    manifest::{PluginName, World},
};

/// Reviews that may wait for one filter; more are answered as its settings say for a filter that fails.
const REVIEWS: usize = 256;

/// All plugins of this process, by name.
pub(crate) struct Roster {
    posts: BTreeMap<PluginName, Arc<Post>>,
}

/// One plugin's place.
pub(crate) struct Post {
    pub(crate) name: PluginName,
    /// What it is doing; whoever must know waits here.
    pub(crate) condition: watch::Sender<Condition>,
    /// There is something new on disk.
    pub(crate) changed: Notify,
    /// There may be new messages.
    pub(crate) nudge: Notify,
    pub(crate) tally: Tally,
    /// The files that it is loaded from, when they are not in its folder.
    source: Mutex<Vec<PathBuf>>,
    reviews: mpsc::Sender<ReviewJob>,
    /// Held by the plugin's work while there is one; the next one waits until the last is really gone.
    reviewing: Arc<tokio::sync::Mutex<Reviews>>,
}

/// What waits to be judged.
pub(crate) type Reviews = mpsc::Receiver<ReviewJob>;

/// What is counted of a plugin since the process started.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) quarantined: AtomicU64,
}

/// What a plugin is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is being loaded.
    Loading,
    /// It takes calls.
    Running {
        version: String,
        world: World,
        profile: Profile,
        on_failure: OnFailure,
        /// What an operator should know.
        note: String,
    },
    /// The operator has switched it off.
    Disabled,
    /// It cannot run.
    Refused { reason: String, on_failure: OnFailure },
}

/// A message that a filter is to judge.
pub(crate) struct ReviewJob {
    pub(crate) item: Item,
    pub(crate) answer: oneshot::Sender<Verdict>,
}

impl Roster {
    pub(crate) fn new(names: &[PluginName]) -> Self {
        Self { posts: names.iter().map(|name| (name.clone(), Arc::new(Post::new(name.clone())))).collect() }
    }

    pub(crate) fn post(&self, name: &PluginName) -> Option<&Arc<Post>> {
        self.posts.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Post>> {
        self.posts.values()
    }

    pub(crate) fn status(&self) -> Vec<PluginStatus> {
        self.all().map(|post| post.status()).collect()
    }
}

impl Post {
    fn new(name: PluginName) -> Self {
        let (reviews, reviewing) = mpsc::channel(REVIEWS);
        Self {
            name,
            condition: watch::Sender::new(Condition::Loading),
            changed: Notify::new(),
            nudge: Notify::new(),
            tally: Tally::default(),
            source: Mutex::default(),
            reviews,
            reviewing: Arc::new(tokio::sync::Mutex::new(reviewing)),
        }
    }

    /// The reviews, for the plugin's work, once the work before has let go of them.
    pub(crate) async fn reviews(&self) -> OwnedMutexGuard<Reviews> {
        Arc::clone(&self.reviewing).lock_owned().await
    }

    /// The files elsewhere that it is loaded from.
    pub(crate) fn source(&self) -> Vec<PathBuf> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn loads_from(&self, files: Vec<PathBuf>) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Waits until it is known whether the plugin runs.
    pub(crate) async fn settled(&self) -> Condition {
        let mut condition = self.condition.subscribe();
        let settled = condition.wait_for(|condition| *condition != Condition::Loading).await;
        settled.map_or(Condition::Disabled, |condition| condition.clone())
    }

    /// Asks the filter; nothing when too many wait already, or it could not judge.
    pub(crate) async fn review(&self, item: Item) -> Option<Verdict> {
        let (answer, judged) = oneshot::channel();
        self.reviews.try_send(ReviewJob { item, answer }).ok()?;
        judged.await.ok()
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let condition = self.condition.borrow().clone();
        let (state, version, world, reason) = match condition {
            Condition::Loading => (PluginState::Running, String::new(), "", "it is being loaded".to_owned()),
            Condition::Running { version, world, note, .. } => {
                (PluginState::Running, version, world.name(), note)
            }
            Condition::Disabled => (PluginState::Disabled, String::new(), "", String::new()),
            Condition::Refused { reason, .. } => (PluginState::Refused, String::new(), "", reason),
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PluginStatus {
            name: self.name.to_string(),
            version,
            world: world.to_owned(),
            state,
            reason,
            handled: count(&self.tally.handled),
            failed: count(&self.tally.failed),
            quarantined: count(&self.tally.quarantined),
        }
    }
}
