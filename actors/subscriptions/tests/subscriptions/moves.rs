//! What becomes of subscriptions when the swarms change.

use starling_contracts::subscriptions::Notice;
use starling_protocol::{
    bencode::Value,
    crypto::ed25519,
    swarm::{SwarmId, mapping},
};
use starling_subscriptions::Config;
use tokio::sync::mpsc;

use crate::{
    house::{
        House, OPENED, code, group, heard, key, link, list, message, node, read, subscription, text, to_list,
    },
    requests::keys_on_both_sides,
};

/// The accounts of the end notices that have come, once all have.
async fn ended(notices: &mut mpsc::Receiver<Notice>, count: usize) -> Vec<Vec<u8>> {
    let mut accounts = Vec::new();
    while accounts.len() < count {
        let Some(Notice::Ended(dict)) = notices.recv().await else { panic!("only ends are to be told") };
        let value = read(&dict);
        assert_eq!(code(&value), 6);
        accounts.push(value.as_dict().unwrap()[&b"@"[..]].as_bytes().unwrap().to_vec());
    }
    accounts.sort();
    accounts
}

#[tokio::test]
async fn accounts_that_move_to_another_swarm_end_and_say_where_they_are() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    let (stays, moves) = keys_on_both_sides();
    house.subscribe(&link, to_list([subscription(&stays), subscription(&moves)])).await.unwrap();

    house.learn(list(2, [node(1, 0), node(2, 1 << 63)])).await;
    let Some(Notice::Ended(dict)) = notices.recv().await else { panic!("an account has moved") };
    house.announce([message(group(&moves), 11), message(group(&stays), 11)]).await;

    let shown = text(&dict);
    assert!(dict.starts_with(b"d1:@33:\x03"), "{shown}");
    assert!(shown.contains("7:errcodei6e5:error56:Account is no longer stored by this service node's swarm6:snodesld7:address58:"), "{shown}");
    assert!(shown.ends_with("e5:swarm16:8000000000000000e"), "{shown}");
    let value = read(&dict);
    let value = value.as_dict().unwrap();
    assert_eq!(value[&b"@"[..]].as_bytes(), Some(&group(&moves).as_bytes()[..]));
    assert_eq!(value[&b"snodes"[..]].as_list().map(<[Value]>::len), Some(1));
    let told: Vec<_> = heard(&mut notices).iter().map(|notification| notification.account).collect();
    assert_eq!(told, [group(&stays)]);
    assert_eq!(house.observed("held").await, 1);
}

#[tokio::test]
async fn every_account_that_moves_is_told_even_to_a_connection_with_little_room() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 2);
    let keys: Vec<_> = (0..300).map(key).collect();
    house.subscribe(&link, to_list(keys.iter().map(subscription))).await.unwrap();

    house.learn(list(2, [node(1, 0), node(2, 1 << 63)])).await;
    let ids = [SwarmId(0), SwarmId(1 << 63)];
    let mut expected: Vec<_> = keys
        .iter()
        .map(group)
        .filter(|account| mapping::nearest(mapping::space(account), &ids) == Some(ids[1]))
        .map(|account| account.as_bytes().to_vec())
        .collect();
    expected.sort();

    assert!((50..250).contains(&expected.len()), "about half: {}", expected.len());
    assert_eq!(ended(&mut notices, expected.len()).await, expected);
    assert_eq!(house.observed("held").await, 300 - expected.len() as u64);
}

#[tokio::test]
async fn a_node_that_leaves_its_swarm_ends_all_and_one_that_hears_no_news_ends_none() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    house.subscribe(&link, to_list((0..5).map(|number| subscription(&key(number))))).await.unwrap();

    house.learn(list(1, [node(2, 100)])).await;
    house.learn(list(2, [node(1, 100), node(2, 100)])).await;
    house.announce([message(group(&key(1)), 11)]).await;
    let before = heard(&mut notices).len();
    house.learn(list(3, [node(2, 100)])).await;

    assert_eq!(before, 1);
    assert_eq!(ended(&mut notices, 5).await.len(), 5);
    assert_eq!((house.observed("held").await, house.observed("links").await), (0, 0));
}

#[tokio::test]
async fn a_change_of_swarms_is_followed_by_one_that_comes_while_it_is_followed() {
    let house = House::open_with(Some(list(1, [node(1, 100)])), Config::default(), OPENED).await;
    let (link, mut notices) = link(1, 1000);
    let keys: Vec<_> = (0..300).map(key).collect();
    house.subscribe(&link, to_list(keys.iter().map(subscription))).await.unwrap();

    let others = [1 << 63, 1 << 62, 200];
    for (height, other) in (2..).zip(others) {
        house.learn(list(height, [node(1, 100), node(2, other)])).await;
    }
    let is_kept = |key: &ed25519::SecretKey, other: u64| {
        let ids = [SwarmId(100), SwarmId(other)];
        mapping::nearest(mapping::space(&group(key)), &ids) == Some(ids[0])
    };
    let gone: Vec<_> = keys.iter().filter(|key| !is_kept(key, 200)).collect();
    loop {
        house.announce(gone.iter().map(|key| message(group(key), 11))).await;
        if messages(&mut notices) == 0 {
            break;
        }
    }
    let stayed: Vec<_> = keys.iter().filter(|key| others.iter().all(|other| is_kept(key, *other))).collect();
    house.announce(stayed.iter().map(|key| message(group(key), 11))).await;

    assert!(stayed.len() > 20 && gone.len() > 100, "{} and {}", stayed.len(), gone.len());
    assert_eq!(messages(&mut notices), stayed.len());
    assert_eq!(house.observed("height").await, 4);
}

/// How many messages are among the notices that have come.
fn messages(notices: &mut mpsc::Receiver<Notice>) -> usize {
    std::iter::from_fn(|| notices.try_recv().ok())
        .filter(|notice| matches!(notice, Notice::Message(_)))
        .count()
}

#[tokio::test]
async fn a_subscriber_who_never_reads_its_end_notices_is_given_up() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 1);
    house.subscribe(&link, to_list((0..5).map(|number| subscription(&key(number))))).await.unwrap();
    drop(link);

    house.learn(list(2, [node(2, 100)])).await;
    // Time stands still until the first notice fills the channel, or the subscriptions would lapse before they are ended.
    while notices.is_empty() {
        tokio::task::yield_now().await;
    }
    while notices.sender_strong_count() > 0 {
        house.pass(10);
        tokio::task::yield_now().await;
    }

    assert_eq!(ended(&mut notices, 1).await.len(), 1);
    assert_eq!(notices.recv().await, None, "the actor has let go of the connection");
}
