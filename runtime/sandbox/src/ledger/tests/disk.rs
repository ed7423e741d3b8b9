//! The file: what is refused, what is readable in it, and what a disk that fails costs.

use std::{
    fs,
    io::{self, Write as _},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

use redb::{Database, ReadableDatabase as _, StorageBackend, TableDefinition, backends::FileBackend};

use super::*;
use crate::event::Event;

#[tokio::test]
async fn neither_names_nor_contents_are_readable_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Started { version: "secret-version".to_owned() }, |draft| {
        draft.set("secret-key", b"secret-value").unwrap();
        draft.set_timer("secret-timer", 1, None).unwrap();
        draft.send("secret-to", "secret-body").unwrap();
        draft.send("secret-to", "secret-other").unwrap();
    })
    .await;
    book.sent(Sending(1), NOW, "secret-conversation").unwrap().await.unwrap();
    let event = Event::Timer { name: "secret-event".to_owned() };
    book.quarantine(NOW, &Done::Unnumbered, &event, "secret-reason", 1, 0).unwrap().await.unwrap();
    ledger.close().await;

    let bytes = fs::read(folder.path().join(FILE)).unwrap();

    assert!(bytes.windows(4).any(|window| window == b"echo"), "names of plugins are in clear");
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_of_a_later_version_or_in_use_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let first = open(folder.path());
    let refused = Ledger::open(folder.path(), &options(), Arc::new(SystemEntropy)).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(first.close());
    let meta = TableDefinition::<&str, u64>::new("plugins/meta");
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("schema", SCHEMA_VERSION + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let refused = Ledger::open(folder.path(), &options(), Arc::new(SystemEntropy)).map(drop).unwrap_err();

    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains(&*path.to_string_lossy()));
    let database = Database::open(&path).unwrap();
    let found =
        database.begin_read().unwrap().open_table(meta).unwrap().get("schema").unwrap().unwrap().value();
    assert_eq!(found, SCHEMA_VERSION + 1);
}

#[tokio::test]
async fn a_torn_file_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let ledger = open(folder.path());
    call(&book(&ledger), &Done::Unnumbered, |draft| draft.set("k", &[1; 60_000]).unwrap()).await;
    ledger.close().await;
    let whole = fs::read(&path).unwrap();
    let half = &whole[..whole.len() / 2];
    let headless = [&[0xa5; 4096], &whole[4096..]].concat();
    for (name, torn) in [
        ("half", half),
        ("a page", &whole[..4096]),
        ("few", &whole[..100]),
        ("headless", &headless),
        ("text", b"hello"),
    ] {
        fs::File::create(&path).unwrap().write_all(torn).unwrap();

        let refused = Ledger::open(folder.path(), &options(), Arc::new(SystemEntropy)).map(drop);

        let refused = refused.expect_err(name);
        assert!(
            matches!(refused, OpenError::Database { .. } | OpenError::Damaged { .. }),
            "{name}: {refused:?}"
        );
        assert!(refused.to_string().contains(&*path.to_string_lossy()), "{name}: {refused}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(peek(&book(&open(folder.path())), |draft| draft.get("k").unwrap().unwrap().len()), 60_000);
}

#[tokio::test]
async fn a_row_that_was_altered_fails_its_own_plugin_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let (echo, other) = (book(&ledger), ledger.book("other", &AT_REST, Quotas::default()).unwrap());
    for book in [&echo, &other] {
        call(book, &Done::Unnumbered, |draft| {
            draft.send("05aa", "x").unwrap();
        })
        .await;
    }
    {
        let transaction = ledger.shared.held.get().unwrap().begin_write().unwrap();
        let key = echo.shelf.sealer.numbered(1);
        transaction.open_table(tables::OUTBOX).unwrap().insert(&key, [0; 60].as_slice()).unwrap();
        transaction.commit().unwrap();
        ledger.shared.held.renew_view();
    }

    assert!(matches!(echo.outgoing(None, 9), Err(LedgerError::Unreadable { table: "plugins/outbox/1" })));
    let (bad, good) =
        (echo.sent(Sending(1), NOW, "05aa").unwrap(), other.sent(Sending(1), NOW, "05aa").unwrap());
    assert!(matches!(bad.await, Err(LedgerError::Unreadable { .. })));
    good.await.unwrap();
    assert!(other.outgoing(None, 9).unwrap().is_empty());
}

/// A disk that fails once so many writes have been made, until it is told to go on.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    writes_left: Arc<AtomicI64>,
    fails_reads: Arc<AtomicBool>,
}

impl Disk {
    fn write_one(&self) -> io::Result<()> {
        match self.writes_left.fetch_sub(1, Ordering::AcqRel) {
            ..=0 => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.fails_reads.load(Ordering::Acquire) {
            true => Err(io::Error::other("a bad sector")),
            false => self.file.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write_one()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write_one()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_one()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A ledger on such a disk, which keeps no pages in memory; how many writes are left, and whether reads fail.
fn open_failing(folder: &Path) -> (Ledger, Arc<AtomicI64>, Arc<AtomicBool>) {
    let (writes_left, fails_reads) = (Arc::new(AtomicI64::new(i64::MAX)), Arc::<AtomicBool>::default());
    let (path, left, fails) = (folder.join(FILE), Arc::clone(&writes_left), Arc::clone(&fails_reads));
    let create = move || {
        let file = fs::File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = FileBackend::new(file.map_err(redb::StorageError::Io)?)?;
        let disk = Disk { file, writes_left: Arc::clone(&left), fails_reads: Arc::clone(&fails) };
        Database::builder().set_cache_size(0).create_with_backend(disk)
    };
    let quick = Options { flush_every: Duration::from_millis(5), ..options() };
    let ledger = Ledger::open_by(create, &folder.join(FILE), &quick, Arc::new(SystemEntropy)).unwrap();
    (ledger, writes_left, fails_reads)
}

/// Begins a call as soon as the file was opened anew.
async fn begin_again(book: &Book) -> Draft {
    loop {
        match book.begin(NOW) {
            Ok(draft) => return draft,
            Err(LedgerError::Database(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_place_that_was_left_while_the_disk_failed_is_written_when_it_does_not_any_more() {
    for n_writes in [0, 1, 5] {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, writes_left, _) = open_failing(folder.path());
        let book = book(&ledger);
        call(&book, &Done::Message { number: 1 }, |draft| draft.set("a", b"1").unwrap()).await;

        writes_left.store(n_writes, Ordering::Release);
        let left = begin_again(&book).await;
        assert!(book.accept(left, &Done::Message { number: 2 }).unwrap().is_lazy());
        while ledger.failure().is_none() {
            tokio::task::yield_now().await;
        }
        writes_left.store(i64::MAX, Ordering::Release);
        while ledger.failure().is_some() {
            tokio::task::yield_now().await;
        }
        ledger.close().await;

        assert_eq!(
            open(folder.path()).book("echo", &AT_REST, Quotas::default()).unwrap().cursor().unwrap(),
            2
        );
    }
}

#[tokio::test]
async fn a_disk_that_fails_at_any_write_undoes_calls_whole_and_the_ledger_goes_on_from_what_is_there() {
    for n_writes in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, writes_left, _) = open_failing(folder.path());
        let book = book(&ledger);
        call(&book, &Done::Message { number: 1 }, |draft| {
            draft.increment("n", 1).unwrap();
            draft.send("05aa", "x").unwrap();
        })
        .await;

        writes_left.store(n_writes, Ordering::Release);
        let mut tickets = Vec::new();
        for number in 2..=5 {
            let Ok(mut draft) = book.begin(NOW) else { break };
            let Ok(_) = draft.increment("n", 1) else { break };
            let Ok(_) = draft.send("05aa", "x") else { break };
            match book.accept(draft, &Done::Message { number }) {
                Ok(ticket) => tickets.push(ticket),
                Err(_) => break,
            }
        }
        let mut acknowledged = 1;
        let mut has_failed = false;
        for ticket in tickets {
            match ticket.await {
                Ok(()) => {
                    assert!(!has_failed, "no call outlives one that it built on");
                    acknowledged += 1;
                }
                Err(_) => has_failed = true,
            }
        }
        writes_left.store(i64::MAX, Ordering::Release);

        let mut draft = begin_again(&book).await;
        // A commit whose last sync failed may be there nevertheless, but then it is whole.
        let n = draft.increment("n", 0).unwrap();
        assert!((acknowledged..=5).contains(&n), "{n} after {acknowledged} and {n_writes} writes");
        drop(draft);
        assert_eq!(i64::try_from(book.cursor().unwrap()).unwrap(), n);
        assert_eq!(i64::try_from(book.outgoing(None, 9).unwrap().len()).unwrap(), n);
        let mut draft = begin_again(&book).await;
        draft.increment("n", 1).unwrap();
        book.accept(draft, &Done::Message { number: 6 }).unwrap().await.unwrap();
        assert_eq!(peek(&book, |draft| draft.increment("n", 0).unwrap()), n + 1);
        ledger.close().await;
    }
}

#[tokio::test]
async fn a_call_that_could_not_read_is_not_accepted_and_the_file_is_opened_anew_without_any_write() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _, fails_reads) = open_failing(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Unnumbered, |draft| draft.set("k", b"v").unwrap()).await;

    let mut draft = book.begin(NOW).unwrap();
    fails_reads.store(true, Ordering::Release);
    assert!(draft.get("k").is_ok(), "it is in memory");
    assert!(matches!(draft.get("other"), Err(DraftError::Ledger(LedgerError::Database(_)))));
    draft.set("other", b"v").unwrap_err();
    fails_reads.store(false, Ordering::Release);
    let refused = book.accept(draft, &Done::Message { number: 1 }).map(drop).unwrap_err();

    assert!(matches!(refused.error, LedgerError::Database(_)));
    while ledger.failure().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(peek(&book, |draft| draft.get("k").unwrap()).as_deref(), Some(&b"v"[..]));
    assert_eq!(book.cursor().unwrap(), 0);
}

#[tokio::test]
async fn a_closed_ledger_refuses_everything() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let mut draft = book.begin(NOW).unwrap();
    draft.set("k", b"").unwrap();

    ledger.close().await;
    ledger.close().await;

    let refused = book.accept(draft, &Done::Unnumbered).map(drop).unwrap_err();
    assert!(matches!(refused.error, LedgerError::Closed));
    assert!(matches!(ledger.usage("echo"), Err(LedgerError::Closed)));
    assert!(matches!(book.sent(Sending(1), 1, "").map(drop), Err(LedgerError::Closed)));
}
