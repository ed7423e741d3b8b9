//! Why the store could not do something.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

/// Why the store could not be opened, read or written.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file was written by a later version of the program.
    #[error(
        "{} has schema version {found}, this program knows versions up to {known}: start the newer program, or move \
         the file away",
        .file.display()
    )]
    Newer {
        /// Which file.
        file: PathBuf,
        /// Its version.
        found: u64,
        /// The newest we know.
        known: u64,
    },
    /// The file cannot be opened: it is damaged, not ours, in use, or the operating system refused.
    #[error("the message store {} cannot be opened: {source}", .file.display())]
    Open {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: Arc<redb::Error>,
    },
    /// The thread that writes could not be started.
    #[error("the thread that writes to {} could not be started: {reason}", .file.display())]
    Thread {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("the message store failed: {0}")]
    Database(Arc<redb::Error>),
    /// A row is not what we write.
    #[error("the message store holds a malformed row in {table}")]
    Malformed {
        /// In which table.
        table: &'static str,
    },
    /// More writes wait than there is room for.
    #[error("the writer of the message store is busy: {capacity} writes wait")]
    Busy {
        /// How many may wait.
        capacity: usize,
    },
    /// An operation panicked; everything in its batch was undone.
    #[error("an operation on the message store panicked")]
    Panicked,
    /// The store was closed.
    #[error("the message store is closed")]
    Closed,
}

impl StoreError {
    /// Would every later transaction fail too, until the file is closed and opened anew?
    pub(super) fn outlasts_its_transaction(&self) -> bool {
        // `DatabaseClosed` is not among them: a snapshot of before the file was opened anew says that.
        matches!(self, Self::Database(error) if matches!(
            **error,
            redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::Backend(_) | redb::Error::LockPoisoned(_)
        ))
    }
}

/// Every error of the database's operations on tables and transactions.
macro_rules! from_database {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for StoreError {
            fn from(error: redb::$kind) -> Self {
                Self::Database(Arc::new(error.into()))
            }
        }
    )*};
}
from_database!(StorageError, TableError, TransactionError, CommitError);
