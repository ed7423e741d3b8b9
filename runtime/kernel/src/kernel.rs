//! Starts actors in the order of their needs, watches them, and stops them in the opposite order.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracing::{Span, info, warn};

use crate::{
    actor::Actor,
    clock::{Clock, SystemClock},
    context::Environment,
    entropy::{Entropy, SystemEntropy},
    error::{Fault, StartError},
    gate::Steer,
    health::Health,
    lifecycle::{Observation, Vitals},
    message::{Event, Message},
    plan::{Launched, Plan, in_order},
    pool::CpuPool,
    recipient::Recipient,
    registry::{Publisher, Registry},
    spec::Spec,
    telemetry,
    threads::Threads,
};

/// How long a killed actor has to be gone before the kernel goes on without it: its thread may be blocked.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// Collects actors; [`KernelBuilder::start`] brings them to life.
pub struct KernelBuilder {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    io_threads: usize,
    cpu_threads: usize,
    plans: Vec<Plan>,
}

impl KernelBuilder {
    /// Time other than the machine's: for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Randomness other than the machine's: for tests.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Threads shared by the actors; 0 means one per core.
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads;
        self
    }

    /// Threads of the CPU pool; 0 means one per core.
    pub fn cpu_threads(mut self, threads: usize) -> Self {
        self.cpu_threads = threads;
        self
    }

    /// Adds an actor.
    pub fn actor<A: Actor>(mut self, spec: Spec<A>) -> Self {
        self.plans.push(Plan::new(spec));
        self
    }

    /// Starts every actor, those that others need first, and waits until all are ready.
    ///
    /// When one cannot start, those already running are drained again and the reason is returned. Plans that cannot work (two
    /// actors of one name or for one message, a missing need, a ring) are refused before anything is started.
    pub async fn start(self) -> Result<Kernel, StartError> {
        let plans = in_order(self.plans)?;
        let pool = CpuPool::new(self.cpu_threads).map_err(StartError::Thread)?;
        let registry = Registry::new(Arc::clone(&self.clock));
        let health = Health::default();
        let environment = Environment { clock: self.clock, entropy: self.entropy, pool, registry, health };
        let threads = Threads::start(self.io_threads).map_err(StartError::Thread)?;
        telemetry::describe();
        let kernel = Kernel {
            inner: Arc::new(Inner {
                environment,
                threads: Mutex::new(Some(threads)),
                crew: Mutex::default(),
                stopping: tokio::sync::Mutex::default(),
            }),
        };
        let expected: Vec<_> = plans.into_iter().map(|plan| kernel.expect(plan)).collect();
        for (plan, vitals) in expected {
            let name = plan.name;
            if let Err(error) = kernel.launch(plan, vitals).await {
                warn!(actor = name, "a start failed; stopping what was started");
                kernel.stop().await;
                return Err(error);
            }
        }
        Ok(kernel)
    }
}

/// A running set of actors. Clones share it; the actors stop with [`Kernel::stop`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Kernel {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    threads: Mutex<Option<Threads>>,
    /// In order of start.
    crew: Mutex<Vec<Member>>,
    /// Held by whoever stops; a second one waits for the first instead of pulling the threads from under it.
    stopping: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Member {
    steer: Arc<dyn Steer>,
    drain_within: Duration,
}

impl Kernel {
    /// An empty kernel with the machine's clock and randomness.
    pub fn builder() -> KernelBuilder {
        KernelBuilder {
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy),
            io_threads: 0,
            cpu_threads: 0,
            plans: Vec::new(),
        }
    }

    /// What the actors are given.
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// Whoever serves `M`.
    pub fn recipient<M: Message>(&self) -> Recipient<M> {
        self.inner.environment.registry.recipient()
    }

    /// Tells `E` to its subscribers.
    pub fn publisher<E: Event>(&self) -> Publisher<E> {
        self.inner.environment.registry.publisher()
    }

    /// The span of a new request; see [`Registry::request`].
    pub fn request(&self, kind: &'static str) -> Span {
        self.inner.environment.registry.request(kind)
    }

    /// Sends a message to whoever serves it: short for [`Kernel::recipient`] and [`Recipient::ask`].
    pub async fn ask<M: Message>(&self, message: M) -> Result<M::Reply, M::Error> {
        self.recipient::<M>().ask(message).await
    }

    /// Why the process is not ready, by actor; empty when it is.
    pub fn unready(&self) -> Vec<(&'static str, String)> {
        self.inner.environment.health.unready()
    }

    /// Every actor, in order of start.
    pub async fn observe(&self) -> Vec<Observation> {
        self.inner.environment.health.observe().await
    }

    /// Stops the actors, those first that nobody needs: each finishes what it accepted, within its deadline, and is killed
    /// after it. Returns the names of those that this call had to kill.
    ///
    /// When it resolves, every actor and every task of one is gone, but for those whose thread is blocked. A second call waits
    /// for the first and then finds nothing to do. Dropped half-way, it has stopped some; a further call stops the rest.
    pub async fn stop(&self) -> Vec<&'static str> {
        let _alone = self.inner.stopping.lock().await;
        let mut killed = Vec::new();
        while let Some(member) = self.last_running() {
            if !member.drain(&*self.inner.environment.clock).await {
                killed.push(member.steer.vitals().name);
            }
            let mut crew = self.crew();
            crew.retain(|other| !Arc::ptr_eq(&other.steer, &member.steer));
        }
        let threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(threads);
        killed
    }

    fn crew(&self) -> std::sync::MutexGuard<'_, Vec<Member>> {
        self.inner.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_running(&self) -> Option<Member> {
        self.crew().last().cloned()
    }

    /// Shows an actor as starting before its turn has come.
    fn expect(&self, plan: Plan) -> (Plan, Arc<Vitals>) {
        telemetry::register(plan.name, &plan.messages);
        let vitals = Arc::new(Vitals::new(plan.name, plan.bounds.mailbox_capacity));
        self.inner.environment.health.expect(Arc::clone(&vitals));
        (plan, vitals)
    }

    async fn launch(&self, plan: Plan, vitals: Arc<Vitals>) -> Result<(), StartError> {
        let Plan { name, bounds, own_thread, launch, .. } = plan;
        let arbiter = {
            let mut threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(threads) = threads.as_mut() else {
                return Err(StartError::Fault { actor: name, fault: Fault::new("the kernel was stopped") });
            };
            threads.arbiter(own_thread).map_err(StartError::Thread)?
        };
        let environment = &self.inner.environment;
        let Launched { steer, starting, run_on } = launch(environment.clone(), vitals)?;
        environment.health.enlist(&steer);
        let member = Member { steer: Arc::clone(&steer), drain_within: bounds.drain_within };
        self.crew().push(member);
        run_on(&arbiter);
        // The cell minds the deadline too, but cannot while its start blocks the thread.
        let outcome = tokio::select! {
            biased;
            outcome = starting => outcome,
            () = environment.clock.sleep(bounds.start_within) => {
                steer.kill();
                return Err(StartError::Deadline { actor: name, deadline: bounds.start_within });
            }
        };
        match outcome {
            Ok(outcome) => outcome?,
            Err(_) => {
                return Err(StartError::Fault { actor: name, fault: Fault::new("its thread ended") });
            }
        }
        info!(actor = name, "actor ready");
        Ok(())
    }
}

impl Member {
    /// Returns whether the actor ended by itself.
    async fn drain(&self, clock: &dyn Clock) -> bool {
        self.steer.drain();
        tokio::select! {
            biased;
            () = self.steer.ended() => return true,
            () = clock.sleep(self.drain_within) => {}
        }
        warn!(actor = self.steer.vitals().name, "actor did not finish in time and is killed");
        self.steer.kill();
        tokio::select! {
            biased;
            () = self.steer.ended() => {}
            () = clock.sleep(KILL_GRACE) => {}
        }
        false
    }
}
