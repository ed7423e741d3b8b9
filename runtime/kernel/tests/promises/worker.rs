//! An actor that does whatever a test tells it.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use starling_kernel::{Actor, Bounds, CallError, Context, Handler, Message, Spec, Task, done, task};

const NAMES: [&str; 4] = ["worker-0", "worker-1", "worker-2", "worker-3"];

/// What a message has the worker do.
type Deed<const N: usize> = dyn FnOnce(&mut Worker<N>, &Context) -> Task<Result<u32, CallError>> + Send;

/// A message that carries its own handling.
pub(crate) struct Do<const N: usize>(Box<Deed<N>>);

impl<const N: usize> Message for Do<N> {
    type Reply = u32;
    type Error = CallError;
    const NAME: &'static str = "do";
}

/// An actor of which several kinds can live in one kernel.
pub(crate) struct Worker<const N: usize> {
    /// Counted by the messages of [`add`]; starts at zero in each incarnation.
    pub(crate) sum: u32,
    /// What the actor does when it is drained.
    pub(crate) at_drain: Option<Box<dyn FnOnce() -> Task<()>>>,
    /// What the actor does when it is observed.
    pub(crate) at_observe: Option<fn() -> u32>,
    /// Something to hold until the actor is dropped.
    pub(crate) holds: Option<Box<dyn std::any::Any>>,
}

impl<const N: usize> Actor for Worker<N> {
    const NAME: &'static str = NAMES[N];

    fn drain(&mut self) -> Task<()> {
        match self.at_drain.take() {
            Some(at_drain) => at_drain(),
            None => done(()),
        }
    }

    fn observe(&self) -> serde_json::Value {
        match self.at_observe {
            Some(at_observe) => at_observe().into(),
            None => self.sum.into(),
        }
    }
}

impl<const N: usize> Handler<Do<N>> for Worker<N> {
    fn handle(&mut self, Do(deed): Do<N>, ctx: &Context) -> Task<Result<u32, CallError>> {
        deed(self, ctx)
    }
}

/// A worker that has done nothing yet.
pub(crate) fn idle<const N: usize>() -> Worker<N> {
    Worker { sum: 0, at_drain: None, at_observe: None, holds: None }
}

/// Small bounds: a test of a bound should not need a thousand messages, nor one of a restart a second.
pub(crate) fn bounds() -> Bounds {
    let restart_backoff = Duration::from_millis(1);
    Bounds { mailbox_capacity: 64, concurrency: 4, restart_backoff, ..Bounds::default() }
}

/// A worker as most tests want it.
pub(crate) fn spec<const N: usize>() -> Spec<Worker<N>> {
    Spec::new(|_| async { Ok(idle()) }).serves::<Do<N>>().bounds(bounds())
}

/// A worker whose incarnations are counted.
pub(crate) fn counted<const N: usize>(made: &Arc<AtomicU32>) -> Spec<Worker<N>> {
    let made = Arc::clone(made);
    Spec::new(move |_| {
        made.fetch_add(1, Ordering::SeqCst);
        async { Ok(idle()) }
    })
    .serves::<Do<N>>()
    .bounds(bounds())
}

/// Has the worker run `deed`.
pub(crate) fn does<const N: usize>(
    deed: impl FnOnce(&mut Worker<N>, &Context) -> Task<Result<u32, CallError>> + Send + 'static,
) -> Do<N> {
    Do(Box::new(deed))
}

/// Answers the sum after adding `n`.
pub(crate) fn add<const N: usize>(n: u32) -> Do<N> {
    does(move |worker, _| {
        worker.sum += n;
        done(Ok(worker.sum))
    })
}

/// Panics before there is a task.
pub(crate) fn panics<const N: usize>() -> Do<N> {
    does(|_, _| panic!("asked to"))
}

/// Panics in the task.
pub(crate) fn panics_in_task<const N: usize>() -> Do<N> {
    does(|_, _| {
        task(async {
            tokio::task::yield_now().await;
            panic!("asked to")
        })
    })
}

/// Is worked on until the gate opens.
pub(crate) fn waits_for<const N: usize>(gate: &Gate) -> Do<N> {
    let gate = gate.clone();
    does(move |worker, _| {
        gate.reached.fetch_add(1, Ordering::SeqCst);
        worker.sum += 1;
        let sum = worker.sum;
        task(async move {
            gate.passed().await;
            Ok(sum)
        })
    })
}

/// Holds handlers up until a test opens it.
#[derive(Clone)]
pub(crate) struct Gate {
    open: Arc<tokio::sync::Semaphore>,
    reached: Arc<AtomicU32>,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        Self { open: Arc::new(tokio::sync::Semaphore::new(0)), reached: Arc::default() }
    }

    pub(crate) async fn passed(&self) {
        drop(self.open.acquire().await.expect("a gate stays"));
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    /// How many handlers have come to it.
    pub(crate) fn reached(&self) -> u32 {
        self.reached.load(Ordering::SeqCst)
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, entry: impl Into<String>) {
        self.0.lock().expect("nobody panics while writing").push(entry.into());
    }

    pub(crate) fn read(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics while writing").clone()
    }
}

/// A task that does one thing.
pub(crate) fn task_with(deed: impl FnOnce() + 'static) -> Task<()> {
    task(async move { deed() })
}

/// A hang is a failure: nothing in these tests takes long.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it does not hang")
}

/// Waits until the other threads have brought about what the test is about.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let asked_by = std::panic::Location::caller();
    async move {
        let began = std::time::Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20), "never came about: {asked_by}");
            tokio::task::yield_now().await;
        }
    }
}
