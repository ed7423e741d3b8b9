use bytes::Bytes;
use starling_contracts::subscriptions::LinkId;
use starling_protocol::{
    account::Prefix,
    storage::{Namespace, message_hash, monitor::Notification},
};

use super::*;

const ROOMY: Limits = Limits { held: 1000, held_per_link: 1000 };

fn link(id: u64, places: usize) -> (Link, mpsc::Receiver<Notice>) {
    let (outlet, notices) = mpsc::channel(places);
    (Link { id: LinkId(id), outlet }, notices)
}

fn account(number: u32) -> AccountId {
    let mut key = [0; 32];
    key[28..].copy_from_slice(&number.to_be_bytes());
    AccountId::new(Prefix::Group, key)
}

fn set(numbers: &[i16]) -> Namespaces {
    numbers.iter().copied().map(Namespace).collect()
}

fn message(account: AccountId, namespace: i16) -> NewMessage {
    let namespace = Namespace(namespace);
    NewMessage {
        account,
        namespace,
        hash: message_hash(&account, namespace, b"body"),
        timestamp: 1,
        expiry: 2,
        data: Bytes::from_static(b"body"),
    }
}

/// What came, as (namespace, has a body).
fn heard(notices: &mut mpsc::Receiver<Notice>) -> Vec<(i16, bool)> {
    let mut all = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        let Notice::Message(dict) = notice else { panic!("nothing has moved") };
        let notification = Notification::decode(&dict).unwrap();
        all.push((notification.namespace.0, notification.data.is_some()));
    }
    all
}

#[test]
fn renewing_adds_namespaces_and_keeps_the_wish_for_bodies() {
    let mut table = Table::new(ROOMY);
    let (link, mut notices) = link(1, 8);

    assert_eq!(table.subscribe(0, &link, &account(1), set(&[0]), true), Held::Added);
    assert_eq!(table.subscribe(9, &link, &account(1), set(&[5]), false), Held::Renewed);
    for namespace in [0, 3, 5] {
        table.announce(10, &message(account(1), namespace));
    }

    assert_eq!(heard(&mut notices), [(0, true), (5, true)]);
    assert_eq!((table.held(), table.links()), (1, 1));
}

#[test]
fn a_subscription_lapses_after_65_minutes_and_not_before() {
    let mut table = Table::new(ROOMY);
    let (link, mut notices) = link(1, 8);
    table.subscribe(5, &link, &account(1), set(&[0]), false);

    let before = table.announce(5 + 65 * 600 - 1, &message(account(1), 0));
    let after = table.announce(5 + 65 * 600, &message(account(1), 0));

    assert_eq!(before, Told { sent: 1, lost: 0, lapsed: 0 });
    assert_eq!(after, Told { sent: 0, lost: 0, lapsed: 1 });
    assert_eq!(heard(&mut notices).len(), 1);
    assert_eq!((table.held(), table.links()), (0, 0));
}

#[test]
fn what_has_lapsed_lends_nothing_to_a_new_subscription() {
    let mut table = Table::new(ROOMY);
    let (link, mut notices) = link(1, 8);
    table.subscribe(0, &link, &account(1), set(&[0]), true);

    assert_eq!(table.subscribe(LIFETIME, &link, &account(1), set(&[5]), false), Held::Added);
    for namespace in [0, 5] {
        table.announce(LIFETIME, &message(account(1), namespace));
    }

    assert_eq!(heard(&mut notices), [(5, false)]);
    assert_eq!(table.held(), 1);
}

#[test]
fn a_full_connection_loses_the_notice_and_keeps_the_subscription() {
    let mut table = Table::new(ROOMY);
    let ((slow, mut slow_notices), (quick, mut quick_notices)) = (link(1, 1), link(2, 8));
    for link in [&slow, &quick] {
        table.subscribe(0, link, &account(1), set(&[0]), false);
    }

    let told: Vec<_> = (0..3).map(|_| table.announce(1, &message(account(1), 0))).collect();

    let both = Told { sent: 2, lost: 0, lapsed: 0 };
    let one = Told { sent: 1, lost: 1, lapsed: 0 };
    assert_eq!(told, [both, one, one]);
    assert_eq!((heard(&mut slow_notices).len(), heard(&mut quick_notices).len()), (1, 3));
    assert_eq!(table.announce(1, &message(account(1), 0)), both);
}

#[test]
fn a_closed_connection_takes_all_its_subscriptions_with_it() {
    let mut table = Table::new(ROOMY);
    let ((gone, gone_notices), (stays, mut stays_notices)) = (link(1, 8), link(2, 8));
    for number in 0..100 {
        table.subscribe(0, &gone, &account(number), set(&[0]), false);
        table.subscribe(0, &stays, &account(number), set(&[0]), false);
    }
    drop(gone_notices);

    let told = table.announce(1, &message(account(7), 0));
    let swept: u64 = (0..SHARDS).map(|shard| table.sweep(shard, 1)).sum();

    assert_eq!(told, Told { sent: 1, lost: 0, lapsed: 1 });
    assert_eq!(swept, 99);
    assert_eq!((table.held(), table.links()), (100, 1));
    assert_eq!(table.subscribe(1, &gone, &account(1), set(&[0]), false), Held::Closed);
    assert_eq!(heard(&mut stays_notices), [(0, false)]);
}

#[test]
fn a_sweep_removes_what_lapsed_and_gives_its_room_back() {
    let mut table = Table::new(Limits { held: 100_000, held_per_link: 100_000 });
    let (link, _notices) = link(1, 1);
    for number in 0..100_000 {
        let since = if number < 50 { 10 } else { 0 };
        table.subscribe(since, &link, &account(number), set(&[0]), false);
    }
    assert!(table.is_full());

    let swept: u64 = (0..SHARDS).map(|shard| table.sweep(shard, LIFETIME)).sum();

    assert_eq!((swept, table.held(), table.is_full()), (99_950, 50, false));
    let room: usize = table.shards.iter().map(HashMap::capacity).sum();
    assert!(room < 64 * SHARDS, "{room}");
}

#[test]
fn neither_all_together_nor_one_connection_hold_more_than_they_may() {
    let mut table = Table::new(Limits { held: 5, held_per_link: 3 });
    let ((one, _a), (two, _b)) = (link(1, 1), link(2, 1));
    let mut add =
        |link, number, namespaces: &[i16]| table.subscribe(0, link, &account(number), set(namespaces), false);

    assert!((0..3).all(|number| add(&one, number, &[0]) == Held::Added));
    assert_eq!(add(&one, 3, &[0]), Held::Full, "of one connection");
    assert_eq!(add(&one, 2, &[5]), Held::Renewed, "which takes no room");
    let unusual: Vec<i16> = (100..116).collect();
    assert_eq!(add(&one, 2, &unusual), Held::Full, "which does");
    assert_eq!(add(&two, 0, &unusual), Held::Added);
    assert_eq!(add(&two, 1, &[0]), Held::Full, "of all");
    assert_eq!(table.held(), 4);
}

#[test]
fn places_of_connections_are_used_again() {
    let mut table = Table::new(ROOMY);
    let (first, notices) = link(1, 1);
    table.subscribe(0, &first, &account(1), set(&[0]), false);
    drop(notices);
    table.announce(0, &message(account(1), 0));

    let (second, mut notices) = link(2, 1);
    table.subscribe(0, &second, &account(1), set(&[0]), false);
    table.announce(0, &message(account(1), 0));

    assert_eq!(table.links.find(LinkId(2)), Some(0));
    assert_eq!(heard(&mut notices).len(), 1);
}

#[test]
fn ending_an_account_gives_the_connections_that_were_subscribed() {
    let mut table = Table::new(ROOMY);
    let ((one, _a), (two, _b), (closed, receiver)) = (link(1, 1), link(2, 1), link(3, 1));
    for link in [&one, &two, &closed] {
        table.subscribe(0, link, &account(1), set(&[0]), false);
    }
    table.subscribe(0, &one, &account(2), set(&[0]), false);
    drop(receiver);

    let ended: Vec<_> = table.end(&account(1), 1).iter().map(|link| link.id).collect();

    assert_eq!(ended, [LinkId(1), LinkId(2)]);
    assert_eq!((table.held(), table.links()), (1, 1));
    assert!(table.end(&account(1), 1).is_empty());
}

#[test]
fn an_entry_with_one_subscription_takes_72_bytes() {
    assert_eq!(size_of::<(AccountId, Watchers)>(), 72);
}
