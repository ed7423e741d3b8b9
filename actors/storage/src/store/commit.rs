//! The thread that writes: takes what waits, applies it in one transaction, commits, answers.

use std::{
    collections::{BTreeSet, VecDeque},
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
use starling_protocol::account::AccountId;
use tracing::{debug, error};

use super::{StoreError, held::Held, news::Outlet, tables::Tables};
use crate::metrics;

/// A change to the store.
pub trait Operation: Send + 'static {
    /// What it tells whoever asked for it.
    type Output: Send + 'static;
    /// What a change that takes several commits remembers from one to the next; `()` where one is enough.
    type Progress: Default + Send + 'static;

    /// Whose messages are changed. While a change to an account is unfinished, later ones to the same account wait, and others do not.
    fn account(&self) -> Option<&AccountId> {
        None
    }

    /// Makes the change, or a bounded part of it. It is called once per commit until it is done.
    ///
    /// # Errors
    /// The database failed: everything in the batch is undone. What a caller can bring about is part of the output.
    fn apply(
        &mut self,
        progress: &mut Self::Progress,
        tables: &mut Tables<'_>,
    ) -> Result<Step<Self::Output>, StoreError>;
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<T> {
    /// It is made.
    Done(T),
    /// There is more to do, in the next commit.
    More,
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
        outlet: Outlet,
    ) -> Result<Self, std::io::Error> {
        let (orders, ordered) = sync_channel(batching.queue + 1);
        let waiting = Arc::<AtomicUsize>::default();
        let commits = Arc::<AtomicU64>::default();
        let thread = WriterThread {
            held,
            batching,
            clock,
            ordered,
            waiting: Arc::clone(&waiting),
            commits: Arc::clone(&commits),
            outlet,
            unfinished: VecDeque::new(),
            deferred: VecDeque::new(),
        };
        std::thread::Builder::new().name("starling-store".to_owned()).spawn(move || thread.run())?;
        Ok(Self { orders, waiting, commits, queue: batching.queue })
    }

    pub(super) fn submit<O: Operation>(&self, operation: O) -> Result<Ticket<O::Output>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let busy = StoreError::Busy { capacity: self.queue };
        let room = |waiting| if waiting < self.queue { Some(waiting + 1) } else { None };
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).map_err(|_| busy.clone())?;
        let job = Box::new(Pending { operation, progress: O::Progress::default(), output: None, reply });
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
    fn account(&self) -> Option<&AccountId>;
    /// Is it done with this?
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<bool, StoreError>;
    /// Answers, after the commit or its failure.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Pending<O: Operation> {
    operation: O,
    progress: O::Progress,
    output: Option<O::Output>,
    reply: oneshot::Sender<Result<O::Output, StoreError>>,
}

impl<O: Operation> Job for Pending<O> {
    fn account(&self) -> Option<&AccountId> {
        self.operation.account()
    }

    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<bool, StoreError> {
        match self.operation.apply(&mut self.progress, tables)? {
            Step::Done(output) => self.output = Some(output),
            Step::More => {}
        }
        Ok(self.output.is_some())
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
    outlet: Outlet,
    /// Changes that take more commits, each to an account of its own; they take turns.
    unfinished: VecDeque<Box<dyn Job>>,
    /// What waits for one of those, in the order in which it came.
    deferred: VecDeque<Box<dyn Job>>,
}

/// What a batch did to one of its jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Untouched,
    Done,
    Unfinished,
    /// It is not its turn: something before it, on the same account, is unfinished.
    Deferred,
}

impl WriterThread {
    fn run(mut self) {
        let (mut had_company, mut closing) = (false, None);
        loop {
            let mut batch = self.resume();
            let n_resumed = batch.len();
            if closing.is_none() {
                closing = self.collect(&mut batch, had_company);
            }
            had_company = batch.len() > 1;
            if !batch.is_empty() {
                self.write(batch, n_resumed);
            }
            if !(self.unfinished.is_empty() && self.deferred.is_empty()) {
                continue;
            }
            match closing {
                None => {}
                Some(Closing::Abandoned) => return,
                Some(Closing::Asked(done)) => {
                    // What was handed in meanwhile is refused, and the file let go of, before whoever asked is told.
                    drop(self);
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// The next turn of an unfinished change, and what need not wait any longer.
    fn resume(&mut self) -> Vec<Box<dyn Job>> {
        let stuck = accounts(&self.unfinished);
        let mut batch: Vec<_> = self.unfinished.pop_front().into_iter().collect();
        let mut still_deferred = VecDeque::new();
        for job in std::mem::take(&mut self.deferred) {
            let is_stuck = job.account().is_some_and(|account| stuck.contains(account));
            // Once the batch is full, everything behind stays where it is, and so in its order.
            if is_stuck || batch.len() >= self.batching.max_operations {
                still_deferred.push_back(job);
            } else {
                self.take(&mut batch, job);
            }
        }
        self.deferred = still_deferred;
        batch
    }

    /// Takes what waits; if there is nothing else to do, waits for a first operation.
    ///
    /// A lone caller is not held up: the writer lingers only if its last batch had more than one operation, and not while a change is
    /// unfinished.
    fn collect(&self, batch: &mut Vec<Box<dyn Job>>, had_company: bool) -> Option<Closing> {
        let mut linger = Duration::ZERO;
        if batch.is_empty() {
            match self.ordered.recv() {
                Ok(Order::Do(job)) => self.take(batch, job),
                Ok(Order::Close(done)) => return Some(Closing::Asked(done)),
                Err(_) => return Some(Closing::Abandoned),
            }
            linger = if had_company { self.batching.linger } else { Duration::ZERO };
        }
        let until = self.clock.elapsed() + linger;
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

    fn write(&mut self, mut batch: Vec<Box<dyn Job>>, n_resumed: usize) {
        let began = self.clock.elapsed();
        let was_broken = self.held.failure().is_some();
        let mut fates = vec![Fate::Untouched; batch.len()];
        let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(&mut batch, &mut fates, n_resumed)));
        let outcome = outcome.unwrap_or(Err(StoreError::Panicked));
        match &outcome {
            Ok(false) => {}
            Ok(true) => {
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
        let outcome = outcome.map(|_| ());
        let mut deferred_again = Vec::new();
        for (index, (job, fate)) in batch.into_iter().zip(fates).enumerate() {
            match fate {
                Fate::Deferred => {
                    self.waiting.fetch_add(1, Ordering::AcqRel);
                    if index < n_resumed {
                        deferred_again.push(job);
                    } else {
                        self.deferred.push_back(job);
                    }
                }
                Fate::Unfinished if outcome.is_ok() => self.unfinished.push_back(job),
                _ => job.settle(outcome.clone()),
            }
        }
        for job in deferred_again.into_iter().rev() {
            self.deferred.push_front(job);
        }
    }

    /// One transaction, durable when this returns; false if it would have changed nothing.
    fn commit(
        &self,
        batch: &mut [Box<dyn Job>],
        fates: &mut [Fate],
        n_resumed: usize,
    ) -> Result<bool, StoreError> {
        let (mut stuck, waited_for) = (accounts(&self.unfinished), accounts(&self.deferred));
        let transaction = self.held.get()?.begin_write()?;
        let mut tables = Tables::open(&transaction, self.batching.capacity_bytes)?;
        for (index, (job, fate)) in batch.iter_mut().zip(fates).enumerate() {
            let account = job.account().copied();
            let has_to_wait = account.is_some_and(|account| {
                stuck.contains(&account) || (index >= n_resumed && waited_for.contains(&account))
            });
            *fate = match has_to_wait {
                true => Fate::Deferred,
                false if job.apply(&mut tables)? => Fate::Done,
                false => Fate::Unfinished,
            };
            if *fate != Fate::Done {
                stuck.extend(account);
            }
        }
        // Most of what clients ask of the writer, extending what was extended a poll ago, changes nothing and costs no fsync.
        if !tables.is_changed() {
            drop(tables);
            transaction.abort()?;
            return Ok(false);
        }
        let (stock, news) = tables.finish()?;
        transaction.commit()?;
        metrics::stock(stock.rows, stock.body_bytes);
        self.outlet.tell(news);
        Ok(true)
    }
}

fn accounts(jobs: &VecDeque<Box<dyn Job>>) -> BTreeSet<AccountId> {
    jobs.iter().filter_map(|job| job.account().copied()).collect()
}

enum Closing {
    Asked(oneshot::Sender<()>),
    /// Nobody is left who could ask.
    Abandoned,
}
