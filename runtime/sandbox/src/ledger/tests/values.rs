//! Values, places, and plugins beside each other.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn what_a_call_changed_is_seen_by_the_next_and_still_there_when_the_file_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);

    let mut draft = book_.begin(NOW).unwrap();
    draft.set("a", b"1").unwrap();
    assert_eq!(draft.get("a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(draft.increment("n", -5).unwrap(), -5);
    let ticket = book_.accept(draft, &Done::Message { number: 4 }).unwrap();
    assert_eq!(
        peek(&book_, |draft| draft.get("a").unwrap()).as_deref(),
        Some(&b"1"[..]),
        "before it is on disk"
    );
    ticket.await.unwrap();
    assert_eq!(peek(&book_, |draft| draft.get("a").unwrap()).as_deref(), Some(&b"1"[..]), "after");
    ledger.close().await;

    let book_ = book(&open(folder.path()));
    assert_eq!(peek(&book_, |draft| draft.get("a").unwrap()).as_deref(), Some(&b"1"[..]));
    assert_eq!(peek(&book_, |draft| draft.increment("n", 7).unwrap()), 2);
    assert_eq!(book_.cursor().unwrap(), 4);
}

#[tokio::test]
async fn a_dropped_draft_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    call(&book, &Done::Message { number: 1 }, |draft| draft.set("a", b"1").unwrap()).await;

    let mut draft = book.begin(NOW).unwrap();
    assert!(draft.delete("a").unwrap());
    draft.set("b", b"2").unwrap();
    draft.set_timer("t", 0, None).unwrap();
    draft.send("05aa", "x").unwrap();
    drop(draft);

    assert_eq!(peek(&book, |draft| draft.list_keys("", None, 9).unwrap()), ["a"]);
    assert_eq!(peek(&book, |draft| draft.stored()), (1, 2));
    assert_eq!((book.next_due().unwrap(), book.cursor().unwrap()), (None, 1));
    call(&book, &Done::Message { number: 2 }, |_| ()).await;
    assert!(book.outgoing(None, 9).unwrap().is_empty());
}

#[tokio::test]
async fn only_the_draft_begun_last_is_accepted_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book = book(&ledger);
    let mut early = book.begin(NOW).unwrap();
    early.set("a", b"1").unwrap();
    let late = book.begin(NOW).unwrap();

    let refused = book.accept(early, &Done::Unnumbered).map(drop).unwrap_err();

    assert!(matches!(refused.error, LedgerError::Outdated));
    book.accept(late, &Done::Unnumbered).unwrap().await.unwrap();
    let refused = book.accept(*refused.draft, &Done::Unnumbered).map(drop).unwrap_err();
    assert!(matches!(refused.error, LedgerError::Outdated));
}

#[tokio::test]
async fn quotas_are_exact_and_a_store_above_a_lowered_one_may_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let quotas = |keys, bytes| Quotas { keys, bytes, timers: 1, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas(2, 10)).unwrap();
    let is_quota =
        |outcome| matches!(outcome, Err(DraftError::QuotaExceeded { retry_after_ms: u32::MAX, .. }));

    let mut draft = book.begin(NOW).unwrap();
    draft.set("a", b"1234").unwrap();
    assert!(is_quota(draft.set("b", b"12345")), "eleven bytes");
    draft.set("b", b"1234").unwrap();
    assert!(is_quota(draft.set("c", b"")), "three keys");
    assert!(is_quota(draft.set("a", b"12345")), "eleven bytes by overwriting");
    assert!(draft.delete("b").unwrap());
    draft.set("c", b"123").unwrap();
    draft.set_timer("t", 1, None).unwrap();
    draft.set_timer("t", 2, None).unwrap();
    assert!(is_quota(draft.set_timer("u", 1, None)));
    assert!(draft.cancel_timer("t").unwrap() && !draft.cancel_timer("t").unwrap());
    draft.set_timer("u", 1, None).unwrap();
    assert_eq!(draft.stored(), (2, 9));
    book.accept(draft, &Done::Unnumbered).unwrap().await.unwrap();
    assert_eq!(ledger.usage("echo").unwrap(), Usage { keys: 2, bytes: 9, timers: 1, ..Usage::default() });

    let book = ledger.book("echo", &AT_REST, quotas(1, 4)).unwrap();
    let mut draft = book.begin(NOW).unwrap();
    assert!(is_quota(draft.set("a", b"12345")));
    draft.set("a", b"123").unwrap();
    assert!(is_quota(draft.set("d", b"")));
    assert_eq!(draft.stored(), (2, 8));
}

#[tokio::test]
async fn a_call_writes_so_much_and_the_next_one_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let quotas = Quotas { writes_per_call: 20, ..Quotas::default() };
    let book = ledger.book("echo", &AT_REST, quotas).unwrap();
    let is_quota =
        |outcome| matches!(outcome, Err(DraftError::QuotaExceeded { retry_after_ms: u32::MAX, .. }));

    let mut draft = book.begin(NOW).unwrap();
    draft.set("a", &[0; 4096]).unwrap();
    draft.set("a", &[0; 4097]).unwrap();
    draft.set("b", &[0; 64 * 1024]).unwrap();
    assert_eq!(draft.n_writes(), 19);
    assert!(is_quota(draft.set("c", &[0; 4097])), "it is two, and one is left");
    assert!(draft.delete("b").unwrap());
    assert!(is_quota(draft.set("c", b"")));
    assert!(is_quota(draft.delete("a").map(drop)));
    assert!(!draft.delete("b").unwrap(), "it is not there, and nothing is written");
    draft.set_timer("t", 1, None).unwrap();
    assert_eq!(draft.n_writes(), 21);
    book.accept(draft, &Done::Unnumbered).unwrap().await.unwrap();

    let mut draft = book.begin(NOW).unwrap();
    assert_eq!(draft.stored(), (1, 1 + 4097));
    assert_eq!(draft.n_writes(), 0);
    draft.delete("a").unwrap();
}

#[tokio::test]
async fn arguments_of_another_length_than_they_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let mut draft = book(&ledger).begin(NOW).unwrap();
    let (longest, too_long) = ("k".repeat(256), "k".repeat(257));
    #[track_caller]
    fn refused<T: std::fmt::Debug>(outcome: Result<T, DraftError>) {
        assert!(matches!(outcome, Err(DraftError::InvalidArgument(_))), "{outcome:?}");
    }

    for key in ["", &too_long] {
        refused(draft.get(key));
        refused(draft.set(key, b""));
        refused(draft.delete(key));
        refused(draft.increment(key, 1));
        refused(draft.compare_and_swap(key, None, None));
        refused(draft.set_timer(key, 1, None));
        refused(draft.cancel_timer(key));
    }
    draft.set(&longest, &[0; MAX_VALUE_BYTES]).unwrap();
    refused(draft.set("k", &[0; MAX_VALUE_BYTES + 1]));
    refused(draft.set_timer("t", 0, Some(999)));
    draft.set_timer(&longest, 0, Some(1000)).unwrap();
    draft.set("k", b"12x").unwrap();
    refused(draft.increment("k", 1));
    draft.set("k", i64::MAX.to_string().as_bytes()).unwrap();
    refused(draft.increment("k", 1));
    assert_eq!(draft.increment("k", -1).unwrap(), i64::MAX - 1);
    for name in ["", "a\0b", &"n".repeat(MAX_PLUGIN_NAME_BYTES + 1)] {
        assert!(matches!(ledger.book(name, &AT_REST, Quotas::default()), Err(LedgerError::Name)));
    }
}

#[tokio::test]
async fn listings_are_ordered_by_bytes_over_all_that_is_and_is_not_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);
    let set = |draft: &mut Draft, keys: &[&str]| {
        for key in keys {
            draft.set(key, b"v").unwrap();
        }
    };
    call(&book_, &Done::Unnumbered, |draft| set(draft, &["u/3", "u/1", "v", "\u{e9}"])).await;
    let mut draft = book_.begin(NOW).unwrap();
    set(&mut draft, &["u/2", "t"]);
    assert!(draft.delete("u/1").unwrap());
    let ticket = book_.accept(draft, &Done::Unnumbered).unwrap();

    let mut draft = book_.begin(NOW).unwrap();
    set(&mut draft, &["u/4", "u/2"]);
    assert!(draft.delete("t").unwrap());

    assert_eq!(draft.list_keys("", None, 99).unwrap(), ["u/2", "u/3", "u/4", "v", "\u{e9}"]);
    assert_eq!(draft.list_keys("u/", None, 2).unwrap(), ["u/2", "u/3"]);
    assert_eq!(draft.list_keys("u/", Some("u/2"), 9).unwrap(), ["u/3", "u/4"]);
    assert_eq!(draft.list_keys("u/", Some("a"), 9).unwrap(), ["u/2", "u/3", "u/4"]);
    assert!(draft.list_keys("u/", Some("v"), 9).unwrap().is_empty());
    assert!(draft.list_keys("", None, 0).unwrap().is_empty());
    drop(draft);
    ticket.await.unwrap();
    assert_eq!(
        peek(&book_, |draft| draft.list_keys("", None, 9).unwrap()),
        ["t", "u/2", "u/3", "v", "\u{e9}"]
    );
    ledger.close().await;
    let book_ = book(&open(folder.path()));
    assert_eq!(peek(&book_, |draft| draft.list_keys("u", None, 9).unwrap()), ["u/2", "u/3"]);
}

#[tokio::test]
async fn places_without_effects_cost_no_commit_and_are_written_with_the_next_or_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let (echo, other) = (book(&ledger), ledger.book("other", &AT_REST, Quotas::default()).unwrap());
    for number in 1..=100 {
        assert!(echo.pass(NOW, &Done::Message { number }).unwrap().is_lazy());
    }
    assert_eq!((echo.cursor().unwrap(), ledger.n_commits()), (100, 0));
    call(&other, &Done::Message { number: 7 }, |draft| draft.set("a", b"").unwrap()).await;
    assert_eq!(ledger.n_commits(), 1);
    other.pass(NOW, &Done::Message { number: 8 }).unwrap().await.unwrap();
    other.pass(NOW, &Done::Message { number: 3 }).unwrap().await.unwrap();

    ledger.close().await;

    let ledger = open(folder.path());
    let (echo, other) = (book(&ledger), ledger.book("other", &AT_REST, Quotas::default()).unwrap());
    assert_eq!((echo.cursor().unwrap(), other.cursor().unwrap()), (100, 8));
}

#[tokio::test]
async fn the_version_that_ran_last_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let book_ = book(&ledger);
    assert_eq!(book_.version().unwrap(), None);
    let started = |version: &str| Done::Started { version: version.to_owned() };
    assert!(!book_.pass(NOW, &started("1.0.0")).unwrap().is_lazy());
    book_.pass(NOW, &Done::Migrated { version: "1.1.0".to_owned() }).unwrap().await.unwrap();
    assert!(book_.pass(NOW, &started("1.1.0")).unwrap().is_lazy(), "nothing new");
    ledger.close().await;

    assert_eq!(book(&open(folder.path())).version().unwrap().as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn plugins_and_accounts_do_not_see_each_other_and_removing_a_plugin_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let echo = book(&ledger);
    let elsewhere = ledger.book("echo", &[8; 32], Quotas::default()).unwrap();
    let other = ledger.book("echo2", &AT_REST, Quotas::default()).unwrap();
    for book in [&echo, &elsewhere, &other] {
        call(book, &Done::Message { number: 9 }, |draft| {
            assert_eq!(draft.get("a").unwrap(), None);
            draft.set("a", b"1").unwrap();
            draft.set_timer("t", 1, None).unwrap();
            draft.send("05aa", "x").unwrap();
        })
        .await;
    }
    let one = Usage { keys: 1, bytes: 2, timers: 1, queued: 1, ..Usage::default() };
    assert_eq!(
        ledger.usage("echo").unwrap(),
        Usage { keys: 2, bytes: 4, timers: 2, queued: 2, ..Usage::default() }
    );
    let mut open_draft = echo.begin(NOW).unwrap();
    open_draft.set("b", b"1").unwrap();

    ledger.remove("echo").unwrap().await.unwrap();

    let refused = echo.accept(open_draft, &Done::Unnumbered).map(drop).unwrap_err();
    assert!(matches!(refused.error, LedgerError::Undone));
    for book in [&echo, &elsewhere] {
        assert_eq!(peek(book, |draft| draft.list_keys("", None, 9).unwrap()), [""; 0]);
        assert_eq!((book.cursor().unwrap(), book.next_due().unwrap()), (0, None));
        assert!(book.outgoing(None, 9).unwrap().is_empty());
    }
    assert_eq!((ledger.usage("echo").unwrap(), ledger.usage("echo2").unwrap()), (Usage::default(), one));
    assert_eq!(peek(&other, |draft| draft.get("a").unwrap()).as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn calls_of_many_plugins_share_commits() {
    const CALLS: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let names = ["a", "b", "c", "d"];
    let run = |name: &'static str| {
        let book = ledger.book(name, &AT_REST, Quotas { queued: 10_000, ..Quotas::default() }).unwrap();
        tokio::spawn(async move {
            let mut tickets = Vec::new();
            for number in 1..=CALLS {
                let mut draft = loop {
                    match book.begin(NOW) {
                        Ok(draft) => break draft,
                        Err(LedgerError::Busy { .. }) => tokio::task::yield_now().await,
                        Err(error) => panic!("{error}"),
                    }
                };
                assert_eq!(draft.increment("n", 1).unwrap(), i64::try_from(number).unwrap());
                draft.send("05aa", "x").unwrap();
                tickets.push(book.accept(draft, &Done::Message { number }).unwrap());
            }
            join_all(tickets).await.into_iter().for_each(|outcome| outcome.unwrap());
        })
    };

    join_all(names.map(run)).await.into_iter().for_each(|outcome| outcome.unwrap());

    assert!(ledger.n_commits() < CALLS, "{} commits for {} calls", ledger.n_commits(), 4 * CALLS);
    for name in names {
        let usage = ledger.usage(name).unwrap();
        assert_eq!((usage.keys, usage.bytes, usage.queued), (1, 4, CALLS));
    }
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let tight = Options { in_flight: 2, queue: 2, ..options() };
    let ledger = Ledger::open(folder.path(), &tight, Arc::new(SystemEntropy)).unwrap();
    let book = book(&ledger);
    let mut tickets = Vec::new();
    // A commit takes longer than a call, so this ends soon.
    let capacity = loop {
        match book.begin(NOW) {
            Err(LedgerError::Busy { capacity }) => break capacity,
            Err(error) => panic!("{error}"),
            Ok(mut draft) => {
                draft.increment("n", 1).unwrap();
                tickets.push(book.accept(draft, &Done::Unnumbered).unwrap());
            }
        }
    };

    let written = tickets.len();
    join_all(tickets).await.into_iter().for_each(|outcome| outcome.unwrap());

    assert_eq!(capacity, 2);
    assert_eq!(peek(&book, |draft| draft.increment("n", 0).unwrap()), i64::try_from(written).unwrap());
}
