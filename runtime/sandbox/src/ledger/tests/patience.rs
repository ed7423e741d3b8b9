//! What is written at once, and what waits for company.

use futures::FutureExt as _;

use super::*;
use crate::event::Event;

fn patient(folder: &Path, patience: Duration) -> Ledger {
    Ledger::open(folder, &Options { patience, ..options() }, Arc::new(SystemEntropy)).unwrap()
}

fn hand_in(book: &Book, number: u64, steps: impl FnOnce(&mut Draft)) -> Ticket {
    let mut draft = book.begin(NOW).unwrap();
    steps(&mut draft);
    book.accept(draft, &Done::Message { number }).unwrap()
}

#[tokio::test]
async fn what_is_sent_is_written_with_what_its_plugin_did_before_and_without_what_others_did() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = patient(folder.path(), Duration::from_secs(3600));
    let books = ["echo", "other"].map(|name| ledger.book(name, &AT_REST, Quotas::default()).unwrap());
    let [own, other] = &books;

    let kept = hand_in(own, 1, |draft| draft.set("a", b"1").unwrap());
    let mut of_other = hand_in(other, 1, |draft| draft.set("b", b"1").unwrap());
    let sent = hand_in(own, 2, |draft| {
        draft.send("05aa", "x").unwrap();
    });
    let behind = hand_in(own, 3, |draft| draft.set("a", b"2").unwrap());
    kept.await.unwrap();
    sent.await.unwrap();
    // The reply of something that was sent is awaited, and takes along what came before it.
    let sending = own.outgoing(None, 1).unwrap()[0].sending;
    own.sent(sending, NOW, "05aa").unwrap().await.unwrap();
    behind.await.unwrap();

    assert!((&mut of_other).now_or_never().is_none(), "nobody waits for it");
    assert_eq!(ledger.usage("other").unwrap(), Usage::default());
    assert_eq!(ledger.usage("echo").unwrap().keys, 1);
    assert_eq!(peek(other, |draft| draft.get("b").unwrap()), Some(b"1".to_vec()), "the next call sees it");
    ledger.close().await;
    of_other.await.unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.usage("other").unwrap().keys, 1, "it was written before the file was closed");
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_all_at_once_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = patient(folder.path(), Duration::from_millis(500));
    let books = ["a", "b", "c"].map(|name| ledger.book(name, &AT_REST, Quotas::default()).unwrap());

    let tickets = books.each_ref().map(|book| hand_in(book, 1, |draft| draft.set("k", b"v").unwrap()));
    let event = Event::Timer { name: "t".to_owned() };
    let aside = books[0].quarantine(NOW, &Done::Message { number: 2 }, &event, "no", 1, 0).unwrap();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    aside.await.unwrap();

    assert!(ledger.n_commits() < 4, "{} commits", ledger.n_commits());
}

#[tokio::test]
async fn enough_that_nobody_waits_for_is_written_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = patient(folder.path(), Duration::from_secs(3600));
    let book = book(&ledger);

    let tickets: Vec<_> = (1..=128)
        .map(|number| {
            hand_in(&book, number, |draft| {
                draft.increment("n", 1).unwrap();
            })
        })
        .collect();
    let first = tickets.into_iter().next().unwrap();

    first.await.unwrap();
}

#[tokio::test]
async fn a_heavy_call_is_written_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = patient(folder.path(), Duration::from_secs(3600));
    let quotas = Quotas { writes_per_call: 2_000, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas).unwrap();

    let heavy = hand_in(&book, 1, |draft| {
        for key in 0..80 {
            draft.set(&key.to_string(), &[0; 60 * 1024]).unwrap();
        }
    });

    heavy.await.unwrap();
}

#[tokio::test]
async fn settling_takes_along_what_the_plugin_has_handed_in() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = patient(folder.path(), Duration::from_secs(3600));
    let book = book(&ledger);

    let kept = hand_in(&book, 1, |draft| draft.set("a", b"1").unwrap());
    book.settle().unwrap().await.unwrap();

    assert!(kept.now_or_never().is_some_and(|outcome| outcome.is_ok()));
    book.settle().unwrap().await.unwrap();
    assert_eq!(ledger.n_commits(), 1, "nothing to write is no commit");
}

#[tokio::test]
async fn each_call_of_one_transaction_has_its_writes_and_a_migration_as_many_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let quotas = Quotas { writes_per_call: 2, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas).unwrap();
    let mut draft = book.begin(NOW).unwrap();
    let set = |draft: &mut Draft, count: u32| (0..count).all(|n| draft.set(&n.to_string(), b"").is_ok());

    draft.begin_call(true);
    assert!(set(&mut draft, 20));
    draft.begin_call(false);
    assert!(set(&mut draft, 2));
    assert!(!set(&mut draft, 1));
    assert_eq!(draft.n_writes(), 22);
}
