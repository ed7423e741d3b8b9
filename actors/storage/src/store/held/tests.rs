use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use redb::{Database, StorageBackend, backends::FileBackend};
use starling_kernel::{Clock, SystemClock};
use starling_protocol::{
    account::{AccountId, Prefix},
    storage::{Namespace, message_hash, response::RetrieveLimits},
};

use crate::store::{Insert, Inserted, Options, Store, StoreError};

/// A file on a disk that can be told to fail.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    is_failing: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        match self.is_failing.load(Ordering::Acquire) {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A store on a disk that fails while the flag is up.
pub(crate) fn open(file: &Path, clock: Arc<dyn Clock>) -> (Store, Arc<AtomicBool>) {
    let is_failing = Arc::<AtomicBool>::default();
    let (flag, path) = (Arc::clone(&is_failing), file.to_owned());
    let create = move || {
        let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = FileBackend::new(file.map_err(redb::StorageError::Io)?)?;
        Database::builder().create_with_backend(Disk { file, is_failing: Arc::clone(&flag) })
    };
    let options = Options {
        cache_bytes: 1 << 20,
        capacity_bytes: 1 << 20,
        max_batch: 8,
        linger: Duration::ZERO,
        queue: 8,
    };
    (Store::open_by(create, file, options, clock).unwrap(), is_failing)
}

fn message(body: &[u8]) -> Insert {
    let (account, namespace) = (AccountId::new(Prefix::Standard, [1; 32]), Namespace(0));
    let hash = message_hash(&account, namespace, body);
    Insert { account, namespace, hash, timestamp: 1, expiry: 1000, body: body.to_vec() }
}

fn n_held(store: &Store) -> usize {
    let account = AccountId::new(Prefix::Standard, [1; 32]);
    let limits = RetrieveLimits::new(None, Some(-1));
    store.read().unwrap().retrieve(&account, Namespace(0), None, limits, 0).unwrap().messages.len()
}

#[tokio::test]
async fn a_disk_that_fails_once_costs_its_commit_and_the_store_is_whole_when_it_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (store, is_failing) = open(&folder.path().join("store"), Arc::new(SystemClock::default()));
    assert_eq!(store.write(message(b"before")).await.unwrap(), Inserted::New);
    assert!(store.failed().now_or_never().is_none());

    is_failing.store(true, Ordering::Release);
    let failed = store.write(message(b"lost")).await;
    assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
    assert!(matches!(store.failed().await, StoreError::Database(_)));
    assert!(matches!(store.reopen(), Err(StoreError::Open { .. })), "the disk still fails");
    is_failing.store(false, Ordering::Release);

    // Only opening the file anew helps, even though the disk is well again.
    assert!(store.write(message(b"refused")).await.is_err());
    assert!(store.read().is_err());
    store.reopen().unwrap();
    assert!(store.failure().is_none());
    assert_eq!(n_held(&store), 1);
    assert_eq!(store.write(message(b"after")).await.unwrap(), Inserted::New);
    assert_eq!(n_held(&store), 2);
}

#[tokio::test]
async fn what_a_row_or_an_older_snapshot_says_does_not_break_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&folder.path().join("store"), Arc::new(SystemClock::default()));

    store.report(&StoreError::Malformed { table: "storage/bodies" });
    store.report(&StoreError::Database(Arc::new(redb::Error::DatabaseClosed)));
    assert!(store.failure().is_none());

    store.report(&StoreError::Database(Arc::new(redb::Error::PreviousIo)));
    assert!(store.failure().is_some());
}
