//! A push server's worth of subscriptions.

use starling_protocol::{
    account::{AccountId, Prefix},
    storage::Namespace,
};
use starling_subscriptions::{
    namespaces::Namespaces,
    table::{Held, Limits, SHARDS, Table},
};

use crate::house::{House, group, heard, key, link, message, subscription, to_list};

fn account(number: u32) -> AccountId {
    let mut key = [0; 32];
    key[28..].copy_from_slice(&number.to_be_bytes());
    AccountId::new(Prefix::Group, key)
}

#[test]
fn a_hundred_thousand_subscriptions_of_a_hundred_connections_are_each_told_of_their_own() {
    const EACH: u32 = 1_000;
    let mut table = Table::new(Limits { held: 100_000, held_per_link: 1_000 });
    let mut links: Vec<_> = (0..100).map(|id| link(id, 1000)).collect();
    let namespaces: Namespaces = [Namespace(0)].into_iter().collect();
    for (link, number) in links.iter().map(|(link, _)| link).zip(0..) {
        for account in (number * EACH..(number + 1) * EACH).map(account) {
            assert_eq!(table.subscribe(0, link, &account, namespaces.clone(), false), Held::Added);
        }
    }
    assert_eq!((table.held(), table.links(), table.is_full()), (100_000, 100, true));

    let mut sent = 0;
    for number in 0..100_000 {
        sent += table.announce(1, &message(account(number), 0)).sent;
    }

    assert_eq!(sent, 100_000);
    for (_, notices) in &mut links {
        assert_eq!(heard(notices).len(), 1000);
    }
    drop(links);
    assert_eq!((0..SHARDS).map(|shard| table.sweep(shard, 1)).sum::<u64>(), 100_000);
    assert_eq!((table.held(), table.links()), (0, 0));
}

#[tokio::test]
async fn five_thousand_signed_subscriptions_in_one_request_are_held() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    let request = to_list((0..5000).map(|number| subscription(&key(number))));

    let reply = house.subscribe(&link, request).await.unwrap();
    house.announce([message(group(&key(4_999)), 11)]).await;

    assert_eq!(reply, [&b"l"[..], &b"d7:successi1ee".repeat(5000), b"e"].concat());
    assert_eq!(house.observed("held").await, 5000);
    assert_eq!(heard(&mut notices).len(), 1);
}
