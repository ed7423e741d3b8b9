//! The open file: let go of when the disk fails, because a database that saw one such error repeats it for ever.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures::task::AtomicWaker;
use redb::Database;

use super::StoreError;

/// Opens the file and makes it ready to be used.
pub(super) type Opener = dyn Fn() -> Result<Database, StoreError> + Send + Sync;

/// The database, or why there is none at the moment.
pub(super) struct Held {
    open: Box<Opener>,
    database: Mutex<Result<Arc<Database>, StoreError>>,
    /// Whoever waits for the next failure.
    watcher: AtomicWaker,
}

impl Held {
    pub(super) fn open(open: Box<Opener>) -> Result<Self, StoreError> {
        let database = Arc::new(open()?);
        Ok(Self { open, database: Mutex::new(Ok(database)), watcher: AtomicWaker::new() })
    }

    /// For one transaction: as long as it is kept, the file cannot be opened anew.
    pub(super) fn get(&self) -> Result<Arc<Database>, StoreError> {
        self.lock().clone()
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        self.lock().as_ref().err().cloned()
    }

    /// Lets go of the database if that error says that it cannot be used any more.
    pub(super) fn report(&self, error: &StoreError) {
        if !error.outlasts_its_transaction() {
            return;
        }
        let mut database = self.lock();
        if database.is_err() {
            return;
        }
        let broken = std::mem::replace(&mut *database, Err(error.clone()));
        drop(database);
        // Closing may try the disk once more, so nobody is kept waiting for the lock meanwhile.
        drop(broken);
        self.watcher.wake();
    }

    /// Resolves when there is no database, with the reason. One waits at a time: the last to ask.
    pub(super) async fn failed(&self) -> StoreError {
        poll_fn(|context| {
            self.watcher.register(context.waker());
            self.failure().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Opens the file anew if it was let go of.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        if self.failure().is_some() {
            let database = (self.open)()?;
            *self.lock() = Ok(Arc::new(database));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Result<Arc<Database>, StoreError>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests;
