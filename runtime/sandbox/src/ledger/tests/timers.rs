//! Timers that fire.

use super::*;
use crate::call::Timer;

#[tokio::test]
async fn a_timer_fires_once_however_many_of_its_times_were_missed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);
    call(&book_, &Done::Unnumbered, |draft| {
        draft.set_timer("once", 100, None).unwrap();
        draft.set_timer("often", 50, Some(1000)).unwrap();
    })
    .await;
    ledger.close().await;
    let ledger = open(folder.path());
    let book = book(&ledger);
    let names = |due: Vec<Timer>| due.into_iter().map(|timer| timer.name).collect::<Vec<_>>();

    assert_eq!(book.next_due().unwrap(), Some(NOW + 50));
    assert!(book.due_timers(NOW + 49).unwrap().is_empty());
    let later = NOW + 10_000;
    assert_eq!(names(book.due_timers(later).unwrap()), ["often", "once"]);
    for name in ["often", "once"] {
        let draft = book.begin(later).unwrap();
        book.accept(draft, &Done::Timer { name: name.to_owned() }).unwrap().await.unwrap();
    }

    assert!(book.due_timers(later).unwrap().is_empty());
    let left = peek(&book, |draft| draft.list_timers("", None));
    assert_eq!(left, [Timer { name: "often".to_owned(), due_at: NOW + 10_050, every: Some(1000) }]);
}

#[tokio::test]
async fn a_timer_that_its_own_call_sets_or_cancels_is_as_the_call_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Unnumbered, |draft| {
        draft.set_timer("a", 1, None).unwrap();
        draft.set_timer("b", 1, Some(1000)).unwrap();
    })
    .await;

    call(&book, &Done::Timer { name: "a".to_owned() }, |draft| draft.set_timer("a", 5, None).unwrap()).await;
    call(&book, &Done::Timer { name: "b".to_owned() }, |draft| assert!(draft.cancel_timer("b").unwrap()))
        .await;

    let left = peek(&book, |draft| draft.list_timers("", None));
    assert_eq!(left, [Timer { name: "a".to_owned(), due_at: NOW + 5, every: None }]);
}
