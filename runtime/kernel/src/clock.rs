//! Time that a test can own.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::FutureExt as _;
use tokio::sync::oneshot;

/// Waiting, on any executor that runs tokio.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall time, elapsed time and waiting.
pub trait Clock: Send + Sync + 'static {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> u64;

    /// Time since some fixed moment; never goes back.
    fn elapsed(&self) -> Duration;

    /// Resolves after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until it is told to move.
///
/// Clones share one time. Sleepers wake, in the order of their deadlines, inside [`ManualClock::advance`].
#[derive(Debug, Clone)]
pub struct ManualClock {
    state: Arc<Mutex<ManualState>>,
}

#[derive(Debug)]
struct ManualState {
    started_ms: u64,
    elapsed: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn at(now_ms: u64) -> Self {
        let state = ManualState { started_ms: now_ms, elapsed: Duration::ZERO, sleepers: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves time forward and wakes whoever slept until then.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.elapsed = state.elapsed.saturating_add(duration);
        let now = state.elapsed;
        state.sleepers.sort_by_key(|(deadline, _)| *deadline);
        let due = state.sleepers.partition_point(|(deadline, _)| *deadline <= now);
        for (_, wake) in state.sleepers.drain(..due) {
            // A sleeper that gave up is no concern of the clock.
            let _ = wake.send(());
        }
    }

    /// How many are asleep; lets a test wait until the code under test has gone to sleep.
    pub fn sleepers(&self) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sleepers.retain(|(_, wake)| !wake.is_closed());
        state.sleepers.len()
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.started_ms.saturating_add(u64::try_from(state.elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = state.elapsed.saturating_add(duration);
        if state.sleepers.len() == state.sleepers.capacity() {
            // Most sleeps are deadlines that nobody waits for any more.
            state.sleepers.retain(|(_, wake)| !wake.is_closed());
        }
        state.sleepers.push((deadline, wake));
        Box::pin(woken.map(|_| ()))
    }
}
