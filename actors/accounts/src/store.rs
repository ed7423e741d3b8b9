//! The tables of `accounts.redb`.

use std::{io, path::Path};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageError, TableDefinition,
};
use starling_contracts::accounts::{Error, Profile};
use starling_kernel::Entropy;

use crate::{
    error::OpenError,
    key_file::{self, private},
    record::Record,
    vault::Vault,
};

const DATABASE_FILE: &str = "accounts.redb";
const KEY_FILE: &str = "accounts.key";

/// The newest schema known here.
const SCHEMA: u64 = 1;

/// `schema` (8 bytes, little-endian) and `key_id` (16 bytes): never sealed, so that any version can read it.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("accounts/meta");
/// Keyed hash of the profile (32) to the sealed [`Record`].
const PROFILES: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("accounts/profiles/1");
/// Keyed hash of the account id (32) to the key of its row in the table above (32).
const IDS: TableDefinition<&[u8; 32], &[u8; 32]> = TableDefinition::new("accounts/ids/1");

/// Name of the table of profiles, which sealed rows are bound to.
const PROFILES_NAME: &str = "accounts/profiles/1";

/// A handful of small rows: the least that the database can work with well.
const CACHE_BYTES: usize = 1024 * 1024;

/// The open accounts of one data folder. All of it blocks, so it is called on the pool.
pub(crate) struct Store {
    database: Database,
    vault: Vault,
}

impl Store {
    /// Opens the accounts in `folder`, which is made when it is not there, and takes it for this process alone.
    pub(crate) fn open(
        folder: &Path,
        passphrase: Option<&[u8]>,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenError> {
        make_folder(folder).map_err(|source| OpenError::Files { path: folder.to_owned(), source })?;
        let path = folder.join(DATABASE_FILE);
        let database = open_database(&path)?;
        let failed = |source| OpenError::Database { path: path.clone(), source: Box::new(source) };
        check_schema(&database, &path)?;
        let known_key = read_key_id(&database).map_err(failed)?;
        let key_path = folder.join(KEY_FILE);
        let vault = match key_file::read(&key_path, passphrase, entropy)? {
            Some(key) => Vault::new(key),
            None if count(&database).map_err(failed)? > 0 => {
                return Err(OpenError::KeyFileMissing { path: key_path, database: path });
            }
            None => {
                let key = zeroize::Zeroizing::new(entropy.bytes::<32>());
                key_file::write(&key_path, &key, passphrase, entropy)?;
                Vault::new(key)
            }
        };
        let key_id = vault.key_id();
        let fits = known_key.as_deref().is_none_or(|known| known == key_id);
        if !fits && count(&database).map_err(failed)? > 0 {
            return Err(OpenError::WrongKeyFile { path: key_path, database: path });
        }
        write_key_id(&database, &key_id).map_err(failed)?;
        Ok(Self { database, vault })
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) fn count(&self) -> Result<usize, Error> {
        count(&self.database).map_err(broken)
    }

    /// Adds an account; it is on disk when this returns. A taken profile or a known account is refused.
    pub(crate) fn add(&self, record: &Record, entropy: &dyn Entropy) -> Result<(), Error> {
        let key = self.vault.profile_key(&record.profile);
        let id_key = self.vault.id_key(&record.keys().id());
        let transaction = self.database.begin_write().map_err(broken)?;
        {
            let mut profiles = transaction.open_table(PROFILES).map_err(broken)?;
            if profiles.get(&key).map_err(broken)?.is_some() {
                return Err(Error::ProfileTaken(record.profile.clone()));
            }
            let mut ids = transaction.open_table(IDS).map_err(broken)?;
            let there = ids.get(&id_key).map_err(broken)?.map(|entry| *entry.value());
            if let Some(there) = there {
                let row = profiles.get(&there).map_err(broken)?.ok_or_else(unreadable)?;
                return Err(Error::AlreadyHere(self.open_row(&there, row.value())?.profile));
            }
            let sealed = self.vault.seal(PROFILES_NAME, &key, &record.encode(), entropy);
            profiles.insert(&key, sealed.as_slice()).map_err(broken)?;
            ids.insert(&id_key, &key).map_err(broken)?;
        }
        transaction.commit().map_err(broken)
    }

    pub(crate) fn find(&self, profile: &Profile) -> Result<Record, Error> {
        let key = self.vault.profile_key(profile);
        let transaction = self.database.begin_read().map_err(broken)?;
        let profiles = transaction.open_table(PROFILES).map_err(broken)?;
        let row = profiles.get(&key).map_err(broken)?;
        let row = row.ok_or_else(|| Error::UnknownProfile(profile.clone()))?;
        self.open_row(&key, row.value())
    }

    /// Every account, sorted by profile.
    pub(crate) fn list(&self) -> Result<Vec<Record>, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let profiles = transaction.open_table(PROFILES).map_err(broken)?;
        let mut records = Vec::new();
        for row in profiles.iter().map_err(broken)? {
            let (key, row) = row.map_err(broken)?;
            records.push(self.open_row(key.value(), row.value())?);
        }
        records.sort_by(|left, right| left.profile.cmp(&right.profile));
        Ok(records)
    }

    fn open_row(&self, key: &[u8; 32], sealed: &[u8]) -> Result<Record, Error> {
        let row = self.vault.open(PROFILES_NAME, key, sealed).ok_or_else(unreadable)?;
        Record::decode(&row).ok_or_else(unreadable)
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn open_database(path: &Path) -> Result<Database, OpenError> {
    let made = private().read(true).write(true).create(true).truncate(false).open(path);
    made.map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    Builder::new().set_cache_size(CACHE_BYTES).create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
        DatabaseError::Storage(StorageError::Io(source)) => {
            OpenError::Files { path: path.to_owned(), source }
        }
        source => OpenError::Database { path: path.to_owned(), source: Box::new(source.into()) },
    })
}

/// Refuses a database of a later version; a new one gets its tables.
fn check_schema(database: &Database, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Database { path: path.to_owned(), source: Box::new(source) };
    let found = read_meta(database, "schema").map_err(failed)?;
    let found = found.and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
    match found {
        Some(found) if found > SCHEMA => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA })
        }
        Some(_) => Ok(()),
        None => make_tables(database).map_err(failed),
    }
}

fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("schema", SCHEMA.to_le_bytes().as_slice())?;
    transaction.open_table(PROFILES)?;
    transaction.open_table(IDS)?;
    Ok(transaction.commit()?)
}

fn read_meta(database: &Database, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Ok(meta) => Ok(meta.get(key)?.map(|value| value.value().to_vec())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_key_id(database: &Database) -> Result<Option<Vec<u8>>, redb::Error> {
    read_meta(database, "key_id")
}

fn write_key_id(database: &Database, key_id: &[u8; 16]) -> Result<(), redb::Error> {
    if read_key_id(database)?.as_deref() == Some(key_id) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("key_id", key_id.as_slice())?;
    Ok(transaction.commit()?)
}

fn count(database: &Database) -> Result<usize, redb::Error> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(PROFILES)?.len()?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

fn broken(error: impl Into<redb::Error>) -> Error {
    Error::Store(error.into().to_string())
}

fn unreadable() -> Error {
    Error::Locked(format!(
        "a row of {DATABASE_FILE} cannot be opened with {KEY_FILE}; put both files back from one backup"
    ))
}
