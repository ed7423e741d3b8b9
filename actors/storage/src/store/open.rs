//! Opening the file, and the handle that callers share.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use starling_kernel::Clock;

use super::{
    Operation, Snapshot, StoreError, Ticket,
    commit::{Batching, Writer},
    tables::{META, SCHEMA, SCHEMA_VERSION, Tables},
};
use crate::metrics;

/// How a store is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most memory for pages of the file.
    pub cache_bytes: usize,
    /// Most that messages may take; a message beyond it is not stored.
    pub capacity_bytes: u64,
    /// Most operations in one commit.
    pub max_batch: usize,
    /// How long the writer waits for more operations, if there were several in its last commit.
    pub linger: Duration,
    /// Operations that may wait for the writer.
    pub queue: usize,
}

/// A message store. Clones share it; the file is let go of when the last is dropped and the writer has ended.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    writer: Writer,
}

impl Store {
    /// Opens the store at `file`, making it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Open`], [`StoreError::Thread`]; each names the file.
    pub fn open(file: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let failed =
            |source: redb::Error| StoreError::Open { file: file.to_owned(), source: Arc::new(source) };
        let named = |error| match error {
            StoreError::Database(source) => StoreError::Open { file: file.to_owned(), source },
            other => other,
        };
        let created = Database::builder().set_cache_size(options.cache_bytes).create(file);
        let database = Arc::new(created.map_err(|error| failed(error.into()))?);
        prepare(&database, file).map_err(named)?;
        let batching = Batching {
            max_operations: options.max_batch.max(1),
            linger: options.linger,
            queue: options.queue,
            capacity_bytes: options.capacity_bytes,
        };
        let writer = Writer::start(Arc::clone(&database), batching, clock)
            .map_err(|error| StoreError::Thread { file: PathBuf::from(file), reason: error.to_string() })?;
        Ok(Self { database, writer })
    }

    /// Hands an operation to the writer; its place in the order of all operations is fixed by this call.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Closed`].
    pub fn submit<O: Operation>(&self, operation: O) -> Result<Ticket<O::Output>, StoreError> {
        self.writer.submit(operation)
    }

    /// Hands an operation to the writer and waits until it is on disk.
    ///
    /// # Errors
    /// As [`Store::submit`], and whatever the database failed with.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        self.submit(operation)?.await
    }

    /// The store as of the last commit. Blocks on the disk: not for a thread that must not wait.
    ///
    /// # Errors
    /// The database failed.
    pub fn read(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::new(self.database.begin_read()?))
    }

    /// How many commits were made since the store was opened.
    pub fn n_commits(&self) -> u64 {
        self.writer.n_commits()
    }

    /// Finishes what was handed in, and refuses everything from then on.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

/// Checks the schema's version and makes the tables of a new file.
fn prepare(database: &Database, file: &Path) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let found = meta.get(SCHEMA)?.map(|version| version.value());
        match found {
            None => {
                meta.insert(SCHEMA, SCHEMA_VERSION)?;
            }
            Some(SCHEMA_VERSION) => {}
            // There is no older version yet; when there is, its file is copied aside here and brought forward.
            Some(found) => {
                return Err(StoreError::Newer { file: file.to_owned(), found, known: SCHEMA_VERSION });
            }
        }
    }
    let stock = Tables::open(&transaction, 0)?.finish()?;
    transaction.commit()?;
    metrics::stock(stock.rows, stock.body_bytes);
    Ok(())
}
