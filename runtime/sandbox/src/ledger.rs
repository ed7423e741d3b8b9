//! What plugins keep: values, timers, what they send, and how far they have read, in one file for all plugins of a data folder.
//!
//! A call of a plugin is a transaction. [`Book::begin`] gives a [`Draft`], which answers the call's questions and takes its changes;
//! [`Book::accept`] hands the changes to the writer together with what the call was for, and dropping the draft undoes all of it.
//! The writer is one thread that commits the drafts of many plugins at once, and only then answers: what a [`Ticket`] resolves to is
//! on disk, whole. A plugin need not wait for that before its next call: a later draft sees what earlier ones changed.
//!
//! A call that changed nothing only moves the plugin's place. That is not worth an fsync: it goes along with the next commit, or is
//! written after a second. A crash before costs a repetition of calls that had no effects.
//!
//! What is sent waits in the plugin's outbox, and is to be seen in [`Book::outgoing`] only once it is on disk.
//!
//! # At rest
//! Everything a plugin keeps is sealed under keys of the account that it runs for. Keys of values often are account ids, so they are no
//! more in clear than the values: a row is found by a keyed hash of its key, and the key is sealed in a row beside it. Their order, which
//! only `list-keys` wants, is made in memory at the first listing and kept up to date from then on: 60 bytes or so for each key. In
//! clear are the names of plugins, which are the names of folders, too, and how much each keeps.
//!
//! # When the disk fails
//! A commit that fails undoes its calls: their tickets fail, so do those of later calls of the same plugins, and the next
//! [`Book::begin`] starts from what is on disk. The file is opened anew once a second until that succeeds.

mod accept;
mod batch;
mod book;
mod changes;
mod draft;
mod error;
mod held;
mod limits;
mod metrics;
mod open;
mod orders;
mod outgoing;
mod quarantine;
mod recent;
mod rows;
mod sealing;
mod shelf;
mod tables;
mod view;
mod writer;

pub use self::{
    accept::Unaccepted,
    book::{Book, Done},
    draft::Draft,
    error::{DraftError, LedgerError, OpenError},
    limits::{
        MAX_KEYS_LISTED, MAX_NAME_BYTES, MAX_PLUGIN_NAME_BYTES, MAX_TIMERS_LISTED, MAX_VALUE_BYTES,
        MIN_TIMER_PERIOD_MS, Options, Quotas, WRITE_BYTES, writes,
    },
    open::Ledger,
    outgoing::{Outgoing, Queued, Sending, Sent},
    quarantine::Aside,
    rows::Usage,
    tables::{FILE, SCHEMA_VERSION},
    writer::Ticket,
};

#[cfg(test)]
mod tests;
