//! Opening the file, and the handle that all plugins share.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use redb::{Database, DatabaseError};
use starling_kernel::Entropy;

use super::{
    Book, LedgerError, OpenError, Options, Quotas, Ticket, Usage,
    held::{Held, lock},
    limits::MAX_PLUGIN_NAME_BYTES,
    metrics,
    orders::Job,
    sealing::{Owner, Sealer},
    shelf::Shelf,
    tables::{self, FILE},
    writer::Writer,
};

/// What all plugins of a data folder keep. Clones share it; the file is let go of when it is closed or the last of them is dropped.
#[derive(Clone)]
pub struct Ledger {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) held: Arc<Held>,
    pub(super) writer: Writer,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) in_flight: usize,
    /// One for each plugin of an account, as long as the ledger is open: what is on its way to the disk is in one memory.
    shelves: Mutex<HashMap<Owner, Arc<Shelf>>>,
}

impl Ledger {
    /// Opens `plugins.redb` in `folder`, making what is not there, and takes it for this process alone. Blocks on the disk.
    ///
    /// # Errors
    /// Each names the file, and what to do.
    pub fn open(folder: &Path, options: &Options, entropy: Arc<dyn Entropy>) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        tables::make_file(folder, &path)?;
        let cache_bytes = options.cache_bytes;
        let create = {
            let path = path.clone();
            move || tables::create(&path, cache_bytes)
        };
        Self::open_by(create, &path, options, entropy)
    }

    /// As [`Ledger::open`], where `create` opens the database, the first time and whenever it has to be opened anew.
    pub(super) fn open_by(
        create: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
        path: &Path,
        options: &Options,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        metrics::describe();
        let opened = path.to_owned();
        let held = Arc::new(Held::open(Box::new(move || tables::open(&opened, &create)))?);
        let writer = Writer::start(Arc::clone(&held), options, Arc::clone(&entropy))
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        let in_flight = options.in_flight.max(1);
        let shared = Shared { held, writer, entropy, in_flight, shelves: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The book of a plugin in the account whose key at rest that is. Books of the same are one; the quotas given last hold.
    ///
    /// # Errors
    /// [`LedgerError::Name`], or the file cannot be read.
    pub fn book(&self, plugin: &str, at_rest: &[u8; 32], quotas: Quotas) -> Result<Book, LedgerError> {
        if plugin.is_empty() || plugin.len() > MAX_PLUGIN_NAME_BYTES || plugin.contains('\0') {
            return Err(LedgerError::Name);
        }
        let fresh = || Arc::new(Shelf::new(plugin, at_rest, quotas));
        let owner = *Sealer::new(plugin, at_rest).owner();
        let shelf = Arc::clone(lock(&self.shared.shelves).entry(owner).or_insert_with(fresh));
        shelf.fresh_core(&self.shared.held)?.quotas = quotas;
        Ok(Book { ledger: self.clone(), shelf })
    }

    /// How much a plugin keeps on disk, in all accounts.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn usage(&self, plugin: &str) -> Result<Usage, LedgerError> {
        self.shared.held.read(|view| view.usage(plugin))
    }

    /// Removes everything that a plugin keeps, in all accounts. Its calls that were handed in before go, too; a draft that is open cannot
    /// be accepted any more.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Closed`].
    pub fn remove(&self, plugin: &str) -> Result<Ticket, LedgerError> {
        self.shared.writer.submit(|| {
            let shelves = lock(&self.shared.shelves);
            let shelves = shelves.values().filter(|shelf| *shelf.name == *plugin).cloned().collect();
            Job::Remove { plugin: plugin.into(), shelves }
        })
    }

    /// Why everything is refused at the moment; nothing if it is not.
    pub fn failure(&self) -> Option<LedgerError> {
        self.shared.held.failure()
    }

    /// How many commits were made since the file was opened.
    pub fn n_commits(&self) -> u64 {
        self.shared.writer.n_commits()
    }

    /// Writes what was handed in and what was left to be written by and by, lets go of the file, and refuses everything from then on.
    pub async fn close(&self) {
        self.shared.writer.close().await;
    }
}
