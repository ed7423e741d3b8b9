//! What is sent, and what becomes of it.

use super::*;
use crate::call::MessageRef;

fn texts(book: &Book) -> Vec<(u64, String)> {
    let queued = book.outgoing(None, 99).unwrap().into_iter();
    queued
        .map(|queued| match queued.outgoing {
            Outgoing::Send { body, .. } | Outgoing::Reply { body, .. } => (queued.sending.0, body),
            Outgoing::React { emoji, .. } => (queued.sending.0, emoji),
            Outgoing::Delete { sent_at, .. } => (queued.sending.0, format!("deletes {}", sent_at - NOW)),
        })
        .collect()
}

async fn send(book: &Book, body: &str) -> Sending {
    let mut sending = None;
    call(book, &Done::Unnumbered, |draft| sending = Some(draft.send("05aa", body).unwrap())).await;
    sending.unwrap()
}

#[track_caller]
fn delete(draft: &mut Draft, sending: Sending) -> bool {
    match draft.delete_own(&sending.to_string()) {
        Ok(()) => true,
        Err(DraftError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_is_sent_waits_in_its_order_until_it_is_known_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);
    let message = MessageRef { conversation: "05aa".to_owned(), author: "05bb".to_owned(), sent_at: 1 };
    call(&book_, &Done::Unnumbered, |draft| {
        draft.send("05aa", "one").unwrap();
        draft.reply(&message, "two").unwrap();
        draft.react(&message, "three", false).unwrap();
    })
    .await;
    let four = send(&book_, "four").await;
    assert_eq!(
        texts(&book_),
        [(1, "one".into()), (2, "two".into()), (3, "three".into()), (4, "four".into())]
    );

    book_.postpone(Sending(1)).unwrap().await.unwrap();
    book_.sent(Sending(2), NOW, "05aa").unwrap().await.unwrap();
    book_.done(Sending(3)).unwrap().await.unwrap();
    book_.give_up(four, "nobody there").unwrap().await.unwrap();
    ledger.close().await;

    let ledger = open(folder.path());
    let book = book(&ledger);
    assert_eq!(texts(&book), [(1, "one".into())]);
    assert_eq!(book.outgoing(None, 9).unwrap()[0].attempts, 1);
    assert!(book.outgoing(Some(Sending(1)), 9).unwrap().is_empty());
    assert_eq!(
        book.find_sent(Sending(2)).unwrap(),
        Some(Sent { conversation: "05aa".to_owned(), sent_at: NOW })
    );
    assert_eq!(ledger.usage("echo").unwrap().queued, 1);
    assert_eq!(send(&book, "five").await, Sending(5), "numbers are not used again");
}

#[tokio::test]
async fn a_queued_text_that_is_taken_back_leaves_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let on_disk = send(&book, "on disk").await;
    let mut draft = book.begin(NOW).unwrap();
    let in_flight = draft.send("05aa", "in flight").unwrap();
    let ticket = book.accept(draft, &Done::Unnumbered).unwrap();

    call(&book, &Done::Unnumbered, |draft| {
        let own = draft.send("05aa", "own").unwrap();
        draft.send("05aa", "stays").unwrap();
        for sending in [on_disk, in_flight, own] {
            assert!(delete(draft, sending));
            assert!(!delete(draft, sending), "not twice");
        }
    })
    .await;

    ticket.await.unwrap();
    assert_eq!(texts(&book), [(4, "stays".into())]);
    assert_eq!(ledger.usage("echo").unwrap().queued, 1);
    assert!(!peek(&book, |draft| delete(draft, on_disk)), "nor later");
}

#[tokio::test]
async fn a_sent_text_that_is_taken_back_is_deleted_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let sending = send(&book, "x").await;
    book.sent(sending, NOW + 5, "05aa").unwrap().await.unwrap();
    assert!(texts(&book).is_empty());

    for _ in 0..2 {
        call(&book, &Done::Unnumbered, |draft| assert!(delete(draft, sending))).await;
    }

    assert_eq!(texts(&book), [(1, "deletes 5".into())]);
    book.done(sending).unwrap().await.unwrap();
    assert!(texts(&book).is_empty());
    assert!(!peek(&book, |draft| delete(draft, sending)));
    assert_eq!(ledger.usage("echo").unwrap().queued, 0);
}

#[tokio::test]
async fn a_text_that_is_taken_back_while_it_is_being_sent_is_deleted_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let sending = send(&book, "x").await;
    assert_eq!(book.outgoing(None, 9).unwrap().len(), 1, "somebody begins to send it");

    call(&book, &Done::Unnumbered, |draft| assert!(delete(draft, sending))).await;
    assert!(texts(&book).is_empty());
    for _ in 0..2 {
        book.sent(sending, NOW + 3, "05aa").unwrap().await.unwrap();
    }

    assert_eq!(texts(&book), [(1, "deletes 3".into())]);
    assert_eq!(ledger.usage("echo").unwrap().queued, 1);
}

#[tokio::test]
async fn what_was_sent_is_forgotten_after_14_days_and_nobody_elses_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let (old, new) = (send(&book, "old").await, send(&book, "new").await);
    let message = MessageRef { conversation: "05aa".to_owned(), author: "05bb".to_owned(), sent_at: 1 };
    let mut reaction = None;
    call(&book, &Done::Unnumbered, |draft| reaction = Some(draft.react(&message, "e", false).unwrap())).await;
    book.sent(old, NOW - 14 * DAY_MS, "05aa").unwrap().await.unwrap();

    assert!(peek(&book, |draft| delete(draft, old)));
    let mut later = book.begin(NOW + 1).unwrap();
    assert!(!delete(&mut later, old));
    for name in ["0", "99", "", "-1", "x", &reaction.unwrap().to_string()] {
        assert!(matches!(later.delete_own(name), Err(DraftError::NotFound)), "{name}");
    }
    drop(later);
    book.sent(new, NOW + 1, "05aa").unwrap().await.unwrap();
    assert_eq!((book.find_sent(old).unwrap(), book.find_sent(new).unwrap().is_some()), (None, true));
}

#[tokio::test]
async fn a_call_sends_and_an_outbox_holds_so_much_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let quotas = Quotas { sends_per_call: 2, queued: 3, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas).unwrap();

    call(&book, &Done::Unnumbered, |draft| {
        let first = draft.send("05aa", "1").unwrap();
        assert!(delete(draft, first));
        draft.send("05aa", "2").unwrap();
        let refused = draft.send("05aa", "3");
        assert!(matches!(refused, Err(DraftError::QuotaExceeded { retry_after_ms: u32::MAX, .. })));
        let refused = draft.send("05aa", &"x".repeat(1 << 20));
        assert!(matches!(refused, Err(DraftError::InvalidArgument(_))));
    })
    .await;
    call(&book, &Done::Unnumbered, |draft| {
        draft.send("05aa", "4").unwrap();
        draft.send("05aa", "5").unwrap();
    })
    .await;

    let mut draft = book.begin(NOW).unwrap();
    let refused = draft.send("05aa", "6");
    assert!(matches!(refused, Err(DraftError::QuotaExceeded { retry_after_ms: 10_000, .. })), "{refused:?}");
    drop(draft);
    book.sent(Sending(2), NOW, "05aa").unwrap().await.unwrap();
    assert!(peek(&book, |draft| draft.send("05aa", "7").is_ok()));
}
