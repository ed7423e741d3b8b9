//! Opening the file, and the handle that callers share.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _};
use starling_kernel::Clock;

use super::{
    Operation, Snapshot, StoreError, Ticket,
    census::Census,
    commit::{Batching, Writer},
    held::Held,
    news::{News, Outlet},
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
    held: Arc<Held>,
    writer: Writer,
    outlet: Outlet,
    file: Arc<Path>,
}

impl Store {
    /// Opens the store at `file`, making it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Open`], [`StoreError::Thread`]; each names the file.
    pub fn open(file: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let path = file.to_owned();
        let create = move || Database::builder().set_cache_size(options.cache_bytes).create(&path);
        Self::open_by(create, file, options, clock)
    }

    /// As [`Store::open`], where `create` opens the file, the first time and whenever it has to be opened anew.
    pub(super) fn open_by(
        create: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
        file: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let path = file.to_owned();
        let open = move || {
            let failed = |source| StoreError::Open { file: path.clone(), source };
            let database = create().map_err(|error| failed(Arc::new(error.into())))?;
            prepare(&database, &path).map_err(|error| match error {
                StoreError::Database(source) => failed(source),
                other => other,
            })?;
            Ok(database)
        };
        let held = Arc::new(Held::open(Box::new(open))?);
        let batching = Batching {
            max_operations: options.max_batch.max(1),
            linger: options.linger,
            queue: options.queue,
            capacity_bytes: options.capacity_bytes,
        };
        let outlet = Outlet::default();
        let writer = Writer::start(Arc::clone(&held), batching, clock, outlet.clone())
            .map_err(|error| StoreError::Thread { file: PathBuf::from(file), reason: error.to_string() })?;
        Ok(Self { held, writer, outlet, file: file.into() })
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
        Ok(Snapshot::new(self.held.get()?.begin_read()?))
    }

    /// What is new from now on, commit by commit, once it is on disk. One listens at a time: the last to ask.
    pub fn news(&self) -> News {
        self.outlet.listen()
    }

    /// Counts what is stored, without looking at bodies. Takes about a microsecond per message: not for a thread that must not wait.
    ///
    /// # Errors
    /// The database failed.
    pub fn census(&self) -> Result<Census, StoreError> {
        // A file whose size the system does not tell is no reason to tell nothing else.
        let file_bytes = std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        Ok(Census { file_bytes, ..self.read()?.census()? })
    }

    /// Takes note of an error of a snapshot: if the disk failed, the file is let go of, as after a failed commit.
    pub fn report(&self, error: &StoreError) {
        self.held.report(error);
    }

    /// Why everything is refused at the moment; nothing if it is not.
    pub fn failure(&self) -> Option<StoreError> {
        self.held.failure()
    }

    /// Resolves when [`Store::failure`] has something to say. One waits at a time: the last to ask.
    pub async fn failed(&self) -> StoreError {
        self.held.failed().await
    }

    /// Opens the file anew after a failure. Blocks on the disk: not for a thread that must not wait.
    ///
    /// # Errors
    /// As [`Store::open`]; it may be tried again.
    pub fn reopen(&self) -> Result<(), StoreError> {
        self.held.reopen()
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
    let (stock, _) = Tables::open(&transaction, 0)?.finish()?;
    transaction.commit()?;
    metrics::stock(stock.rows, stock.body_bytes);
    Ok(())
}
