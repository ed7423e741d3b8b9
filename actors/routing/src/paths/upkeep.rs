//! What goes on beside requests: paths are built, guards asked for a sign of life, paths rotated, the state saved.

use std::{rc::Rc, time::Duration};

use starling_kernel::task;
use starling_protocol::crypto::ed25519::PublicKey;
use tracing::{debug, warn};

use super::{client::Client, metrics};

/// Guards that are tried in a row for one path (onion-requests §7).
const MOST_BUILDS: usize = 10;
/// Guards that a waiting request has tried for it; after that it tries a path of its own.
const MOST_FIRST_BUILDS: usize = 3;
/// How often a guard that stopped answering is asked, and the first pause before; it doubles.
const WATCHES: u32 = 5;
const WATCH_PAUSE: Duration = Duration::from_millis(500);
/// Changes within this time are saved together.
const SAVE_AFTER: Duration = Duration::from_secs(1);

impl Client {
    /// Starts what the state asks for. Cheap; called after every change.
    pub(super) fn keep_up(self: &Rc<Self>) {
        let (lacks_paths, is_thin, is_unsaved) = {
            let state = self.state.borrow();
            metrics::known(state.pool.len(), state.n_paths());
            let is_unsaved = state.revision() != self.jobs.saved_revision.get();
            (state.lacks_paths(), state.is_thin(), is_unsaved)
        };
        if lacks_paths && !self.jobs.is_building.replace(true) {
            let client = Rc::clone(self);
            self.ctx.spawn(async move {
                client.build_missing().await;
                client.jobs.is_building.set(false);
            });
        }
        if is_thin {
            self.refresh_soon();
        }
        if is_unsaved && !self.jobs.is_saving.replace(true) {
            let client = Rc::clone(self);
            self.ctx.spawn(async move {
                client.ctx.clock().sleep(SAVE_AFTER).await;
                client.save().await;
                client.jobs.is_saving.set(false);
            });
        }
    }

    /// Rotation and refresh, for as long as this incarnation lives.
    pub(super) fn start_timers(self: &Rc<Self>) {
        let client = Rc::clone(self);
        self.ctx.every(self.config.rotate_every, move || {
            client.rotate();
            task(std::future::ready(()))
        });
        let client = Rc::clone(self);
        self.ctx.every(self.config.refresh_every, move || {
            let client = Rc::clone(&client);
            task(async move { client.refresh().await })
        });
    }

    fn rotate(self: &Rc<Self>) {
        let rotated = self.state.borrow_mut().rotate(&*self.entropy());
        metrics::rotated(rotated);
        debug!(paths = rotated, "paths rotated");
        self.keep_up();
    }

    /// Waits until a path stands, or none can be built.
    pub(super) async fn first_path(self: &Rc<Self>) {
        for _ in 0..MOST_FIRST_BUILDS {
            if self.state.borrow().n_paths() > 0 || !self.build_one().await {
                return;
            }
        }
    }

    async fn build_missing(self: &Rc<Self>) {
        for _ in 0..MOST_BUILDS {
            if !self.state.borrow().lacks_paths() || !self.build_one().await {
                return;
            }
        }
    }

    /// Builds a path, or finds out that the guard chosen for it is no good; false when there is nothing to build from.
    async fn build_one(self: &Rc<Self>) -> bool {
        let client = Rc::clone(self);
        self.jobs.build.join(|| async move { client.plan_and_adopt().await }).await
    }

    async fn plan_and_adopt(self: Rc<Self>) -> bool {
        let plan = self.state.borrow().plan(self.now(), &*self.entropy());
        let Some(plan) = plan else { return false };
        let guard = plan.hops[0];
        let node = self.state.borrow().pool.node(&guard).cloned();
        let Some(node) = node else { return true };
        // A guard of before is tested by the first request that it carries.
        let answers = plan.is_trusted || self.exchange.line().is_alive(&node, self.config.guard_within).await;
        metrics::built(answers);
        if answers {
            if !plan.is_trusted {
                self.heard(&guard);
            }
            self.state.borrow_mut().adopt(plan.hops);
        } else {
            self.suspect(guard);
        }
        let paths = self.state.borrow().n_paths();
        debug!(adopted = answers, paths, "path built");
        self.keep_up();
        true
    }

    /// Asks a guard that stopped answering again, until it answers or is dropped.
    pub(super) async fn watch_guard(self: Rc<Self>, guard: PublicKey) {
        let mut pause = WATCH_PAUSE;
        for _ in 0..WATCHES {
            self.ctx.clock().sleep(pause).await;
            pause *= 2;
            let node = self.state.borrow().pool.node(&guard).cloned();
            let Some(node) = node.filter(|_| self.state.borrow().is_leading(&guard)) else { return };
            if self.exchange.line().is_alive(&node, self.config.guard_within).await {
                self.heard(&guard);
                self.keep_up();
                return;
            }
            // Only this counts as one more failure; a strike follows when something else was heard.
            self.suspect(guard);
        }
    }

    /// Writes pool and guards to disk.
    pub(super) async fn save(&self) {
        let (revision, saved) = {
            let state = self.state.borrow();
            (state.revision(), state.to_saved(self.fingerprint))
        };
        let file = self.file.clone();
        match self.ctx.pool().run(move || saved.write(&file)).await {
            Ok(Ok(())) => self.jobs.saved_revision.set(revision),
            Ok(Err(error)) => {
                // Tried again with the next change; until then a restart would begin with an older list.
                warn!(file = %self.file.display(), %error, "paths and nodes could not be saved");
                self.jobs.saved_revision.set(revision);
            }
            Err(error) => warn!(%error, "paths and nodes could not be saved"),
        }
    }
}
