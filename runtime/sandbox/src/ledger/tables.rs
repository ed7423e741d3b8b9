//! Every table of `plugins.redb`: its name, its key and its value, and how they are made and looked after.
//!
//! Names carry a version; a retired name is not used again. Numbers are big-endian. An owner is a plugin of an account: 16 bytes of a
//! keyed hash. A tag is a keyed hash of a name within its table. What is sealed is nonce 24 ‖ ciphertext ‖ authenticator 16, bound to
//! the table and the key of its row.
//!
//! | table | key | value |
//! |---|---|---|
//! | `plugins/meta` | `schema` | version of the schema, u64; never sealed and never renamed, so that any version can read it |
//! | `plugins/books/1` | plugin's name ‖ 0 ‖ owner 16 | keys 8, bytes 8, timers 8, queued 8, quarantined 8, dropped 8 ‖ sealed place |
//! | `plugins/kv/1` | owner 16, tag of the key 16 | sealed value |
//! | `plugins/keys/1` | as in `plugins/kv/1` | sealed key |
//! | `plugins/timers/1` | owner 16, tag of the timer's name 16 | sealed: due at 8, period 8 (0: fires once) ‖ name |
//! | `plugins/outbox/1` | owner 16, number 8 | attempts 4 ‖ sealed JSON of what is to be sent |
//! | `plugins/sent/1` | owner 16, number 8 | sealed: 0 or 1, time 8 ‖ conversation; 0: taken back before it was known to be sent |
//! | `plugins/quarantine/1` | owner 16, number 8 | sealed JSON of the event and why it is here |
//!
//! A sealed place is cursor 8, next sending 8, next event of the quarantine 8 ‖ version. Every key is in both of `kv` and `keys`:
//! apart, so that listing keys reads no values, and overwriting a value leaves the key alone.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase as _, Table, TableDefinition,
    WriteTransaction,
};

use super::{
    LedgerError, OpenError,
    sealing::{NUMBERED_LEN, Numbered, OWNER_LEN, Owner, TAGGED_LEN, Tagged},
};

/// The file in a data folder.
pub const FILE: &str = "plugins.redb";
/// Version of the schema above.
pub const SCHEMA_VERSION: u64 = 1;

pub(super) type ByTag = &'static [u8; TAGGED_LEN];
pub(super) type ByNumber = &'static [u8; NUMBERED_LEN];

const META: TableDefinition<&str, u64> = TableDefinition::new("plugins/meta");
pub(super) const BOOKS: TableDefinition<&[u8], &[u8]> = TableDefinition::new(BOOKS_NAME);
pub(super) const KV: TableDefinition<ByTag, &[u8]> = TableDefinition::new(KV_NAME);
pub(super) const KEYS: TableDefinition<ByTag, &[u8]> = TableDefinition::new(KEYS_NAME);
pub(super) const TIMERS: TableDefinition<ByTag, &[u8]> = TableDefinition::new(TIMERS_NAME);
pub(super) const OUTBOX: TableDefinition<ByNumber, &[u8]> = TableDefinition::new(OUTBOX_NAME);
pub(super) const SENT: TableDefinition<ByNumber, &[u8]> = TableDefinition::new(SENT_NAME);
pub(super) const QUARANTINE: TableDefinition<ByNumber, &[u8]> = TableDefinition::new(QUARANTINE_NAME);

pub(super) const BOOKS_NAME: &str = "plugins/books/1";
pub(super) const KV_NAME: &str = "plugins/kv/1";
pub(super) const KEYS_NAME: &str = "plugins/keys/1";
pub(super) const TIMERS_NAME: &str = "plugins/timers/1";
pub(super) const OUTBOX_NAME: &str = "plugins/outbox/1";
pub(super) const SENT_NAME: &str = "plugins/sent/1";
pub(super) const QUARANTINE_NAME: &str = "plugins/quarantine/1";

const SCHEMA: &str = "schema";

/// The tables within one write transaction.
pub(super) struct Tables<'t> {
    pub(super) books: Table<'t, &'static [u8], &'static [u8]>,
    pub(super) kv: Table<'t, ByTag, &'static [u8]>,
    pub(super) keys: Table<'t, ByTag, &'static [u8]>,
    pub(super) timers: Table<'t, ByTag, &'static [u8]>,
    pub(super) outbox: Table<'t, ByNumber, &'static [u8]>,
    pub(super) sent: Table<'t, ByNumber, &'static [u8]>,
    pub(super) quarantine: Table<'t, ByNumber, &'static [u8]>,
}

impl<'t> Tables<'t> {
    /// Opens all tables, making those that are not there.
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, LedgerError> {
        Ok(Self {
            books: transaction.open_table(BOOKS)?,
            kv: transaction.open_table(KV)?,
            keys: transaction.open_table(KEYS)?,
            timers: transaction.open_table(TIMERS)?,
            outbox: transaction.open_table(OUTBOX)?,
            sent: transaction.open_table(SENT)?,
            quarantine: transaction.open_table(QUARANTINE)?,
        })
    }

    /// Removes every row of a plugin of an account, but for the one in `books`.
    pub(super) fn remove_all(&mut self, owner: &Owner) -> Result<(), LedgerError> {
        let (first, last) = (padded::<TAGGED_LEN>(owner, 0), padded(owner, 0xff));
        for table in [&mut self.kv, &mut self.keys, &mut self.timers] {
            table.retain_in::<&Tagged, _>(&first..=&last, |_, _| false)?;
        }
        let (first, last) = (padded::<NUMBERED_LEN>(owner, 0), padded(owner, 0xff));
        for table in [&mut self.outbox, &mut self.sent, &mut self.quarantine] {
            table.retain_in::<&Numbered, _>(&first..=&last, |_, _| false)?;
        }
        Ok(())
    }
}

/// First or last key of an owner, of whatever length.
pub(super) fn padded<const N: usize>(owner: &Owner, filling: u8) -> [u8; N] {
    let mut key = [filling; N];
    key[..OWNER_LEN].copy_from_slice(owner);
    key
}

/// The key of a plugin of an account in `plugins/books/1`.
pub(super) fn book_key(plugin: &str, owner: &Owner) -> Vec<u8> {
    [plugin.as_bytes(), &[0], owner].concat()
}

/// Makes the file when it is not there, for its owner alone.
pub(super) fn make_file(folder: &Path, path: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path, source| OpenError::Files { path: path.to_owned(), source };
    make_folder(folder).map_err(|source| failed(folder, source))?;
    make_private(path).map_err(|source| failed(path, source))
}

/// Opens the file by `create` and makes the tables of a new one; one of a later version is refused.
pub(super) fn open(
    path: &Path,
    create: &dyn Fn() -> Result<Database, DatabaseError>,
) -> Result<Database, OpenError> {
    // A damaged file can lead the database into places that it holds to be unreachable; that is no reason to stop the process.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = create()?;
        let version = prepare(&database)?;
        Ok::<_, redb::Error>((database, version))
    }));
    let opened = opened.map_err(|_| OpenError::Damaged { path: path.to_owned() })?;
    let (database, found) = opened.map_err(|error| refusal(path, error))?;
    match found {
        SCHEMA_VERSION => Ok(database),
        // There is no older version yet; when there is, its file is copied aside and brought forward here.
        _ => Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION }),
    }
}

/// Opens the database, with so much memory for its pages.
pub(super) fn create(path: &Path, cache_bytes: usize) -> Result<Database, DatabaseError> {
    Builder::new().set_cache_size(cache_bytes).create(path)
}

fn refusal(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
        redb::Error::Io(source)
            if source.kind() != io::ErrorKind::UnexpectedEof
                && source.kind() != io::ErrorKind::InvalidData =>
        {
            OpenError::Files { path, source }
        }
        source => OpenError::Database { path, source: Box::new(source) },
    }
}

/// The file's version. The tables of a new file are made; one of another version is left as it is.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let found = schema(&database.begin_read()?)?;
    if let Some(found) = found.filter(|found| *found != SCHEMA_VERSION) {
        return Ok(found);
    }
    if found.is_some() && has_all_tables(&database.begin_read()?)? {
        return Ok(SCHEMA_VERSION);
    }
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(SCHEMA, SCHEMA_VERSION)?;
    for table in [KV, KEYS, TIMERS] {
        transaction.open_table(table)?;
    }
    for table in [OUTBOX, SENT, QUARANTINE] {
        transaction.open_table(table)?;
    }
    transaction.open_table(BOOKS)?;
    transaction.commit()?;
    Ok(SCHEMA_VERSION)
}

fn schema(transaction: &ReadTransaction) -> Result<Option<u64>, redb::Error> {
    match transaction.open_table(META) {
        Ok(meta) => Ok(meta.get(SCHEMA)?.map(|version| version.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Are those tables there that came last?
fn has_all_tables(transaction: &ReadTransaction) -> Result<bool, redb::Error> {
    match transaction.open_table(BOOKS) {
        Ok(_) => Ok(true),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path).map(drop)
}
