//! The message store: one redb file, written by one thread that commits for many callers at once, read by snapshots.
//!
//! An [`Operation`] is handed to the writer with [`Store::submit`]; operations are applied in the order they are handed in.
//! The writer applies as many as wait, commits them together, and only then answers: what a [`Ticket`] resolves to is on disk.
//! A change to more messages than one commit should bear is made in several; later changes to the same account wait for its end.
//! [`Store::read`] gives a snapshot that never waits for the writer. [`Store::news`] tells what is new, once it is on disk.
//!
//! After an I/O error the file is let go of, and everything is refused with that error until [`Store::reopen`] succeeds.
//!
//! The file's tables are declared in one place, `store/tables.rs`.

mod census;
mod commit;
mod error;
mod held;
mod insert;
mod news;
mod open;
mod place;
mod read;
mod remove;
mod renew;
mod revoke;
mod tables;
mod walk;

pub use census::Census;
pub use commit::{Operation, Step, Ticket};
pub use error::StoreError;
pub use insert::{Insert, Inserted};
pub use news::News;
pub use open::{Options, Store};
pub use read::{Listing, Page, Snapshot, StoredMessage};
pub use remove::{Remove, RemoveExpired, Removed, Removing, Which};
pub use renew::{LowerAll, Lowering, Renew, Renewed, Renewing};
pub use revoke::{Revoke, Unrevoke};
pub use tables::{SCHEMA_VERSION, Tables};
pub use walk::Walk;

#[cfg(test)]
pub(crate) use held::tests::open as open_on;
