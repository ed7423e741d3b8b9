//! The ledger, on real files.

mod disk;
mod model;
mod outbox;
mod patience;
mod quarantine;
mod timers;
mod values;

use std::{path::Path, sync::Arc, time::Duration};

use starling_kernel::SystemEntropy;

use super::*;

const NOW: u64 = 1_763_000_000_000;
const AT_REST: [u8; 32] = [7; 32];
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn options() -> Options {
    // Long enough that nothing is written by and by unless a test closes the ledger.
    Options {
        cache_bytes: 1 << 20,
        flush_every: Duration::from_secs(3600),
        linger: Duration::ZERO,
        patience: Duration::ZERO,
        ..Options::default()
    }
}

fn open(folder: &Path) -> Ledger {
    Ledger::open(folder, &options(), Arc::new(SystemEntropy)).unwrap()
}

fn book(ledger: &Ledger) -> Book {
    ledger.book("echo", &AT_REST, Quotas::default()).unwrap()
}

/// Makes a call, and waits until it is on disk.
async fn call(book: &Book, done: &Done, steps: impl FnOnce(&mut Draft)) {
    let mut draft = book.begin(NOW).unwrap();
    steps(&mut draft);
    book.accept(draft, done).unwrap().await.unwrap();
}

/// Looks into a store, and undoes that.
fn peek<T>(book: &Book, look: impl FnOnce(&mut Draft) -> T) -> T {
    look(&mut book.begin(NOW).unwrap())
}
