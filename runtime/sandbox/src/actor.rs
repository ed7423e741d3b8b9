//! The actor of one plugin: loads it, has it serve, and loads it again when something changed.

use std::{sync::Arc, time::Duration};

use starling_kernel::{Actor, Context, Fault, Spec, Task, task};
use tokio::sync::{OwnedMutexGuard, watch};
use tracing::{error, info, warn};

use crate::{
    delivery::{Delivering, Delivery},
    house::{House, Housing},
    load::{self, Loaded, NotRunning, Refusal},
    manifest::PluginName,
    metrics,
    papers::Papers,
    roster::{Condition, Post, Reviews},
    shift::{Ended, Shift, Surroundings},
};

/// How soon a plugin is loaded again that something keeps from running which may pass by itself.
const AGAIN: Duration = Duration::from_secs(10);
const NEW_DOES_NOT_RUN: &str = "the new version does not run";

/// Supervises one plugin. The plugin's work is done on the guests' threads; a panic there restarts this actor and nothing else.
pub struct PluginActor {
    post: Arc<Post>,
    stop: watch::Sender<bool>,
    /// Tells when the work has ended.
    ended: watch::Receiver<bool>,
}

/// How to run the actor of that plugin; it starts after the keeper.
pub(crate) fn spec(housing: Housing, name: &PluginName) -> Spec<PluginActor> {
    let bounds = housing.plan().config.bounds.clone();
    // There are as many as the settings and the data folder name, for as long as the process runs.
    let actor_name: &'static str = Box::leak(format!("plugin/{name}").into_boxed_str());
    let name = name.clone();
    Spec::new(move |ctx| PluginActor::start(housing.clone(), name.clone(), ctx))
        .named(actor_name)
        .bounds(bounds)
        .needs("plugins")
}

impl PluginActor {
    async fn start(housing: Housing, name: PluginName, ctx: Context) -> Result<Self, Fault> {
        let house = housing.house()?;
        let post = house.roster.post(&name).cloned();
        let post = post.ok_or_else(|| Fault::new(format!("the plugin {name} is not in the roster")))?;
        metrics::register(&post.name);
        let (stop, stopping) = watch::channel(false);
        let (ending, ended) = watch::channel(false);
        // The work before writes its own log and receipts until it is really gone.
        let reviews = post.reviews().await;
        let opening = {
            let (house, name, clock) = (Arc::clone(&house), name.clone(), Arc::clone(ctx.clock()));
            ctx.pool().run(move || Papers::open(&house, &name, clock))
        };
        let papers =
            opening.await.map_err(|error| Fault::caused_by("opening the plugin's log failed", error))?;
        let papers = papers.map_err(|error| Fault::caused_by("the plugin's log cannot be opened", error))?;
        let work = Work {
            papers: Arc::new(papers),
            house: Arc::clone(&house),
            post: Arc::clone(&post),
            surroundings: Surroundings {
                clock: Arc::clone(ctx.clock()),
                entropy: Arc::clone(ctx.entropy()),
                committed: Arc::default(),
                undone: Arc::default(),
            },
            stopping,
            delivery: None,
        };
        let mut job = house.workers.spawn(work.run(reviews));
        ctx.spawn(async move {
            job.ended().await;
            // Nobody waits any more when the actor is gone.
            let _ = ending.send(true);
        });
        Ok(Self { post, stop, ended })
    }
}

impl Actor for PluginActor {
    const NAME: &'static str = "plugin";

    fn drain(&mut self) -> Task<()> {
        // An error means that the work has ended already.
        let _ = self.stop.send(true);
        let mut ended = self.ended.clone();
        task(async move {
            let _ = ended.wait_for(|ended| *ended).await;
        })
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!(self.post.status())
    }
}

/// What is done for a plugin as long as its actor lives.
struct Work {
    papers: Arc<Papers>,
    house: Arc<House>,
    post: Arc<Post>,
    surroundings: Surroundings,
    stopping: watch::Receiver<bool>,
    /// Takes what the plugin has sent to the inbox, over all its versions.
    delivery: Option<Delivering>,
}

impl Work {
    async fn run(mut self, mut reviews: OwnedMutexGuard<Reviews>) {
        let mut keeping = self.house.workers.spawn(Arc::clone(&self.papers).keep());
        tokio::select! {
            biased;
            // It ends only in a panic, which goes on here.
            _ = keeping.ended() => {}
            () = self.serve(&mut reviews) => {}
        }
        self.papers.close();
        // Who waits for a review is not left waiting; there is no one left to judge it.
        while reviews.try_recv().is_ok() {}
    }

    async fn serve(&mut self, reviews: &mut Reviews) {
        let mut stopping = self.stopping.clone();
        let mut running: Option<Running> = None;
        loop {
            let tried = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                () = self.post.changed.notified() => continue,
                tried = self.load(running.as_ref().map(|running| &running.loaded)) => tried,
            };
            running = self.settle(tried, running);
            let ended = match (&mut running, &mut self.delivery) {
                (Some(running), Some(delivery)) => tokio::select! {
                    biased;
                    () = delivery.broken() => Ended::Stopped,
                    ended = running.shift.serve(reviews, &mut stopping) => ended,
                },
                _ => self.wait(reviews, &mut stopping).await,
            };
            if ended == Ended::Stopped {
                break;
            }
            if let Some(running) = &mut running {
                // The next version may need the place of the instance that this one keeps.
                running.shift.leave_seat();
            }
        }
        drop(running);
        if let Some(delivery) = self.delivery.take() {
            delivery.end().await;
        }
    }

    /// What runs from now on. Where what was loaded cannot run and something ran before, that goes on, and the reason is noted.
    fn settle(
        &mut self,
        tried: Result<(Shift, Loaded), NotRunning>,
        before: Option<Running>,
    ) -> Option<Running> {
        let name = &self.post.name;
        match tried {
            Ok((shift, loaded)) => return Some(self.take_over(shift, loaded)),
            Err(NotRunning::Unchanged) => {
                before.iter().for_each(|running| running.is_newest(&self.post));
                return before;
            }
            Err(NotRunning::Disabled) => {
                info!(plugin = %name, "plugin switched off");
                self.post.condition.send_replace(Condition::Disabled);
            }
            Err(NotRunning::Refused(refusal)) => {
                let refused = Condition::Refused(refusal.clone());
                let Refusal { reason, must_end, .. } = refusal;
                if *self.post.condition.borrow() != refused {
                    error!(plugin = %name, reason, "plugin does not run");
                }
                if let Some(running) = before.filter(|_| !must_end) {
                    warn!(plugin = %name, "the version before goes on");
                    running.note(&self.post, format!("{NEW_DOES_NOT_RUN}: {reason}"));
                    return Some(running);
                }
                self.post.condition.send_replace(refused);
            }
        }
        if let Some(delivery) = &mut self.delivery {
            delivery.stop();
        }
        None
    }

    fn take_over(&mut self, shift: Shift, loaded: Loaded) -> Running {
        let condition = Condition::Running {
            version: loaded.version(),
            world: loaded.world(),
            profile: loaded.desk.profile.clone(),
            on_failure: loaded.on_failure,
            note: String::new(),
        };
        self.post.condition.send_replace(condition);
        let profile = &loaded.desk.profile;
        let before = self.delivery.take();
        self.delivery = Some(match before {
            // One that hands something over just now must not be doubled by another.
            Some(delivery) if delivery.goes_on_for(profile) => delivery,
            before => {
                let Surroundings { clock, committed, .. } = self.surroundings.clone();
                let delivery = Delivery {
                    plugin: self.post.name.clone(),
                    profile: profile.clone(),
                    book: shift.book().clone(),
                    clock,
                    committed,
                    ways: self.house.ways.clone(),
                };
                delivery.begin(&self.house.workers, before)
            }
        });
        Running { shift, loaded }
    }

    /// Loads what is on disk now, and starts it.
    async fn load(&self, before: Option<&Loaded>) -> Result<(Shift, Loaded), NotRunning> {
        let loaded = load::load(&self.house, &self.papers, &self.post, before).await?;
        let starting = async {
            let book = loaded.book(&self.house)?;
            Shift::start(&self.post, loaded.clone(), book, self.surroundings.clone()).await
        };
        let shift = starting.await.map_err(|why| loaded.refused(why, before))?;
        Ok((shift, loaded))
    }

    /// Until there is something to load, or the actor ends. Reviews that were asked for meanwhile are answered as those that fail.
    async fn wait(&self, reviews: &mut Reviews, stopping: &mut watch::Receiver<bool>) -> Ended {
        let is_passing =
            matches!(&*self.post.condition.borrow(), Condition::Refused(refusal) if refusal.is_passing);
        let mut again = self.surroundings.clock.sleep(AGAIN);
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Ended::Stopped,
                () = self.post.changed.notified() => return Ended::Changed,
                () = &mut again, if is_passing => return Ended::Changed,
                Some(_) = reviews.recv() => {}
            }
        }
    }
}

/// A plugin that serves.
struct Running {
    shift: Shift,
    loaded: Loaded,
}

impl Running {
    /// Whatever was said of a newer version does not hold any more.
    fn is_newest(&self, post: &Post) {
        let says_so = matches!(&*post.condition.borrow(), Condition::Running { note, .. } if note.starts_with(NEW_DOES_NOT_RUN));
        if says_so {
            self.note(post, String::new());
        }
    }

    fn note(&self, post: &Post, text: String) {
        post.condition.send_modify(|condition| {
            if let Condition::Running { note, .. } = condition {
                *note = text;
            }
        });
    }
}
