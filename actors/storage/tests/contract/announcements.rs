//! What is new is told to the actor that tells subscribers, once, and nobody waits for it.

use starling_contracts::storage::ApplyForwarded;
use starling_protocol::storage::Namespace;

use crate::{
    house::{House, Member, NOW, Plan, Subscriptions},
    requests::{Client, DAY, envelope, hash_of},
};

async fn house(n_members: u8, subscriptions: Subscriptions) -> House {
    House::open(Plan { subscriptions, ..Plan::one_swarm(n_members) }).await
}

fn key(member: &Member) -> starling_protocol::crypto::ed25519::PublicKey {
    member.node.ed25519
}

#[tokio::test]
async fn a_message_is_announced_by_every_member_to_which_it_is_new() {
    let mut house = house(3, Subscriptions::Listening).await;
    let client = Client::user(1);

    let stored = house.raw(0, envelope(&client.store(2, b"hello", NOW))).await.unwrap().ok();

    let mut nodes = Vec::new();
    for _ in 0..3 {
        let (node, messages) = house.heard.recv().await.unwrap();
        let [message] = messages.as_slice() else { panic!("one message was stored") };
        assert_eq!((message.account, message.namespace), (client.account, Namespace(2)));
        assert_eq!((message.hash, &message.data[..]), (hash_of(&stored), &b"hello"[..]));
        assert_eq!((message.timestamp, message.expiry), (NOW, NOW + DAY));
        nodes.push(node);
    }
    nodes.sort_unstable();
    let mut expected: Vec<_> = house.members.iter().map(key).collect();
    expected.sort_unstable();
    assert_eq!(nodes, expected);
}

#[tokio::test]
async fn what_was_there_before_or_was_not_stored_is_not_announced() {
    let mut house = house(1, Subscriptions::Listening).await;
    let client = Client::user(1);
    for (namespace, body, time) in [
        (0, &b"once"[..], NOW),
        (0, b"once", NOW + 1),
        (-1, b"newer", NOW + 2),
        (-1, b"older", NOW),
        (2, b"last", NOW),
    ] {
        house.raw(0, envelope(&client.store(namespace, body, time))).await.unwrap().ok();
    }
    let unsigned = serde_json::json!({"pubkey": client.account, "namespace": 2, "timestamp": NOW, "ttl": DAY, "data": "AAAA"});
    assert_eq!(house.rpc(0, "store", unsigned).await.status, 401);
    let last = client.store(2, b"the end", NOW);
    house.raw(0, envelope(&last)).await.unwrap().ok();

    let mut heard = Vec::new();
    while heard.last().is_none_or(|body: &Vec<u8>| body != b"the end") {
        let (_, messages) = house.heard.recv().await.unwrap();
        heard.extend(messages.into_iter().map(|message| message.data.to_vec()));
    }
    assert_eq!(heard, [&b"once"[..], b"newer", b"last", b"the end"]);
}

#[tokio::test]
async fn what_a_member_forwards_is_announced_too() {
    let mut house = house(1, Subscriptions::Listening).await;
    let store = Client::user(1).store(0, b"from a peer", NOW);
    let dict = store.to_replicated().unwrap().into();
    let call = ApplyForwarded { method: "store".to_owned(), dict, from: key(&house.members[0]) };

    house.nodes[0].kernel.ask(call).await.unwrap();

    let (_, messages) = house.heard.recv().await.unwrap();
    assert_eq!(messages[0].data, &b"from a peer"[..]);
}

#[tokio::test]
async fn no_write_waits_for_an_actor_that_does_not_answer() {
    let mut house = house(1, Subscriptions::Hanging).await;
    let client = Client::user(1);

    // More than may wait to be told.
    for number in 0..600_u32 {
        house.raw(0, envelope(&client.store(0, &number.to_be_bytes(), NOW))).await.unwrap().ok();
    }

    let (_, first) = house.heard.recv().await.unwrap();
    assert_eq!(first[0].data, 0_u32.to_be_bytes().as_slice());
    assert!(house.heard.try_recv().is_err(), "one announcement is made at a time");
}

#[tokio::test]
async fn a_process_without_subscriptions_stores_as_ever() {
    let house = house(1, Subscriptions::Absent).await;

    house.raw(0, envelope(&Client::user(1).store(0, b"x", NOW))).await.unwrap().ok();
}
