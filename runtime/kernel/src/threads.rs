//! The threads that the actors live on, with the actix system that they belong to.

use std::{io, sync::mpsc, thread::JoinHandle};

use actix::{Arbiter, ArbiterHandle, System};
use tracing::warn;

/// Arbiters, shared ones and those of a single actor.
pub(crate) struct Threads {
    system: System,
    orders: mpsc::SyncSender<Order>,
    shared: Vec<ArbiterHandle>,
    next: usize,
    thread: Option<JoinHandle<()>>,
}

/// Somebody waits for an arbiter of his own.
type Order = mpsc::SyncSender<io::Result<ArbiterHandle>>;

impl Threads {
    /// So many shared threads; 0 means one per core.
    pub(crate) fn start(shared: usize) -> io::Result<Self> {
        let wanted = match shared {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let (ready, started) = mpsc::sync_channel(1);
        let (orders, ordered) = mpsc::sync_channel::<Order>(16);
        let thread = std::thread::Builder::new()
            .name("starling-system".to_owned())
            .spawn(move || run_system(wanted, &ready, ordered))?;
        let (system, shared) =
            started.recv().map_err(|_| io::Error::other("the actor system did not start"))??;
        Ok(Self { system, orders, shared, next: 0, thread: Some(thread) })
    }

    /// A thread to live on: the next of the shared ones, or one that nobody else has.
    pub(crate) fn arbiter(&mut self, is_own: bool) -> io::Result<ArbiterHandle> {
        if is_own {
            let gone = || io::Error::other("the actor system has ended");
            let (order, made) = mpsc::sync_channel(1);
            self.orders.send(order).map_err(|_| gone())?;
            return made.recv().map_err(|_| gone())?;
        }
        let arbiter = self.shared[self.next % self.shared.len()].clone();
        self.next += 1;
        Ok(arbiter)
    }
}

type Ready = mpsc::SyncSender<io::Result<(System, Vec<ArbiterHandle>)>>;

/// The life of the system's thread.
fn run_system(wanted: usize, ready: &Ready, ordered: mpsc::Receiver<Order>) {
    let runner = System::new();
    let system = System::current();
    let made = open(wanted, &system, ordered);
    let is_up = made.is_ok();
    // The starter waits for this; if it is gone, so is the reason to run.
    let is_heard = ready.send(made.map(|arbiters| (system, arbiters))).is_ok();
    if is_up
        && is_heard
        && let Err(error) = runner.run()
    {
        warn!(%error, "the actor system ended badly");
    }
}

fn open(wanted: usize, system: &System, ordered: mpsc::Receiver<Order>) -> io::Result<Vec<ArbiterHandle>> {
    let arbiters = (0..wanted).map(|_| Ok(Arbiter::try_new()?.handle())).collect::<io::Result<Vec<_>>>()?;
    let maker = system.clone();
    // An arbiter can only be made on a thread of its system, and the system's own thread has to run it.
    std::thread::Builder::new().name("starling-arbiters".to_owned()).spawn(move || {
        System::set_current(maker);
        while let Ok(order) = ordered.recv() {
            // Whoever ordered it may be gone.
            let _ = order.send(Arbiter::try_new().map(|arbiter| arbiter.handle()));
        }
    })?;
    Ok(arbiters)
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            warn!("the actor system's thread panicked");
        }
    }
}
