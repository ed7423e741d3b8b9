//! Panics, full mailboxes, restarts, sweeps, files that cannot be used.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::json;
use starling_contracts::storage::{ApplyForwarded, Error, Forwarded};
use starling_kernel::{Bounds, CallError, StartError, Status};
use starling_storage::Config;

use crate::{
    house::{House, NOW, Plan},
    requests::{Client, DAY, bodies, envelope, hash_of},
};

const INFO: &str = "{\"method\":\"info\",\"params\":{}}";
const PANIC: &str = "{\"method\":\"debug_panic\",\"params\":{}}";

/// Has the storage actor been made a second time?
async fn is_back(house: &House) -> bool {
    let observed = house.nodes[0].kernel.observe().await;
    observed
        .iter()
        .any(|actor| actor.name == "storage" && actor.restarts == 1 && actor.status == Status::Ready)
}

#[tokio::test]
async fn a_panic_in_a_handler_costs_its_own_request_and_nothing_else() {
    let config = Config { fault_injection: true, ..Config::default() };
    let house = House::open(Plan { config, ..Plan::one_swarm(1) }).await;
    let client = Client::user(1);
    house.raw(0, envelope(&client.store(0, b"before", NOW))).await.unwrap().ok();

    let panicked = house.raw(0, PANIC).await;
    assert!(
        matches!(panicked, Err(Error::Call(CallError::Panicked { actor: "storage", .. }))),
        "{panicked:?}"
    );

    // What is asked during the back-off waits for the actor's return; the clock has to move for that, and no further.
    let asked = envelope(&client.retrieve(0, None, NOW));
    let asking = house.raw(0, asked);
    let moving = async {
        while !is_back(&house).await {
            house.clock.advance(Duration::from_millis(10));
        }
        std::future::pending::<()>().await
    };
    let held = tokio::select! {
        held = asking => held.unwrap().ok(),
        () = moving => unreachable!("it waits for ever"),
    };
    assert_eq!(bodies(&held), [b"before"]);
    let observed = house.nodes[0].kernel.observe().await;
    let restarts: Vec<_> = observed.iter().map(|actor| (actor.name, actor.restarts)).collect();
    assert_eq!(restarts, [("staking", 0), ("swarm", 0), ("replica", 0), ("storage", 1)]);
}

#[tokio::test]
async fn a_mailbox_that_is_full_says_so_and_nobody_hangs() {
    // One write at a time, each with a commit of its own: nobody can serve ten thousand of them as fast as they are asked.
    let bounds = Bounds { mailbox_capacity: 64, concurrency: 1, ..Config::default().bounds };
    let house =
        House::open(Plan { config: Config { bounds, ..Config::default() }, ..Plan::one_swarm(1) }).await;
    let store = envelope(&Client::user(1).store(0, b"x", NOW));

    let replies = join_all((0..10_000).map(|_| house.raw(0, store.clone()))).await;

    let n_served =
        replies.iter().filter(|reply| reply.as_ref().is_ok_and(|reply| reply.status == 200)).count();
    let is_busy =
        |reply: &&Result<_, _>| matches!(reply, Err(Error::Call(CallError::Busy { actor: "storage", .. })));
    assert_eq!(n_served + replies.iter().filter(is_busy).count(), 10_000);
    assert!((64..10_000).contains(&n_served), "{n_served} were served");
}

#[tokio::test]
async fn a_member_that_waits_for_others_with_all_its_places_still_applies_what_they_forward() {
    let bounds = Bounds { concurrency: 2, ..Config::default().bounds };
    let house =
        House::open(Plan { config: Config { bounds, ..Config::default() }, ..Plan::one_swarm(2) }).await;
    let client = Client::user(1);
    house.hang();
    let write = |body: &[u8]| house.raw(0, envelope(&client.store(0, body, NOW)));
    let clients = async {
        // Two take the places, a third waits for one.
        join_all([write(b"a"), write(b"b"), write(b"c")]).await;
        unreachable!("no copy is ever answered");
    };
    let member = async {
        let is_full = async || {
            let storage = house.nodes[0].kernel.observe().await.pop().unwrap();
            (storage.name, storage.mailbox_depth) == ("storage", 1) && house.copied().len() == 2
        };
        while !is_full().await {
            tokio::task::yield_now().await;
        }
        let dict = client.store(0, b"forwarded", NOW).to_replicated().unwrap().into();
        let from = house.members[1].node.ed25519;
        let write = ApplyForwarded { method: "store".to_owned(), dict, from };
        house.nodes[0].kernel.ask(write).await.unwrap()
    };

    let forwarded = tokio::select! {
        forwarded = tokio::time::timeout(Duration::from_secs(60), member) => forwarded.expect("it is answered"),
        () = clients => unreachable!("clients wait"),
    };

    assert!(matches!(forwarded, Forwarded::Done(_)), "{forwarded:?}");
    let mut snapshot = house.copied();
    snapshot.dedup();
    assert_eq!(snapshot.len(), 2, "what was forwarded is not forwarded on");
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart_of_the_process() {
    let house = House::single().await;
    let client = Client::user(1);
    house.raw(0, envelope(&client.store(0, b"kept", NOW))).await.unwrap().ok();
    let folder = Arc::clone(&house.nodes[0].folder);

    assert!(house.nodes[0].kernel.stop().await.is_empty());
    let stopped = house.raw(0, INFO).await;
    assert!(matches!(stopped, Err(Error::Call(CallError::Stopping { .. }))), "{stopped:?}");
    let list = Some(house.list(1, [19, 6]));
    let again =
        House { nodes: vec![house.start(&house.members[0], Config::default(), folder, list).await], ..house };

    let held = again.raw(0, envelope(&client.retrieve(0, None, NOW))).await.unwrap().ok();
    assert_eq!(bodies(&held), [b"kept"]);
}

#[tokio::test]
async fn a_second_process_cannot_open_the_same_store() {
    let house = House::single().await;

    let refused = house.try_start(&house.members[0], Config::default(), &house.nodes[0].folder, None).await;

    let Err(StartError::Fault { fault, .. }) = refused else { panic!("it was opened twice") };
    assert!(fault.to_string().contains("storage.redb cannot be opened"), "{fault}");
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_alone() {
    let house = House::single().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storage.redb");
    std::fs::write(&file, b"this is not a database, however long one looks at it").unwrap();

    let refused = house.try_start(&house.members[0], Config::default(), &folder, None).await;

    let Err(StartError::Fault { fault, .. }) = refused else { panic!("it was opened") };
    assert!(fault.to_string().contains(&*file.to_string_lossy()), "{fault}");
    assert_eq!(std::fs::read(&file).unwrap().first_chunk(), Some(b"this"));
}

#[tokio::test]
async fn what_has_expired_is_not_handed_out_and_is_swept_away() {
    let house = House::single().await;
    let client = Client::user(1);
    let short = client.store(0, b"short", NOW - DAY + 9_000);
    let hash = hash_of(&house.raw(0, envelope(&short)).await.unwrap().ok());
    house.raw(0, envelope(&client.store(0, b"long", NOW))).await.unwrap().ok();

    house.advance_to(NOW + 9_000);
    let held = house.raw(0, envelope(&client.retrieve(0, None, NOW))).await.unwrap().ok();
    assert_eq!(bodies(&held), [b"long"], "its time is up although no sweep came by");
    let expiries = async || {
        let asked = client.get_expiries(&[hash.as_str()], house.now());
        house.raw(0, envelope(&asked)).await.unwrap().ok()["expiries"].clone()
    };
    assert_eq!(expiries().await, json!({hash.as_str(): NOW + 9_000}), "it is still there, though");
    // The sweep runs on its own once its time has come, so all that can be done is to wait for what it does.
    while expiries().await != json!({}) {
        house.clock.advance(Duration::from_secs(1));
    }
    let held = house.raw(0, envelope(&client.retrieve(0, None, house.now()))).await.unwrap().ok();
    assert_eq!(bodies(&held), [b"long"]);
}
