//! The room an actor lives in: an actix actor that outlives the actor's panics.
//!
//! Messages come in through actix's queue and are put into the cell's own at once, so the kernel's commands (drain, kill,
//! observe) never wait behind them. The cell hands them to the actor in order, as many at a time as its concurrency allows.
//! When the actor panics, the cell drops it and all its tasks, pauses, makes a new one, and goes on with what waited: nothing
//! in the mailbox is lost by a restart.

mod alarm;
mod commands;
mod remains;
mod work;

use std::{collections::VecDeque, mem, rc::Rc, sync::Arc, time::Duration};

use actix::{ActorContext as _, ActorFutureExt as _, AsyncContext as _, WrapFuture as _};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::JoinSet,
};
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::{
    actor::Actor,
    cell::{
        alarm::{Alarm, Bell},
        remains::{Remains, Remnants},
        work::{Refusal, Waiting},
    },
    context::{Context, Environment},
    error::{Fault, StartError},
    gate::{COMMAND_PLACES, Gate},
    lifecycle::{Status, Vitals},
    panics::{Panicked, caught, caught_in},
    spec::{Bounds, Factory, Spec},
    telemetry,
};

pub(crate) use commands::{Drain, Incoming, Kill, Observe};

/// The back-off stops growing at this multiple of its first value.
const MAX_BACKOFF_FACTOR: u32 = 100;

/// The actix actor around `A`.
pub(crate) struct Cell<A: Actor> {
    factory: Arc<Factory<A>>,
    bounds: Arc<Bounds>,
    environment: Environment,
    vitals: Arc<Vitals>,
    places: Arc<Semaphore>,
    stage: Stage<A>,
    /// Accepted and not begun, in order of arrival; no more than there are places.
    waiting: VecDeque<Box<dyn Waiting<A>>>,
    /// Begun and not finished; no more than the concurrency.
    work: JoinSet<()>,
    incarnation: u64,
    /// When the last restarts were, oldest first.
    restarts: VecDeque<Duration>,
    /// Told once, when the first start ended.
    started: Option<oneshot::Sender<Result<(), StartError>>>,
    is_draining: bool,
    alarm: Rc<Alarm>,
    remains: Remains,
}

/// `Making -> Running -> Closing -> Stopped`; a panic leads from `Running` back to `Making`, too many of them to `Failed`.
enum Stage<A> {
    /// The factory runs, or the pause before it.
    Making,
    /// Messages are handled.
    Running(Resident<A>),
    /// Accepted work is finished; the actor's own drain runs.
    Closing(Resident<A>),
    /// Given up: every message is refused.
    Failed,
    /// The actor is gone, and the cell goes too.
    Stopped,
}

/// The actor itself, and what dies with it.
struct Resident<A> {
    actor: A,
    context: Context,
    /// Rung by tasks that panic.
    bell: Bell,
}

/// A cell that is wired to its handles but runs on no thread yet.
pub(crate) struct Prepared<A: Actor> {
    receiver: actix::dev::channel::AddressReceiver<Cell<A>>,
    factory: Arc<Factory<A>>,
    bounds: Arc<Bounds>,
    environment: Environment,
    vitals: Arc<Vitals>,
    places: Arc<Semaphore>,
    started: oneshot::Sender<Result<(), StartError>>,
    ended: watch::Sender<()>,
}

/// Hears when the actor is ready, or why it is not.
pub(crate) type Starting = oneshot::Receiver<Result<(), StartError>>;

impl<A: Actor> Cell<A> {
    /// Makes the handle first, so that messages sent while the actor starts wait in its mailbox.
    pub(crate) fn prepare(
        spec: &Spec<A>,
        environment: Environment,
        vitals: Arc<Vitals>,
    ) -> (Gate<A>, Prepared<A>, Starting) {
        let bounds = Arc::new(spec.bounds.clone());
        let capacity = bounds.mailbox_capacity.saturating_add(COMMAND_PLACES);
        let (sender, receiver) = actix::dev::channel::channel(capacity);
        let places = Arc::new(Semaphore::new(bounds.mailbox_capacity));
        let (started, starting) = oneshot::channel();
        let (ended, end) = watch::channel(());
        let gate = Gate::new(
            actix::Addr::new(sender),
            Arc::clone(&places),
            Arc::clone(&vitals),
            Arc::clone(&environment.clock),
            Arc::clone(&bounds),
            end,
        );
        let factory = Arc::clone(&spec.factory);
        let prepared = Prepared { receiver, factory, bounds, environment, vitals, places, started, ended };
        (gate, prepared, starting)
    }
}

impl<A: Actor> Prepared<A> {
    /// Moves in. When the arbiter is gone everything is dropped, and whoever waits for the start hears of it.
    pub(crate) fn run_on(self, arbiter: &actix::ArbiterHandle) {
        arbiter.spawn_fn(move || {
            let Self { receiver, factory, bounds, environment, vitals, places, started, ended } = self;
            let remains = Remains::default();
            let end = End { vitals: Arc::clone(&vitals), _told: ended };
            let cell = Cell {
                factory,
                bounds,
                environment,
                vitals,
                places,
                stage: Stage::Making,
                waiting: VecDeque::new(),
                work: JoinSet::new(),
                incarnation: 0,
                restarts: VecDeque::new(),
                started: Some(started),
                is_draining: false,
                alarm: Rc::default(),
                remains: remains.clone(),
            };
            let life = actix::Context::with_receiver(receiver).into_future(cell);
            actix_rt::spawn(async move {
                if caught_in(life).await.is_err() {
                    end.vitals.advance(Status::Failed);
                    error!(actor = end.vitals.name, "actor broke down outside of its handlers");
                }
                remains.gone().await;
                drop(end);
            });
        });
    }
}

/// Tells the handles that the cell is gone, however that came.
struct End {
    vitals: Arc<Vitals>,
    _told: watch::Sender<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        if self.vitals.status() != Status::Failed {
            self.vitals.advance(Status::Stopped);
        }
    }
}

impl<A: Actor> Drop for Cell<A> {
    /// Where the kernel is dropped instead of stopped, nobody is left without an answer either.
    fn drop(&mut self) {
        for parcel in mem::take(&mut self.waiting) {
            parcel.refuse(self.vitals.name, Refusal::Lost);
        }
    }
}

impl<A: Actor> Cell<A> {
    /// Makes a new actor after `pause`, when nothing is left of the one before.
    fn make(&mut self, pause: Duration, before: Remnants, ctx: &mut actix::Context<Self>) {
        self.incarnation += 1;
        self.stage = Stage::Making;
        let bell = Alarm::bell(&self.alarm, self.incarnation);
        let context = Context::new(self.environment.clone(), Arc::clone(&self.vitals), bell);
        let factory = Arc::clone(&self.factory);
        let clock = Arc::clone(&self.environment.clock);
        let for_factory = context.clone();
        let start_within = self.bounds.start_within;
        let making = async move {
            before.gone().await;
            if !pause.is_zero() {
                clock.sleep(pause).await;
            }
            tokio::select! {
                biased;
                made = caught_in(async move { factory(for_factory).await }) => match made {
                    Ok(made) => made.map_err(Trouble::Fault),
                    Err(Panicked) => Err(Trouble::Fault(Fault::new("its start panicked"))),
                },
                () = clock.sleep(start_within) => Err(Trouble::Deadline(start_within)),
            }
        };
        // Tasks that the factory spawns stay in this span: they belong to the actor and to no request.
        let making = making.instrument(info_span!(parent: None, "actor", name = self.vitals.name));
        ctx.spawn(making.into_actor(self).map(|made, cell: &mut Self, ctx| cell.made(made, context, ctx)));
    }

    fn made(&mut self, made: Result<A, Trouble>, context: Context, ctx: &mut actix::Context<Self>) {
        match made {
            Ok(actor) => {
                let bell = Alarm::bell(&self.alarm, self.incarnation);
                self.stage = Stage::Running(Resident { actor, context, bell });
                self.vitals.advance(Status::Ready);
                if let Some(started) = self.started.take() {
                    // The kernel may have given up on the start.
                    let _ = started.send(Ok(()));
                }
                self.pump(ctx);
            }
            Err(trouble) => {
                let before = Remnants::new(JoinSet::new(), context.end_tasks());
                if let Some(started) = self.started.take() {
                    let _ = started.send(Err(trouble.into_start_error(self.vitals.name)));
                    self.give_up(before, ctx);
                    return;
                }
                error!(actor = self.vitals.name, error = %trouble, "actor could not be restarted");
                self.restart(before, ctx);
            }
        }
    }

    /// The actor panicked: whatever else it does now counts for nothing.
    fn broken(&mut self, ctx: &mut actix::Context<Self>) {
        match mem::replace(&mut self.stage, Stage::Making) {
            Stage::Running(resident) => {
                let before = self.evict(resident);
                self.restart(before, ctx);
            }
            // Only its background tasks and its drain are left, and the drain has a deadline.
            Stage::Closing(resident) => self.stage = Stage::Closing(resident),
            other => self.stage = other,
        }
    }

    fn evict(&mut self, Resident { actor, context, .. }: Resident<A>) -> Remnants {
        let remnants = Remnants::new(mem::take(&mut self.work), context.end_tasks());
        if caught(|| drop(actor)).is_err() {
            error!(actor = self.vitals.name, "actor panicked while it was dropped");
        }
        remnants
    }

    fn restart(&mut self, before: Remnants, ctx: &mut actix::Context<Self>) {
        let now = self.environment.clock.elapsed();
        let window = self.bounds.restart_window;
        self.restarts.retain(|at| now.saturating_sub(*at) < window);
        if self.restarts.len() >= self.bounds.max_restarts {
            error!(actor = self.vitals.name, restarts = self.restarts.len(), "actor given up");
            self.give_up(before, ctx);
            return;
        }
        self.restarts.push_back(now);
        self.vitals.restarts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        telemetry::restarted(self.vitals.name);
        self.vitals.advance(Status::Starting);
        let doublings = u32::try_from(self.restarts.len() - 1).unwrap_or(u32::MAX).min(16);
        let factor = 2_u32.pow(doublings).min(MAX_BACKOFF_FACTOR);
        let pause = self.bounds.restart_backoff.saturating_mul(factor);
        warn!(actor = self.vitals.name, pause_ms = pause.as_millis(), "actor is restarted");
        self.make(pause, before, ctx);
    }

    /// No more incarnations: who waits and who comes is told so, until the kernel stops.
    fn give_up(&mut self, before: Remnants, ctx: &mut actix::Context<Self>) {
        self.stage = Stage::Failed;
        self.vitals.advance(Status::Failed);
        self.places.close();
        self.remains.add(before);
        for parcel in mem::take(&mut self.waiting) {
            parcel.refuse(self.vitals.name, Refusal::Failed);
        }
        if self.is_draining {
            self.stop(ctx);
        }
    }

    /// Begins what may be begun; closes when everything accepted is finished.
    fn pump(&mut self, ctx: &mut actix::Context<Self>) {
        // While the actor is made the alarm is left to ring: it is heard as soon as there is something to replace.
        if matches!(self.stage, Stage::Running(_)) && self.alarm.is_rung(self.incarnation) {
            self.broken(ctx);
        }
        while self.work.len() < self.bounds.concurrency {
            if !matches!(self.stage, Stage::Running(_)) {
                return;
            }
            let Some(parcel) = self.waiting.pop_front() else { break };
            if parcel.begin(self).is_err() {
                self.broken(ctx);
            }
        }
        if self.is_draining && self.waiting.is_empty() && self.work.is_empty() {
            self.close(ctx);
        }
    }

    fn close(&mut self, ctx: &mut actix::Context<Self>) {
        match mem::replace(&mut self.stage, Stage::Stopped) {
            Stage::Running(mut resident) => {
                let last = caught(|| resident.actor.drain());
                self.stage = Stage::Closing(resident);
                let last = async move {
                    match last {
                        Ok(last) => caught_in(last).await,
                        Err(panicked) => Err(panicked),
                    }
                };
                let last = last.instrument(info_span!(parent: None, "actor", name = self.vitals.name));
                ctx.spawn(last.into_actor(self).map(|outcome, cell: &mut Self, ctx| {
                    if outcome.is_err() {
                        error!(actor = cell.vitals.name, "actor panicked while it was drained");
                    }
                    info!(actor = cell.vitals.name, "actor stopped");
                    cell.stop(ctx);
                }));
            }
            other => self.stage = other,
        }
    }

    /// Ends the cell; whoever still waits is told that the message was lost.
    fn stop(&mut self, ctx: &mut actix::Context<Self>) {
        self.vitals.advance(Status::Stopped);
        self.places.close();
        for parcel in mem::take(&mut self.waiting) {
            parcel.refuse(self.vitals.name, Refusal::Lost);
        }
        let remnants = match mem::replace(&mut self.stage, Stage::Stopped) {
            Stage::Running(resident) | Stage::Closing(resident) => self.evict(resident),
            Stage::Making | Stage::Failed | Stage::Stopped => {
                Remnants::new(mem::take(&mut self.work), JoinSet::new())
            }
        };
        self.remains.add(remnants);
        ctx.stop();
    }
}

/// Why there is no actor.
#[derive(Debug)]
enum Trouble {
    Fault(Fault),
    Deadline(Duration),
}

impl Trouble {
    fn into_start_error(self, actor: &'static str) -> StartError {
        match self {
            Trouble::Fault(fault) => StartError::Fault { actor, fault },
            Trouble::Deadline(deadline) => StartError::Deadline { actor, deadline },
        }
    }
}

impl std::fmt::Display for Trouble {
    /// With all causes, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fault = match self {
            Trouble::Fault(fault) => fault,
            Trouble::Deadline(deadline) => return write!(f, "no start within {deadline:?}"),
        };
        write!(f, "{fault}")?;
        let mut cause = std::error::Error::source(fault);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl<A: Actor> actix::Actor for Cell<A> {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(alarm::Watch);
        self.make(Duration::ZERO, Remnants::default(), ctx);
    }
}
