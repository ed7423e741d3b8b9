//! The thread that writes: takes what waits, applies it in one transaction, commits, answers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, channel::oneshot};
use starling_kernel::Clock;
use tracing::{debug, error};

use super::{StoreError, held::Held, tables::Tables};
use crate::metrics;

/// A change to the store.
pub trait Operation: Send + 'static {
    /// What it tells whoever asked for it.
    type Output: Send + 'static;

    /// Makes the change.
    ///
    /// # Errors
    /// The database failed: everything in the batch is undone. What a caller can bring about is part of the output.
    fn apply(self, tables: &mut Tables<'_>) -> Result<Self::Output, StoreError>;
}

/// Resolves when the operation is on disk. Dropping it does not take the operation back.
pub struct Ticket<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Future for Ticket<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

/// How the writer collects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batching {
    pub(super) max_operations: usize,
    pub(super) linger: Duration,
    pub(super) queue: usize,
    pub(super) capacity_bytes: u64,
}

/// The way to the writer's thread, which ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Order>,
    /// Operations in the queue.
    waiting: Arc<AtomicUsize>,
    commits: Arc<AtomicU64>,
    queue: usize,
}

enum Order {
    Do(Box<dyn Job>),
    /// Ends the thread after everything that was handed in before.
    Close(oneshot::Sender<()>),
}

impl Writer {
    pub(super) fn start(
        held: Arc<Held>,
        batching: Batching,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, std::io::Error> {
        let (orders, ordered) = sync_channel(batching.queue + 1);
        let waiting = Arc::<AtomicUsize>::default();
        let commits = Arc::<AtomicU64>::default();
        let counters = (Arc::clone(&waiting), Arc::clone(&commits));
        let thread =
            WriterThread { held, batching, clock, ordered, waiting: counters.0, commits: counters.1 };
        std::thread::Builder::new().name("starling-store".to_owned()).spawn(move || thread.run())?;
        Ok(Self { orders, waiting, commits, queue: batching.queue })
    }

    pub(super) fn submit<O: Operation>(&self, operation: O) -> Result<Ticket<O::Output>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let busy = StoreError::Busy { capacity: self.queue };
        let room = |waiting| if waiting < self.queue { Some(waiting + 1) } else { None };
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).map_err(|_| busy.clone())?;
        let job = Box::new(Pending { operation: Some(operation), output: None, reply });
        match self.orders.try_send(Order::Do(job)) {
            Ok(()) => Ok(Ticket(answer)),
            Err(TrySendError::Full(_)) => Err(busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    pub(super) fn n_commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Resolves when everything handed in before is on disk and the thread has let go of the file.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // There is one more place than operations may take; if it is taken, somebody else is closing already.
        if self.orders.try_send(Order::Close(done)).is_ok() {
            // An error means that the thread had ended before.
            let _ = closed.await;
        }
    }
}

/// An operation with its type forgotten.
trait Job: Send {
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError>;
    /// Answers, after the commit or its failure.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Pending<O: Operation> {
    operation: Option<O>,
    output: Option<O::Output>,
    reply: oneshot::Sender<Result<O::Output, StoreError>>,
}

impl<O: Operation> Job for Pending<O> {
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        if let Some(operation) = self.operation.take() {
            self.output = Some(operation.apply(tables)?);
        }
        Ok(())
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        // Whoever asked may have stopped waiting.
        let _ = reply.send(outcome.and_then(|()| output.ok_or(StoreError::Panicked)));
    }
}

struct WriterThread {
    held: Arc<Held>,
    batching: Batching,
    clock: Arc<dyn Clock>,
    ordered: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
    commits: Arc<AtomicU64>,
}

impl WriterThread {
    fn run(self) {
        let mut had_company = false;
        loop {
            let mut batch = Vec::new();
            let closing = self.collect(&mut batch, had_company);
            had_company = batch.len() > 1;
            if !batch.is_empty() {
                self.write(batch);
            }
            match closing {
                None => {}
                Some(Closing::Abandoned) => return,
                Some(Closing::Asked(done)) => {
                    drop(self);
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// Waits for a first operation and takes those that come with it.
    ///
    /// A lone caller is not held up: the writer lingers only if its last batch had more than one operation.
    fn collect(&self, batch: &mut Vec<Box<dyn Job>>, had_company: bool) -> Option<Closing> {
        match self.ordered.recv() {
            Ok(Order::Do(job)) => self.take(batch, job),
            Ok(Order::Close(done)) => return Some(Closing::Asked(done)),
            Err(_) => return Some(Closing::Abandoned),
        }
        let until = self.clock.elapsed() + if had_company { self.batching.linger } else { Duration::ZERO };
        while batch.len() < self.batching.max_operations {
            let left = until.saturating_sub(self.clock.elapsed());
            match self.ordered.recv_timeout(left) {
                Ok(Order::Do(job)) => self.take(batch, job),
                Ok(Order::Close(done)) => return Some(Closing::Asked(done)),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => return Some(Closing::Abandoned),
            }
        }
        None
    }

    fn take(&self, batch: &mut Vec<Box<dyn Job>>, job: Box<dyn Job>) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        batch.push(job);
    }

    fn write(&self, mut batch: Vec<Box<dyn Job>>) {
        let began = self.clock.elapsed();
        let was_broken = self.held.failure().is_some();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(&mut batch)));
        let outcome = outcome.unwrap_or(Err(StoreError::Panicked));
        match &outcome {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::AcqRel);
                metrics::committed(batch.len(), self.clock.elapsed().saturating_sub(began));
            }
            Err(error) => {
                metrics::commit_failed();
                // The one line for all of the batch; and of a broken store the operator knows already.
                match was_broken {
                    true => debug!(%error, operations = batch.len(), "a batch was not written"),
                    false => error!(%error, operations = batch.len(), "a batch could not be written"),
                }
                self.held.report(error);
            }
        }
        for job in batch {
            job.settle(outcome.clone());
        }
    }

    /// One transaction, durable when this returns.
    fn commit(&self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let transaction = self.held.get()?.begin_write()?;
        let mut tables = Tables::open(&transaction, self.batching.capacity_bytes)?;
        for job in batch.iter_mut() {
            job.apply(&mut tables)?;
        }
        let stock = tables.finish()?;
        transaction.commit()?;
        metrics::stock(stock.rows, stock.body_bytes);
        Ok(())
    }
}

enum Closing {
    Asked(oneshot::Sender<()>),
    /// Nobody is left who could ask.
    Abandoned,
}
