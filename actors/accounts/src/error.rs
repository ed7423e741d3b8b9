//! Why the accounts of a data folder cannot be opened. Each is a sentence for the operator.

use std::path::PathBuf;

use thiserror::Error;

/// Why the accounts of a data folder cannot be opened. Nothing is changed on disk when it happens.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key file is open to other users of the machine.
    #[error("{} may be read or written by other users (mode {mode:04o}); run `chmod 600 {}`", path.display(), path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is not there, though accounts are.
    #[error("{} is missing; without it the accounts in {} cannot be opened, so put the file back", path.display(), database.display())]
    KeyFileMissing {
        /// The file.
        path: PathBuf,
        /// The accounts.
        database: PathBuf,
    },
    /// The key file holds something else.
    #[error("{} is not a key file of this program, or is damaged; put back the one that belongs to these accounts", path.display())]
    KeyFileDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The key file belongs to other accounts.
    #[error("{} is not the key of the accounts in {}; put back the one that belongs to them", path.display(), database.display())]
    WrongKeyFile {
        /// The file.
        path: PathBuf,
        /// The accounts.
        database: PathBuf,
    },
    /// The key is protected, and no passphrase was given.
    #[error(
        "the accounts are protected by a passphrase; set it in the environment variable STARLING_ACCOUNTS__PASSPHRASE"
    )]
    PassphraseNeeded,
    /// The passphrase is not the one the key is protected by.
    #[error(
        "the passphrase does not open the accounts; check the environment variable STARLING_ACCOUNTS__PASSPHRASE"
    )]
    WrongPassphrase,
    /// A file was written by a later version of the program.
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
    #[error(
        "{} cannot be opened as a database: {source}; put a backup in its place, or move it away and restore the accounts with \
         their recovery passwords", path.display()
    )]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: Box<redb::Error>,
    },
}
