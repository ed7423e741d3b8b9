//! Which plugins there are in this process and how each is doing: what the filters' actor, the keeper and the plugins' own actors
//! share.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use starling_contracts::{
    accounts::Profile,
    plugins::{PluginState, PluginStatus},
};
use tokio::sync::{Notify, OwnedMutexGuard, mpsc, oneshot, watch};

use crate::{
    config::{OnFailure, PluginConfig},
    event::{Item, Verdict},
    folder::{PluginFolder, Stamp},
    load::Refusal,
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
    files: Mutex<Files>,
    reviews: mpsc::Sender<ReviewJob>,
    /// Held by the plugin's work while there is one; the next one waits until the last is really gone.
    reviewing: Arc<tokio::sync::Mutex<Reviews>>,
}

/// The files that a plugin is loaded from.
#[derive(Default)]
struct Files {
    /// Those that are not in its folder.
    elsewhere: Vec<PathBuf>,
    /// What its folder and those elsewhere looked like when it was loaded last.
    seen: Option<(Stamp, Stamp)>,
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
    /// It is being loaded. What is known of it by then: what becomes of what it fails to judge, and the account it is to speak as.
    Loading { on_failure: OnFailure, profile: Option<Profile> },
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
    Refused(Refusal),
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
            condition: watch::Sender::new(Condition::Loading {
                on_failure: OnFailure::default(),
                profile: None,
            }),
            changed: Notify::new(),
            nudge: Notify::new(),
            tally: Tally::default(),
            files: Mutex::default(),
            reviews,
            reviewing: Arc::new(tokio::sync::Mutex::new(reviewing)),
        }
    }

    /// The reviews, for the plugin's work, once the work before has let go of them.
    pub(crate) async fn reviews(&self) -> OwnedMutexGuard<Reviews> {
        Arc::clone(&self.reviewing).lock_owned().await
    }

    /// It is about to be loaded: whatever changes on disk from now on is a reason to load it again.
    pub(crate) fn note_seen(&self, folder: &PluginFolder) {
        let mut files = self.files();
        files.seen = Some(self.look(folder, &files));
    }

    /// The files elsewhere that it is loaded from, which are about to be read.
    pub(crate) fn loads_from(&self, elsewhere: Vec<PathBuf>, folder: &PluginFolder) {
        let mut files = self.files();
        files.elsewhere = elsewhere;
        let now = self.look(folder, &files);
        if let Some(seen) = &mut files.seen {
            seen.1 = now.1;
        }
    }

    /// Has anything changed on disk since it was loaded last?
    pub(crate) fn is_outdated(&self, folder: &PluginFolder) -> bool {
        let files = self.files();
        files.seen.as_ref().is_some_and(|seen| *seen != self.look(folder, &files))
    }

    fn look(&self, folder: &PluginFolder, files: &Files) -> (Stamp, Stamp) {
        (folder.stamp(&self.name), Stamp::of(&files.elsewhere))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the operator says is known, and it is loaded for the first time.
    pub(crate) fn expect(&self, section: &PluginConfig) {
        self.condition.send_if_modified(|condition| {
            let is_loading = matches!(condition, Condition::Loading { .. });
            if is_loading {
                let profile = section.profile.clone();
                *condition = Condition::Loading { on_failure: section.failing(), profile };
            }
            is_loading
        });
    }

    /// Waits until it is known whether the plugin runs.
    pub(crate) async fn settled(&self) -> Condition {
        let mut condition = self.condition.subscribe();
        let settled = condition.wait_for(|condition| !matches!(condition, Condition::Loading { .. })).await;
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
            Condition::Loading { .. } => {
                (PluginState::Running, String::new(), "", "it is being loaded".to_owned())
            }
            Condition::Running { version, world, note, .. } => {
                (PluginState::Running, version, world.name(), note)
            }
            Condition::Disabled => (PluginState::Disabled, String::new(), "", String::new()),
            Condition::Refused(refusal) => (PluginState::Refused, String::new(), "", refusal.reason),
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
