//! Copies for one's other devices that could not be stored at once.

use crate::{
    network::Network,
    world::{Installation, id},
};

#[tokio::test]
async fn a_copy_that_fails_does_not_fail_the_message_and_is_stored_by_the_next_poll() {
    let network = Network::of(3);
    network.state().unreachable.insert(id("alice"));
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    let kept = here.list("alice").await;
    assert!(!sent.synced);
    assert_eq!((network.rows_of(id("bob")).len(), network.rows_of(id("alice")).len()), (1, 0));

    let folder = here.stop().await;
    network.state().unreachable.clear();
    let here = Installation::over(&network, folder).await;
    here.poll("alice").await.unwrap();

    let copies = network.rows_of(id("alice"));
    assert_eq!((copies.len(), copies[0].hash), (1, kept[0].hash), "under the hash that was promised");
    assert_eq!(here.list("alice").await, kept);
    here.poll("alice").await.unwrap();
    let stores = network.state().log.iter().filter(|asked| asked.method == "store").count();
    assert_eq!(stores, 2, "once stored, it does not wait any more");
    here.stop().await;
}

#[tokio::test]
async fn the_next_message_takes_waiting_copies_along_in_their_order() {
    let network = Network::of(3);
    network.state().unreachable.insert(id("alice"));
    let here = Installation::new(&network).await;
    for body in ["one", "two"] {
        assert!(!here.send("alice", id("bob"), body).await.unwrap().synced);
    }
    network.state().unreachable.clear();

    assert!(here.send("alice", id("carol"), "three").await.unwrap().synced);

    let elsewhere = Installation::new(&network).await;
    assert_eq!(elsewhere.poll("alice").await.unwrap().new, 3);
    assert_eq!(elsewhere.texts("alice").await, ["one", "two", "three"]);
    here.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn a_copy_waits_out_a_clock_error_and_a_refusal() {
    let network = Network::of(3);
    network.state().unreachable.insert(id("alice"));
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "hello").await.unwrap();
    network.state().unreachable.clear();
    network.state().refuse_stores = Some((403, "Provided expiry/TTL is not valid."));
    here.poll("alice").await.unwrap();
    assert!(network.rows_of(id("alice")).is_empty());

    network.state().refuse_stores = None;
    network.state().clock_error_ms = 600_000;
    here.poll("alice").await.unwrap();

    assert_eq!(network.rows_of(id("alice")).len(), 1);
    here.stop().await;
}

#[tokio::test]
async fn copies_that_are_always_refused_do_not_hold_up_those_behind_them() {
    let network = Network::of(1);
    network.state().unreachable.insert(id("alice"));
    let here = Installation::new(&network).await;
    for n in 0..9 {
        here.send("alice", id("bob"), &format!("number {n}")).await.unwrap();
    }
    network.state().unreachable.clear();
    network.state().refuses_copies_but_for = Some((id("alice"), here.list("alice").await[8].hash));
    here.poll("alice").await.unwrap();
    assert!(network.rows_of(id("alice")).is_empty(), "the first eight are refused");

    here.poll("alice").await.unwrap();

    let rows = network.rows_of(id("alice"));
    assert_eq!((rows.len(), rows[0].hash), (1, here.list("alice").await[8].hash));
    network.state().refuses_copies_but_for = None;
    here.poll("alice").await.unwrap();
    assert_eq!(network.rows_of(id("alice")).len(), 9, "and none is lost");
    here.stop().await;
}
