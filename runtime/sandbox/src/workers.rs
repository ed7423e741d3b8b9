//! The threads that guests run on: apart from those of the actors, and of lower rank, so that a guest has what the node leaves.

use std::{future::Future, num::NonZeroUsize, thread::available_parallelism};

use tokio::{runtime::Runtime, task::JoinHandle};

use crate::engine::SandboxError;

/// How much lower than the node's own threads they rank. The system gives them about a thirtieth of a core that both want.
const RANK: i32 = 15;

/// Plugins that are read and compiled at once, for each thread: when a thousand of them are started, each takes memory for it.
const COMPILING_PER_THREAD: usize = 4;

/// A few threads, shared by all plugins. Guests take turns on them.
pub(crate) struct Workers {
    /// There until the drop.
    runtime: Option<Runtime>,
}

impl Workers {
    /// Starts so many threads; with 0 one per core.
    pub(crate) fn start(threads: usize) -> Result<Self, SandboxError> {
        let threads = match threads {
            0 => available_parallelism().map_or(1, NonZeroUsize::get),
            some => some,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(threads * COMPILING_PER_THREAD)
            .thread_name("starling-guest")
            .on_thread_start(|| {
                // Where the system does not let a thread rank lower, guests run beside everybody else.
                let _ = rustix::process::nice(RANK);
            })
            .enable_time()
            .build()
            .map_err(SandboxError::Thread)?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs a task on these threads; it ends when the answer is dropped.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Job<T> {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the drop");
        Job(runtime.spawn(task))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped on an actor's thread, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// A task on the guests' threads.
pub(crate) struct Job<T>(JoinHandle<T>);

impl<T> Job<T> {
    /// Waits for its end. A panic in it goes on here.
    pub(crate) async fn ended(&mut self) -> Option<T> {
        match (&mut self.0).await {
            Ok(value) => Some(value),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
