//! The actor of one plugin: loads it, has it serve, and loads it again when something changed.

use std::sync::Arc;

use starling_kernel::{Actor, Context, Fault, Spec, Task, task};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::{
    delivery::Delivery,
    house::{House, Housing},
    load::{self, Loaded, NotRunning},
    manifest::PluginName,
    metrics,
    papers::Papers,
    roster::{Condition, Post},
    shift::{Ended, Shift, Surroundings},
    workers::Job,
};

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
        };
        let mut job = house.workers.spawn(work.run());
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
}

impl Work {
    async fn run(mut self) {
        let mut reviews = self.post.reviews().await;
        let _keeping = self.house.workers.spawn(Arc::clone(&self.papers).keep());
        let mut shift: Option<Running> = None;
        loop {
            shift = self.load(shift).await;
            let ended = match &mut shift {
                Some(running) => running.shift.serve(&mut reviews, &mut self.stopping).await,
                None => self.wait().await,
            };
            if ended == Ended::Stopped {
                break;
            }
        }
        self.papers.close();
    }

    /// Loads what is on disk now. Where that cannot run and something ran before, that goes on, and the reason is noted.
    async fn load(&mut self, before: Option<Running>) -> Option<Running> {
        let loaded = before.as_ref().map(|running| running.loaded.clone());
        match self.try_load(loaded.as_ref()).await {
            Ok(running) => Some(running),
            Err(NotRunning::Disabled) => {
                info!(plugin = %self.post.name, "plugin switched off");
                self.post.condition.send_replace(Condition::Disabled);
                None
            }
            Err(NotRunning::Unchanged) => before,
            Err(NotRunning::Refused { reason, on_failure, must_end }) => {
                error!(plugin = %self.post.name, reason, "plugin does not run");
                match before {
                    Some(running) if !must_end => {
                        warn!(plugin = %self.post.name, "the version before goes on");
                        running.note(&self.post, format!("the new version does not run: {reason}"));
                        Some(running)
                    }
                    _ => {
                        self.post.condition.send_replace(Condition::Refused { reason, on_failure });
                        None
                    }
                }
            }
        }
    }

    async fn try_load(&self, before: Option<&Loaded>) -> Result<Running, NotRunning> {
        let loaded = load::load(&self.house, &self.papers, &self.post, before).await?;
        let Surroundings { clock, committed, .. } = self.surroundings.clone();
        let book = loaded.book(&self.house)?;
        let delivery = Delivery {
            plugin: self.post.name.clone(),
            profile: loaded.desk.profile.clone(),
            book: book.clone(),
            clock,
            committed,
            ways: self.house.ways.clone(),
        };
        let shift = Shift::start(&self.post, loaded.clone(), book, self.surroundings.clone()).await;
        let shift = shift.map_err(|reason| loaded.refused(reason))?;
        let condition = Condition::Running {
            version: loaded.version(),
            world: loaded.world(),
            profile: loaded.desk.profile.clone(),
            on_failure: loaded.on_failure,
            note: String::new(),
        };
        self.post.condition.send_replace(condition);
        let delivery = self.house.workers.spawn(delivery.run());
        Ok(Running { shift, loaded, _delivery: delivery })
    }

    /// Until there is something to load, or the actor ends.
    async fn wait(&mut self) -> Ended {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => Ended::Stopped,
            () = self.post.changed.notified() => Ended::Changed,
        }
    }
}

/// A plugin that serves.
struct Running {
    shift: Shift,
    loaded: Loaded,
    /// Ends with it.
    _delivery: Job<()>,
}

impl Running {
    fn note(&self, post: &Post, text: String) {
        post.condition.send_modify(|condition| {
            if let Condition::Running { note, .. } = condition {
                *note = text;
            }
        });
    }
}
