//! Why the ledger could not be opened, read or written, and why a draft refuses what a guest asks.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::call::HostError;

/// Why the plugins' file of a data folder cannot be opened. Nothing is changed on disk when it happens.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file was written by a later version of the program.
    #[error("{} has format {found}, and this version of starling knows formats up to {known}; use a newer starling", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// Another process has the folder open.
    #[error("{} is in use by another process; stop it, or choose another data folder", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("{} cannot be read or written: {source}", path.display())]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is no database, or a damaged one.
    #[error("{} cannot be opened as a database: {source}; put a copy of it in place, or move it away", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: Box<redb::Error>,
    },
    /// The damage is such that the database did not even come to say so.
    #[error("{} is damaged; put a copy of it in place, or move it away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The thread that writes could not be started.
    #[error("the thread that writes to {} cannot be started: {source}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Why the ledger could not read or write something.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Reading or writing failed.
    #[error("the plugins' file failed: {0}")]
    Database(Arc<redb::Error>),
    /// A row cannot be opened with the key of its account, or is not what we write.
    #[error("the plugins' file holds an unreadable row in {table}")]
    Unreadable {
        /// In which table.
        table: &'static str,
    },
    /// More is to be written than there is room for; the calls that wait have to be written first.
    #[error("the plugins' file is busy: {capacity} calls wait to be written")]
    Busy {
        /// How many may wait.
        capacity: usize,
    },
    /// Another draft of the same plugin was begun after this one.
    #[error("another call of the plugin was begun meanwhile")]
    Outdated,
    /// An earlier call of the plugin, which this one built on, was not written or was removed.
    #[error("an earlier call of the plugin was undone, and this one with it")]
    Undone,
    /// Writing panicked, which is a defect; what was to be written is undone.
    #[error("writing to the plugins' file panicked")]
    Panicked,
    /// No plugin can have that name.
    #[error("a plugin's name has 1 to {max} bytes, none of them zero", max = super::MAX_PLUGIN_NAME_BYTES)]
    Name,
    /// The ledger was closed.
    #[error("the plugins' file is closed")]
    Closed,
}

impl LedgerError {
    /// Would every later transaction fail too, until the file is closed and opened anew?
    pub(super) fn outlasts_its_transaction(&self) -> bool {
        matches!(self, Self::Database(error) if matches!(
            **error,
            redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::Backend(_) | redb::Error::LockPoisoned(_)
        ))
    }
}

/// Every error of the database's operations on tables and transactions.
macro_rules! from_database {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for LedgerError {
            fn from(error: redb::$kind) -> Self {
                Self::Database(Arc::new(error.into()))
            }
        }
    )*};
}
from_database!(StorageError, TableError, TransactionError, CommitError);

/// Why a draft does not do what a guest asks.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DraftError {
    /// As much as may be is there already.
    #[error("the quota of {of} is used up")]
    QuotaExceeded {
        /// What there is a quota of.
        of: &'static str,
        /// When there may be more, in milliseconds; `u32::MAX` for not in this call.
        retry_after_ms: u32,
    },
    /// An argument is not what the function takes.
    #[error("{0}")]
    InvalidArgument(String),
    /// What was asked for does not exist.
    #[error("there is no such thing")]
    NotFound,
    /// The file could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl DraftError {
    /// A quota that only a later call can have more of.
    pub(super) const fn used_up(of: &'static str) -> Self {
        Self::QuotaExceeded { of, retry_after_ms: u32::MAX }
    }
}

impl From<DraftError> for HostError {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::QuotaExceeded { retry_after_ms, .. } => Self::QuotaExceeded(retry_after_ms),
            DraftError::InvalidArgument(reason) => Self::InvalidArgument(reason),
            DraftError::NotFound => Self::NotFound,
            DraftError::Ledger(error) => Self::Other(error.to_string()),
        }
    }
}
