//! The message store: one redb file, written by one thread that commits for many callers at once, read by snapshots.
//!
//! An [`Operation`] is handed to the writer with [`Store::submit`]; operations are applied in the order they are handed in.
//! The writer applies as many as wait, commits them together, and only then answers: what a [`Ticket`] resolves to is on disk.
//! [`Store::read`] gives a snapshot that never waits for the writer.
//!
//! After an I/O error the file is let go of, and everything is refused with that error until [`Store::reopen`] succeeds.
//!
//! The file's tables are declared in one place, `store/tables.rs`.

mod commit;
mod error;
mod held;
mod insert;
mod open;
mod place;
mod read;
mod remove;
mod renew;
mod revoke;
mod tables;

pub use commit::{Operation, Ticket};
pub use error::StoreError;
pub use insert::{Insert, Inserted};
pub use open::{Options, Store};
pub use read::{Page, Snapshot, StoredMessage};
pub use remove::{Remove, RemoveExpired, Removed, Which};
pub use renew::{LowerAll, Renew, Renewed};
pub use revoke::{Revoke, Unrevoke};
pub use tables::{SCHEMA_VERSION, Tables};

#[cfg(test)]
pub(crate) use held::tests::open as open_on;
