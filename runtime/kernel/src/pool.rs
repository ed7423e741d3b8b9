//! Threads for work that would hold up an actor: signatures, key agreement, compression, database writes.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};
use tracing::Span;

use crate::panics::caught;

/// Why a job on the pool gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The job panicked; the pool goes on.
    #[error("a job on the cpu pool panicked")]
    Panicked,
}

/// A fixed number of threads behind a bounded queue. Clones share them.
#[derive(Clone)]
pub struct CpuPool {
    threads: Arc<rayon::ThreadPool>,
    queue: Arc<Semaphore>,
}

/// Jobs that may wait per thread; more callers wait for their turn in [`CpuPool::run`], which holds them back upstream.
const QUEUE_PER_THREAD: usize = 64;

impl CpuPool {
    /// A pool of so many threads; 0 means one per core.
    pub fn new(threads: usize) -> Result<Self, std::io::Error> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("starling-cpu-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        let queue = Arc::new(Semaphore::new(threads.current_num_threads() * QUEUE_PER_THREAD));
        Ok(Self { threads: Arc::new(threads), queue })
    }

    /// Runs `job` on a thread of the pool.
    ///
    /// Dropping the future leaves the job running; its result is thrown away.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let permit = Arc::clone(&self.queue).acquire_owned().await.map_err(|_| PoolError::Panicked)?;
        let (sender, receiver) = oneshot::channel();
        // The job belongs to the request of its caller.
        let span = Span::current();
        self.threads.spawn(move || {
            let outcome = span.in_scope(|| caught(job));
            drop(permit);
            if let Ok(value) = outcome {
                // The caller may have stopped waiting; a value that panics when dropped would end the whole process here.
                let _ = caught(|| drop(sender.send(value)));
            }
        });
        receiver.await.map_err(|_| PoolError::Panicked)
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }
}
