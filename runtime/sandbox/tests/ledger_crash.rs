//! A process that is killed at any moment: every call that it was told is written is there, and none in part.
//!
//! The test runs itself again as the process to be killed, which tells on its standard output what was acknowledged.

#![cfg(test)]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use futures::{StreamExt as _, stream::FuturesOrdered};
use starling_kernel::SystemEntropy;
use starling_sandbox::ledger::{Book, Done, Draft, Ledger, LedgerError, Options, Quotas};

const FOLDER: &str = "STARLING_TEST_LEDGER_FOLDER";
const PLUGINS: [&str; 3] = ["a", "b", "c"];
const NOW: u64 = 1_763_000_000_000;

fn open(folder: &Path) -> (Ledger, Vec<Book>) {
    let ledger = Ledger::open(folder, &Options::default(), Arc::new(SystemEntropy)).unwrap();
    let quotas = Quotas { queued: u64::MAX, ..Quotas::default() };
    let books = PLUGINS.iter().map(|name| ledger.book(name, &[1; 32], quotas).unwrap()).collect();
    (ledger, books)
}

/// One call: everything in it is a consequence of `number`.
fn steps(draft: &mut Draft, number: u64) {
    draft.set("first", number.to_string().as_bytes()).unwrap();
    draft.increment("calls", 1).unwrap();
    draft
        .set(&format!("call/{}", number % 16), &vec![0x5a; usize::try_from(number % 5000).unwrap()])
        .unwrap();
    draft.set_timer("t", number, None).unwrap();
    draft.send("05aa", &number.to_string()).unwrap();
    draft.set("last", number.to_string().as_bytes()).unwrap();
}

/// The life of the process that is to be killed: calls of several plugins, many in flight.
async fn write_until_killed(folder: &Path) {
    let (_ledger, books) = open(folder);
    let mut tickets = FuturesOrdered::new();
    loop {
        for (name, book) in PLUGINS.iter().zip(&books) {
            let number = book.cursor().unwrap() + 1;
            match book.begin(NOW) {
                Ok(mut draft) => {
                    steps(&mut draft, number);
                    let ticket = book.accept(draft, &Done::Message { number }).unwrap();
                    tickets.push_back(async move { ticket.await.map(|()| (*name, number)) });
                }
                Err(LedgerError::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if tickets.len() >= 60 {
            let (name, number) = tickets.next().await.unwrap().unwrap();
            println!("\nwritten {name} {number}");
            std::io::stdout().flush().unwrap();
        }
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_process_loses_nothing_that_was_acknowledged_and_leaves_no_half_call",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads what was acknowledged until there were so many lines, kills the process, and reads the rest.
fn kill_after(mut child: Child, n_lines: usize) -> BTreeMap<String, u64> {
    let mut acknowledged = BTreeMap::new();
    let mut n_read = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(("written", rest)) = line.split_once(' ') else { continue };
        // The last line may be torn, as the process is killed at any moment: then it was not acknowledged.
        if let Some((name, number)) = rest.split_once(' ') {
            acknowledged.insert(name.to_owned(), number.parse().unwrap());
        }
        n_read += 1;
        if n_read == n_lines {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    acknowledged
}

async fn verify(folder: &Path, acknowledged: &BTreeMap<String, u64>) {
    let (ledger, books) = open(folder);
    for (name, book) in PLUGINS.iter().zip(&books) {
        let cursor = book.cursor().unwrap();
        let at_least = acknowledged.get(*name).copied().unwrap_or(0);
        assert!(cursor >= at_least, "{name}: {at_least} was acknowledged, {cursor} is there");
        let mut draft = book.begin(NOW).unwrap();
        let expected = (cursor > 0).then(|| cursor.to_string().into_bytes());
        for key in ["first", "calls", "last"] {
            assert_eq!(draft.get(key).unwrap(), expected, "{name}, {key}");
        }
        for number in cursor.saturating_sub(15).max(1)..=cursor {
            let value = draft.get(&format!("call/{}", number % 16)).unwrap().unwrap();
            assert_eq!(value.len() as u64, number % 5000);
        }
        assert_eq!(book.next_due().unwrap(), (cursor > 0).then_some(NOW + cursor));
        let queued = book.outgoing(None, usize::MAX).unwrap();
        let names: Vec<_> = queued.iter().map(|queued| queued.sending.0).collect();
        assert_eq!(names, (1..=cursor).collect::<Vec<_>>());
    }
    ledger.close().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_acknowledged_and_leaves_no_half_call() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for n_lines in [1, 7, 50, 200, 333] {
        acknowledged.extend(kill_after(start(folder.path()), n_lines));
        verify(folder.path(), &acknowledged).await;
    }
    assert_eq!(acknowledged.len(), PLUGINS.len(), "every plugin was told something");
}
