//! What an actor is given: time, randomness, a CPU pool, other actors, and tasks of its own.

use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracing::{Instrument as _, Span, error};

use crate::{
    actor::Task,
    clock::Clock,
    entropy::Entropy,
    health::Health,
    lifecycle::Vitals,
    message::{Event, Message},
    panics::caught_in,
    pool::CpuPool,
    recipient::Recipient,
    registry::{Publisher, Registry},
};

/// What the process offers to every actor alike.
#[derive(Clone)]
pub struct Environment {
    /// Time, which a test can own.
    pub clock: Arc<dyn Clock>,
    /// Randomness, which a test can own.
    pub entropy: Arc<dyn Entropy>,
    /// Threads for work that would hold up an actor.
    pub pool: CpuPool,
    /// Who serves which message.
    pub registry: Registry,
    /// How every actor is doing.
    pub health: Health,
}

/// One incarnation's view of the kernel. Cheap to clone; stays on the actor's thread.
#[derive(Clone)]
pub struct Context {
    environment: Environment,
    vitals: Arc<Vitals>,
    tasks: Rc<Tasks>,
}

impl Context {
    pub(crate) fn new(environment: Environment, vitals: Arc<Vitals>, on_panic: Rc<dyn Fn()>) -> Self {
        let tasks = Rc::new(Tasks { running: RefCell::new(Some(JoinSet::new())), on_panic });
        Self { environment, vitals, tasks }
    }

    /// Name of the actor this context belongs to.
    pub fn name(&self) -> &'static str {
        self.vitals.name
    }

    /// Everything that the process offers.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.environment.clock
    }

    /// Randomness.
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.environment.entropy
    }

    /// The CPU pool.
    pub fn pool(&self) -> &CpuPool {
        &self.environment.pool
    }

    /// Whoever serves `M`, now or later.
    pub fn recipient<M: Message>(&self) -> Recipient<M> {
        self.environment.registry.recipient()
    }

    /// Tells `E` to its subscribers.
    pub fn publisher<E: Event>(&self) -> Publisher<E> {
        self.environment.registry.publisher()
    }

    /// Says why the actor, though running, cannot do its work yet; shown by `/readyz`.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.vitals.set_waiting_for(Some(reason.into()));
    }

    /// Takes back [`Context::not_ready`].
    pub fn ready(&self) {
        self.vitals.set_waiting_for(None);
    }

    /// The span of a new request; see [`Registry::request`].
    pub fn request(&self, kind: &'static str) -> Span {
        self.environment.registry.request(kind)
    }

    /// Runs a task beside the mailbox, until it ends or this incarnation does. A panic in it restarts the actor.
    ///
    /// It goes on while the actor drains. Spawned while a message is handled, it belongs to that message's request.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let on_panic = Rc::clone(&self.tasks.on_panic);
        let name = self.name();
        let task = async move {
            if caught_in(future).await.is_err() {
                error!(actor = name, "background task panicked");
                on_panic();
            }
        };
        let mut running = self.tasks.running.borrow_mut();
        // A straggler of an incarnation that has ended may still ask for more; there is nobody to do it for.
        if let Some(running) = running.as_mut() {
            while running.try_join_next().is_some() {}
            running.spawn_local(task.instrument(Span::current()));
        }
    }

    /// Runs `work` again and again, `period` after the last run ended, until this incarnation ends. Each run is a request.
    pub fn every(&self, period: Duration, mut work: impl FnMut() -> Task<()> + 'static) {
        let clock = Arc::clone(&self.environment.clock);
        let registry = self.environment.registry.clone();
        self.spawn(async move {
            loop {
                clock.sleep(period).await;
                let request = registry.request("periodic");
                async { work().await }.instrument(request).await;
            }
        });
    }

    /// Ends the incarnation: no task is taken any more, and those that run are the caller's to end.
    pub(crate) fn end_tasks(&self) -> JoinSet<()> {
        self.tasks.running.take().unwrap_or_default()
    }
}

struct Tasks {
    /// Nothing once the incarnation has ended.
    running: RefCell<Option<JoinSet<()>>>,
    on_panic: Rc<dyn Fn()>,
}
