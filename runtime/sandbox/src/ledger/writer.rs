//! The thread that writes: takes what waits, applies it in one transaction, commits, answers.

use std::{
    collections::HashSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, channel::oneshot};
use starling_kernel::Entropy;
use tracing::{debug, error};

use super::{
    LedgerError, Options,
    batch::{Batch, Written},
    held::{Held, lock},
    metrics,
    orders::Job,
    shelf::{Shelf, Taken},
};

/// Resolves when what was handed in is on disk. Dropping it does not take that back.
pub struct Ticket(Outcome);

enum Outcome {
    /// There was nothing worth waiting for.
    Known,
    Waiting(oneshot::Receiver<Result<(), LedgerError>>),
}

impl Ticket {
    pub(super) const fn known() -> Self {
        Self(Outcome::Known)
    }

    /// Is this of a call without effects, whose place is written by and by?
    pub const fn is_lazy(&self) -> bool {
        matches!(self.0, Outcome::Known)
    }
}

impl Future for Ticket {
    type Output = Result<(), LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Outcome::Known => Poll::Ready(Ok(())),
            Outcome::Waiting(answer) => {
                answer.poll_unpin(context).map(|answer| answer.unwrap_or(Err(LedgerError::Closed)))
            }
        }
    }
}

/// The way to the writer's thread, which ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Message>,
    /// Orders in the queue.
    waiting: Arc<AtomicUsize>,
    commits: Arc<AtomicU64>,
    left: Arc<Left>,
    queue: usize,
}

/// Plugins whose place moved without effects since the last commit.
type Left = Mutex<Vec<Arc<Shelf>>>;

enum Message {
    Do(Order),
    Close(oneshot::Sender<()>),
}

struct Order {
    job: Job,
    reply: oneshot::Sender<Result<(), LedgerError>>,
}

enum Closing {
    Asked(oneshot::Sender<()>),
    /// Nobody is left who could ask.
    Abandoned,
}

impl Writer {
    pub(super) fn start(held: Arc<Held>, options: &Options, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        // One more than there may be orders: a place for closing.
        let (orders, ordered) = sync_channel(options.queue + 1);
        let (waiting, commits, left) = <(Arc<AtomicUsize>, Arc<AtomicU64>, Arc<Left>)>::default();
        let thread = WriterThread {
            held,
            max_batch: options.max_batch.max(1),
            linger: options.linger,
            patience: options.patience,
            flush_every: options.flush_every,
            entropy,
            ordered,
            waiting: Arc::clone(&waiting),
            commits: Arc::clone(&commits),
            left: Arc::clone(&left),
        };
        std::thread::Builder::new().name("starling-plugins".to_owned()).spawn(move || thread.run())?;
        Ok(Self { orders, waiting, commits, left, queue: options.queue })
    }

    /// Hands in a job, which is only made when there is room for it. Its place in the order of all jobs is fixed by this call.
    pub(super) fn submit(&self, job: impl FnOnce() -> Job) -> Result<Ticket, LedgerError> {
        let room = |waiting| if waiting < self.queue { Some(waiting + 1) } else { None };
        let reserved = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room);
        reserved.map_err(|_| LedgerError::Busy { capacity: self.queue })?;
        let (reply, answer) = oneshot::channel();
        match self.orders.try_send(Message::Do(Order { job: job(), reply })) {
            Ok(()) => Ok(Ticket(Outcome::Waiting(answer))),
            Err(TrySendError::Full(_)) => Err(LedgerError::Busy { capacity: self.queue }),
            Err(TrySendError::Disconnected(_)) => Err(LedgerError::Closed),
        }
    }

    /// A place was left with a plugin.
    pub(super) fn note_left(&self, shelf: &Arc<Shelf>) {
        lock(&self.left).push(Arc::clone(shelf));
    }

    pub(super) fn n_commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Resolves when everything handed in before is on disk and the file was let go of.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // If the place is taken, somebody else is closing already.
        if self.orders.try_send(Message::Close(done)).is_ok() {
            // An error means that the thread had ended before.
            let _ = closed.await;
        }
    }
}

struct WriterThread {
    held: Arc<Held>,
    max_batch: usize,
    linger: Duration,
    patience: Duration,
    flush_every: Duration,
    entropy: Arc<dyn Entropy>,
    ordered: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    commits: Arc<AtomicU64>,
    left: Arc<Left>,
}

/// What was handed in and is not written yet, in that order.
struct Desk {
    orders: Vec<Order>,
    /// About how many bytes these are.
    weight: usize,
    /// When the first of these is due for which nobody waits.
    due: Option<Instant>,
    /// When places that were left are to be written.
    flush_at: Instant,
}

/// What is written next.
struct Next {
    orders: Vec<Order>,
    /// The places that were left, too.
    with_left: bool,
    closing: Option<Closing>,
}

/// So many orders, and so many bytes, are written without waiting for more.
const ENOUGH: usize = 128;
const ENOUGH_BYTES: usize = 4 << 20;

impl WriterThread {
    fn run(self) {
        let mut had_company = false;
        let mut pace = Pace::default();
        let flush_at = Instant::now() + self.flush_every;
        let mut desk = Desk { orders: Vec::new(), weight: 0, due: None, flush_at };
        loop {
            let Next { orders, with_left, closing } = self.collect(&mut desk, had_company, &pace);
            had_company = orders.len() > 1;
            let began = Instant::now();
            if self.write(orders, with_left) {
                pace.wrote(began);
            }
            let Some(closing) = closing else { continue };
            let held = Arc::clone(&self.held);
            // What was handed in meanwhile is refused, and the file let go of, before whoever asked is told.
            drop(self);
            held.let_go(LedgerError::Closed);
            if let Closing::Asked(done) = closing {
                let _ = done.send(());
            }
            return;
        }
    }

    /// Takes what waits; if nothing does, waits until it is time to write what was left.
    ///
    /// A lone caller is not held up: the writer lingers only if its last batch had more than one order, or was a moment ago. What
    /// nobody waits for is held back for a while, so that the disk is asked once for all of it.
    fn collect(&self, desk: &mut Desk, had_company: bool, pace: &Pace) -> Next {
        let linger = if had_company { self.linger } else { Duration::ZERO };
        let mut until = None;
        let mut closing = None;
        while desk.orders.len() < self.max_batch {
            let next = [until, desk.due].into_iter().flatten().min().unwrap_or(desk.flush_at);
            match self.ordered.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::Do(order)) => {
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    // Whoever has to begin again is told before doing much that is to be done again, too.
                    if order.job.is_stale() {
                        settle(vec![order], &Err(LedgerError::Undone));
                        continue;
                    }
                    let is_awaited = order.job.is_awaited() || self.held.failure().is_some();
                    desk.weight += order.job.weight();
                    desk.orders.push(order);
                    let soon = Instant::now() + linger.max(pace.rest());
                    if is_awaited || desk.is_full(self.max_batch) {
                        until.get_or_insert(soon);
                    } else {
                        desk.due.get_or_insert(soon.max(Instant::now() + self.patience));
                    }
                }
                Ok(Message::Close(done)) => closing = Some(Closing::Asked(done)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => closing = Some(Closing::Abandoned),
            }
            if closing.is_some() {
                break;
            }
        }
        let now = Instant::now();
        let is_late = desk.flush_at <= now || desk.due.is_some_and(|due| due <= now);
        let is_all = is_late || desk.is_full(self.max_batch) || self.patience.is_zero();
        if closing.is_some() || is_all || self.held.failure().is_some() {
            desk.flush_at = now + self.flush_every;
            return Next { orders: desk.all(), with_left: true, closing };
        }
        Next { orders: desk.awaited(), with_left: false, closing }
    }

    /// Says whether the disk was asked for anything.
    fn write(&self, orders: Vec<Order>, with_left: bool) -> bool {
        if let Err(error) = self.held.reopen() {
            debug!(%error, "the plugins' file could not be opened anew");
        }
        let left = if with_left { std::mem::take(&mut *lock(&self.left)) } else { Vec::new() };
        let (stale, orders): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.job.is_stale());
        settle(stale, &Err(LedgerError::Undone));
        if orders.is_empty() && left.is_empty() {
            return false;
        }
        match self.commit(&orders, &left) {
            Ok(()) => settle(orders, &Ok(())),
            Err(error) if error.outlasts_its_transaction() || orders.len() + left.len() == 1 => {
                self.fail(orders, &error);
            }
            // One of them is at fault, and the others need not suffer from it.
            Err(error) => {
                debug!(%error, orders = orders.len(), "a batch is written one by one");
                self.write_one_by_one(orders, &left);
            }
        }
        true
    }

    fn write_one_by_one(&self, orders: Vec<Order>, left: &[Arc<Shelf>]) {
        for order in orders {
            // An earlier one of the same plugin may have failed just now.
            if order.job.is_stale() {
                settle(vec![order], &Err(LedgerError::Undone));
                continue;
            }
            match self.commit(std::slice::from_ref(&order), &[]) {
                Ok(()) => settle(vec![order], &Ok(())),
                Err(error) => self.fail(vec![order], &error),
            }
        }
        for shelf in left {
            if let Err(error) = self.commit(&[], std::slice::from_ref(shelf)) {
                self.fail(Vec::new(), &error);
            }
        }
    }

    fn fail(&self, orders: Vec<Order>, error: &LedgerError) {
        metrics::commit_failed();
        // The one line for all of the batch; and of a broken file the operator knows already.
        match self.held.failure() {
            Some(_) => debug!(%error, orders = orders.len(), "what plugins keep was not written"),
            None => error!(%error, orders = orders.len(), "what plugins keep could not be written"),
        }
        self.held.report(error);
        for order in &orders {
            order.job.undo();
        }
        settle(orders, &Err(error.clone()));
    }

    /// One transaction, durable when this returns.
    fn commit(&self, orders: &[Order], left: &[Arc<Shelf>]) -> Result<(), LedgerError> {
        let began = Instant::now();
        let mut taken = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.transact(orders, left, &mut taken)));
        let written =
            outcome.unwrap_or(Err(LedgerError::Panicked)).inspect_err(|_| self.keep(left, taken))?;
        if written.is_changed {
            self.held.renew_view();
            self.commits.fetch_add(1, Ordering::AcqRel);
            metrics::committed(orders.len(), began.elapsed());
            written.tell();
        }
        Ok(())
    }

    /// Places that could not be written are left for the next time.
    fn keep(&self, left: &[Arc<Shelf>], taken: Vec<(Arc<Shelf>, Taken)>) {
        for (shelf, place) in taken {
            shelf.put_back(place);
        }
        let mut waiting = lock(&self.left);
        for shelf in left {
            if shelf.has_lazy() && !waiting.iter().any(|other| Arc::ptr_eq(other, shelf)) {
                waiting.push(Arc::clone(shelf));
            }
        }
    }

    fn transact(
        &self,
        orders: &[Order],
        left: &[Arc<Shelf>],
        taken: &mut Vec<(Arc<Shelf>, Taken)>,
    ) -> Result<Written, LedgerError> {
        let transaction = self.held.get()?.begin_write()?;
        let mut batch = Batch::open(&transaction, &*self.entropy)?;
        for order in orders {
            batch.apply(&order.job)?;
        }
        let mut early = Vec::new();
        for shelf in left {
            if !batch.flush(shelf, taken)? {
                early.push(Arc::clone(shelf));
            }
        }
        let written = batch.finish()?;
        match written.is_changed {
            true => transaction.commit()?,
            false => transaction.abort()?,
        }
        lock(&self.left).append(&mut early);
        Ok(written)
    }
}

impl Desk {
    fn is_full(&self, max_batch: usize) -> bool {
        self.orders.len() >= ENOUGH.min(max_batch) || self.weight >= ENOUGH_BYTES
    }

    fn all(&mut self) -> Vec<Order> {
        (self.weight, self.due) = (0, None);
        std::mem::take(&mut self.orders)
    }

    /// Takes what somebody waits for, and what the same plugins have handed in before and between.
    fn awaited(&mut self) -> Vec<Order> {
        let awaited: Vec<_> = self.orders.iter().filter(|order| order.job.is_awaited()).collect();
        if awaited.iter().any(|order| order.job.shelf().is_none()) {
            return self.all();
        }
        let shelves: HashSet<_> =
            awaited.iter().filter_map(|order| order.job.shelf().map(Arc::as_ptr)).collect();
        let is_of_them =
            |order: &Order| order.job.shelf().is_none_or(|shelf| shelves.contains(&Arc::as_ptr(shelf)));
        let (taken, kept): (Vec<Order>, Vec<Order>) =
            std::mem::take(&mut self.orders).into_iter().partition(is_of_them);
        let due = self.due.filter(|_| !kept.is_empty());
        (self.weight, self.due) = (kept.iter().map(|order| order.job.weight()).sum(), due);
        self.orders = kept;
        taken
    }
}

/// Leaves the disk to the node: who writes all the time has the disk for a tenth of it, and each of its commits takes the more
/// along. Who writes now and then does not wait.
#[derive(Default)]
struct Pace {
    /// Until when the disk is the node's.
    until: Option<Instant>,
}

/// So many times as long as a commit took, the disk is the node's afterwards; and this long at the most.
const LEAVES: u32 = 9;
const LONGEST_REST: Duration = Duration::from_millis(50);

impl Pace {
    fn wrote(&mut self, began: Instant) {
        let took = began.elapsed();
        self.until = Some(Instant::now() + (took * LEAVES).min(LONGEST_REST));
    }

    /// How long the disk is the node's yet.
    fn rest(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

/// Answers, after the commit or its failure. Memory learns first, so that whoever is answered finds it up to date.
fn settle(orders: Vec<Order>, outcome: &Result<(), LedgerError>) {
    for order in orders {
        if outcome.is_ok() {
            order.job.settled();
        }
        // Whoever asked may have stopped waiting.
        let _ = order.reply.send(outcome.clone());
    }
}
