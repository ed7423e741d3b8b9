//! Who is told of what, and for how long.

use starling_protocol::storage::{
    Namespace,
    monitor::{Notification, Subscription},
};

use crate::house::{
    House, Sign as _, group, heard, key, link, message, subscription, to_list, user_subscription,
};

const LIFETIME: u64 = 65 * 60;

fn namespaces(notifications: &[Notification]) -> Vec<i16> {
    notifications.iter().map(|notification| notification.namespace.0).collect()
}

#[tokio::test]
async fn subscribers_are_told_of_their_namespaces_with_or_without_the_body() {
    let house = House::open().await;
    let ((with, mut with_notices), (without, mut without_notices)) = (link(1, 8), link(2, 8));
    let (key, stranger) = (key(1), key(2));
    let bare = Subscription { wants_data: false, ..subscription(&key) }.signed_by(&key);
    house.accepted(&with, subscription(&key).encode()).await;
    house.accepted(&without, bare.encode()).await;

    house.announce([message(group(&key), 12), message(group(&key), 11), message(group(&stranger), 11)]).await;

    let message = message(group(&key), 11);
    let expected = |data| Notification {
        account: message.account,
        hash: message.hash,
        namespace: message.namespace,
        timestamp: message.timestamp,
        expiry: message.expiry,
        data,
    };
    assert_eq!(heard(&mut with_notices), [expected(Some(b"a body".to_vec()))]);
    assert_eq!(heard(&mut without_notices), [expected(None)]);
}

#[tokio::test]
async fn a_subscription_lives_for_65_minutes_after_its_last_renewal() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    let request = subscription(&key(1)).encode();
    let told = message(group(&key(1)), 11);
    house.accepted(&link, request.clone()).await;
    house.pass(LIFETIME - 60);
    house.accepted(&link, request).await;

    house.pass(LIFETIME - 1);
    house.announce([told.clone()]).await;
    let before = heard(&mut notices).len();
    house.pass(1);
    house.announce([told]).await;

    assert_eq!((before, heard(&mut notices).len()), (1, 0));
    assert_eq!(house.observed("held").await, 0);
}

#[tokio::test]
async fn renewing_merges_namespaces_and_keeps_the_wish_for_bodies() {
    let house = House::open().await;
    let ((link, mut notices), (other, mut other_notices)) = (link(1, 8), link(2, 8));
    let key = key(1);
    let bare = |namespaces: &[i16]| {
        let namespaces = namespaces.iter().copied().map(Namespace).collect();
        Subscription { namespaces, wants_data: false, ..subscription(&key) }.signed_by(&key).encode()
    };
    house.accepted(&link, subscription(&key).encode()).await;
    house.accepted(&link, bare(&[-11, 13])).await;
    house.accepted(&other, bare(&[13])).await;

    house.announce([-11, 11, 12, 13].map(|namespace| message(group(&key), namespace))).await;

    let told = heard(&mut notices);
    assert_eq!(namespaces(&told), [-11, 11, 13]);
    assert!(told.iter().all(|notification| notification.data.is_some()));
    let told = heard(&mut other_notices);
    assert_eq!(namespaces(&told), [13], "what another connection asked for is its own");
    assert!(told.iter().all(|notification| notification.data.is_none()));
}

#[tokio::test]
async fn a_user_is_told_under_the_id_that_is_made_from_the_key() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    let request = user_subscription(&key(1));
    let account = request.account().unwrap();
    house.accepted(&link, request.encode()).await;

    house.announce([message(account, 0), message(group(&key(1)), 0)]).await;

    let accounts: Vec<_> = heard(&mut notices).iter().map(|notification| notification.account).collect();
    assert_eq!(accounts, [account]);
}

#[tokio::test]
async fn a_connection_that_does_not_read_loses_notices_and_nobody_waits_for_it() {
    let house = House::open().await;
    let ((slow, mut slow_notices), (quick, mut quick_notices)) = (link(1, 2), link(2, 8));
    for link in [&slow, &quick] {
        house.accepted(link, subscription(&key(1)).encode()).await;
    }

    house.announce((0..5).map(|_| message(group(&key(1)), 11))).await;
    let first = (heard(&mut slow_notices).len(), heard(&mut quick_notices).len());
    house.announce([message(group(&key(1)), 11)]).await;

    assert_eq!(first, (2, 5));
    assert_eq!((heard(&mut slow_notices).len(), heard(&mut quick_notices).len()), (1, 1));
}

#[tokio::test]
async fn a_closed_connection_loses_its_subscriptions_without_a_message_for_them() {
    let house = House::open().await;
    let ((gone, gone_notices), (stays, mut stays_notices)) = (link(1, 8), link(2, 8));
    let all = || to_list((0..200).map(|number| subscription(&key(number))));
    house.subscribe(&gone, all()).await.unwrap();
    house.subscribe(&stays, all()).await.unwrap();
    drop(gone_notices);

    while house.observed("links").await != 1 {
        house.pass(1);
        tokio::task::yield_now().await;
    }

    assert_eq!(house.observed("held").await, 200);
    house.announce([message(group(&key(7)), 11)]).await;
    assert_eq!(heard(&mut stays_notices).len(), 1);
}
