//! The open file, and the snapshot of it that readers share.
//!
//! The database is let go of when the disk fails, because one that saw such an error repeats it for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::Database;
use tracing::info;

use super::{LedgerError, OpenError, view::View};

/// Opens the file and makes it ready to be used.
pub(super) type Opener = dyn Fn() -> Result<Database, OpenError> + Send + Sync;

/// The database, or why there is none at the moment.
pub(super) struct Held {
    open: Box<Opener>,
    database: Mutex<Result<Arc<Database>, LedgerError>>,
    /// As of the last commit, if anybody asked since. Readers keep it for one call only: pages of an old snapshot cannot be used again.
    view: Mutex<Option<Arc<View>>>,
}

impl Held {
    pub(super) fn open(open: Box<Opener>) -> Result<Self, OpenError> {
        let database = Arc::new(open()?);
        Ok(Self { open, database: Mutex::new(Ok(database)), view: Mutex::new(None) })
    }

    /// For one transaction: as long as it is kept, the file cannot be opened anew.
    pub(super) fn get(&self) -> Result<Arc<Database>, LedgerError> {
        self.database().clone()
    }

    /// What is on disk as of the last commit, at least.
    pub(super) fn view(&self) -> Result<Arc<View>, LedgerError> {
        let mut view = lock(&self.view);
        if let Some(view) = &*view {
            return Ok(Arc::clone(view));
        }
        let fresh = Arc::new(View::open(&*self.get()?)?);
        *view = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Reads what is on disk, and lets go of the file if the disk failed.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&View) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.view().and_then(|view| look(&view)).inspect_err(|error| self.report(error))
    }

    /// After a commit: whoever asks for a view from now on sees it.
    pub(super) fn renew_view(&self) {
        let outdated = lock(&self.view).take();
        drop(outdated);
    }

    pub(super) fn failure(&self) -> Option<LedgerError> {
        self.database().as_ref().err().cloned()
    }

    /// Lets go of the database if that error says that it cannot be used any more.
    pub(super) fn report(&self, error: &LedgerError) {
        if error.outlasts_its_transaction() {
            self.let_go(error.clone());
        }
    }

    /// Lets go of the file. Whatever is asked from now on fails with that error.
    pub(super) fn let_go(&self, reason: LedgerError) {
        let database = std::mem::replace(&mut *self.database(), Err(reason));
        self.renew_view();
        // Closing may try the disk once more, so nobody is kept waiting for the lock meanwhile.
        drop(database);
    }

    /// Opens the file anew if it was let go of.
    pub(super) fn reopen(&self) -> Result<(), OpenError> {
        if self.failure().is_some() {
            let database = (self.open)()?;
            *self.database() = Ok(Arc::new(database));
            info!("the plugins' file was opened anew");
        }
        Ok(())
    }

    fn database(&self) -> MutexGuard<'_, Result<Arc<Database>, LedgerError>> {
        lock(&self.database)
    }
}

/// What is behind a lock is whole between any two of its uses, so a panic of another holder changes nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
