//! Why the messages of a data folder cannot be opened. Each is a sentence for the operator.

use std::path::PathBuf;

use thiserror::Error;

/// Why the messages of a data folder cannot be opened. Nothing is changed on disk when it happens.
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
    /// The database refused.
    #[error("{} cannot be opened as a database: {source}; put a backup in its place, or move it away: what swarms still hold is fetched again", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: Box<redb::Error>,
    },
}
