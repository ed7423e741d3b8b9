//! The file of the tables: how it is opened and made, and brought to the schema of this version.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, StorageError};

use super::tables::{
    COPIES, CURSORS, DELETIONS, HELD, IDENTITIES, MESSAGES, META, PENDING, SEEN, STATE, WRITTEN,
};
use crate::error::OpenError;

/// Its name in the data folder.
pub(super) const NAME: &str = "inbox.redb";

/// The newest schema known here: 1 had no tables of what is held, whom was written to and what is to be deleted.
const SCHEMA: u64 = 2;

/// Most that the database keeps in memory.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Opens the file, makes it when it is not there, refuses one of a later version, and brings one of an earlier version to this
/// one after a copy of it was made.
pub(super) fn open(folder: &Path) -> Result<Database, OpenError> {
    make_folder(folder).map_err(|source| OpenError::Files { path: folder.to_owned(), source })?;
    let path = folder.join(NAME);
    make_private(&path).map_err(|source| OpenError::Files { path: path.clone(), source })?;
    let database = open_file(&path)?;
    let failed = |source| OpenError::Database { path: path.clone(), source: Box::new(source) };
    match schema(&database).map_err(failed)? {
        Some(SCHEMA) => Ok(database),
        Some(found) if found > SCHEMA => Err(OpenError::Newer { path, found, known: SCHEMA }),
        Some(earlier) => {
            // The copy is made of a file that nobody has open.
            drop(database);
            keep_copy(&path, earlier)?;
            let database = open_file(&path)?;
            make_tables(&database).map_err(failed)?;
            Ok(database)
        }
        None => {
            make_tables(&database).map_err(failed)?;
            Ok(database)
        }
    }
}

fn open_file(path: &Path) -> Result<Database, OpenError> {
    Builder::new().set_cache_size(CACHE_BYTES).create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
        DatabaseError::Storage(StorageError::Io(source)) => {
            OpenError::Files { path: path.to_owned(), source }
        }
        source => OpenError::Database { path: path.to_owned(), source: Box::new(source.into()) },
    })
}

/// Copies the file, as it is, to one that is named for its schema, in case an earlier version of the program is wanted back.
fn keep_copy(path: &Path, schema: u64) -> Result<(), OpenError> {
    let kept = path.with_file_name(format!("inbox.schema-{schema}.redb"));
    let unfinished = kept.with_extension("partial");
    copy(path, &unfinished, &kept).map_err(|source| OpenError::Files { path: kept, source })
}

fn copy(from: &Path, unfinished: &PathBuf, to: &Path) -> io::Result<()> {
    make_private(unfinished)?;
    fs::copy(from, unfinished)?;
    fs::File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, to)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Makes the file for its owner alone, before the database fills it.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path).map(drop)
}

fn schema(database: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let schema = meta.get("schema")?;
    Ok(schema.and_then(|bytes| Some(u64::from_le_bytes(bytes.value().try_into().ok()?))))
}

/// Makes the tables that are not there, and says so.
fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("schema", SCHEMA.to_le_bytes().as_slice())?;
    transaction.open_table(MESSAGES)?;
    transaction.open_table(IDENTITIES)?;
    transaction.open_table(SEEN)?;
    transaction.open_table(CURSORS)?;
    transaction.open_table(STATE)?;
    transaction.open_table(COPIES)?;
    transaction.open_table(PENDING)?;
    transaction.open_table(HELD)?;
    transaction.open_table(WRITTEN)?;
    transaction.open_table(DELETIONS)?;
    Ok(transaction.commit()?)
}
