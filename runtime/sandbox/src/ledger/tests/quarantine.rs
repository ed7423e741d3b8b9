//! Events that are put aside.

use super::*;
use crate::event::Event;

fn event(name: &str) -> Event {
    Event::Timer { name: name.to_owned() }
}

#[tokio::test]
async fn an_event_is_put_aside_and_done_with_at_once_and_the_oldest_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let quotas = Quotas { quarantined: 2, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas).unwrap();
    for number in 1..=4_u32 {
        let done = Done::Message { number: number.into() };
        book.quarantine(NOW, &done, &event(&number.to_string()), "no", number, 0).unwrap().await.unwrap();
    }

    let kept = book.quarantined(9).unwrap();

    let kept: Vec<_> = kept.iter().map(|aside| (aside.number, aside.event.clone(), aside.attempts)).collect();
    assert_eq!(kept, [(3, event("3"), 3), (4, event("4"), 4)]);
    assert_eq!(book.cursor().unwrap(), 4);
    let usage = ledger.usage("echo").unwrap();
    assert_eq!((usage.quarantined, usage.dropped), (2, 2));
}

#[tokio::test]
async fn an_event_that_is_tried_again_leaves_with_its_effects_or_is_put_aside_anew() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);
    for name in ["a", "b", "c"] {
        book_.quarantine(NOW, &Done::Unnumbered, &event(name), "no", 1, 0).unwrap().await.unwrap();
    }

    call(&book_, &Done::Quarantined { number: 1 }, |draft| draft.set("k", b"").unwrap()).await;
    let again = Done::Quarantined { number: 2 };
    book_.quarantine(NOW, &again, &event("b"), "still no", 2, 0).unwrap().await.unwrap();
    book_.release(3).unwrap().await.unwrap();
    book_.release(3).unwrap().await.unwrap();
    ledger.close().await;

    let ledger = open(folder.path());
    let left = book(&ledger).quarantined(9).unwrap();
    assert_eq!(
        left.iter().map(|aside| (aside.number, &*aside.reason)).collect::<Vec<_>>(),
        [(4, "still no")]
    );
    assert_eq!(ledger.usage("echo").unwrap().quarantined, 1);
}

#[tokio::test]
async fn a_timer_whose_event_is_put_aside_has_fired() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Unnumbered, |draft| draft.set_timer("t", 0, None).unwrap()).await;

    let done = Done::Timer { name: "t".to_owned() };
    book.quarantine(NOW, &done, &event("t"), "trapped", 5, 0).unwrap().await.unwrap();

    assert_eq!(book.next_due().unwrap(), None);
}

#[tokio::test]
async fn an_event_is_not_put_aside_behind_a_message_that_is_not_done_with() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Message { number: 4 }, |draft| draft.set("a", b"1").unwrap()).await;
    let done = Done::Message { number: 6 };

    let refused = book.quarantine(NOW, &done, &event("x"), "no", 1, 5).map(drop).unwrap_err();

    assert!(matches!(refused, LedgerError::Undone), "{refused}");
    assert_eq!(book.cursor().unwrap(), 4);
    book.quarantine(NOW, &done, &event("x"), "no", 1, 4).unwrap().await.unwrap();
    assert_eq!((book.cursor().unwrap(), book.quarantined(9).unwrap().len()), (6, 1));
}
