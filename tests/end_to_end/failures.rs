//! Power cuts: nodes that vanish while people write to each other.

use std::{collections::BTreeSet, time::Instant};

use starling::Runtime;
use starling_contracts::{
    accounts::{CreateAccount, Profile},
    inbox::{ListMessages, Poll, SendText},
};
use starling_tests::{Client, Devnet};

#[test]
fn a_dead_swarm_member_loses_nothing() {
    let devnet = Devnet::start(14);
    let alice = Client::new(devnet.network());
    let bob = Client::new(devnet.network());
    alice.new_account("alice");
    let (bob_id, _) = bob.new_account("bob");
    let before = alice.send("alice", &bob_id, "before");
    let members = before["stored_by"].as_array().expect("a list of members");

    devnet.kill(members[0].as_str().expect("a key"));
    let after = alice.send("alice", &bob_id, "after");

    let mut bodies = bob.bodies("bob");
    bodies.sort();
    assert_eq!(bodies, ["after", "before"]);
    let stored_by = after["stored_by"].as_array().expect("a list of members");
    assert!(!stored_by.contains(&members[0]), "the dead member did not store it");
    assert!(stored_by.len() >= 4, "the living ones did");
}

#[test]
fn a_dead_guard_is_replaced_within_seconds() {
    for first_hop in ["https", "libp2p"] {
        let devnet = Devnet::start(14);
        let alice = Client::with_first_hop(devnet.network(), first_hop);
        let bob = Client::with_first_hop(devnet.network(), first_hop);
        alice.new_account("alice");
        let (bob_id, _) = bob.new_account("bob");
        let before = alice.send("alice", &bob_id, "before");
        let guard = before["path"][0].as_str().expect("the path is printed, guard first");

        devnet.kill(guard);
        let began = Instant::now();
        let after = alice.send("alice", &bob_id, "after");

        let took = began.elapsed();
        assert_ne!(after["path"][0], before["path"][0], "another guard over {first_hop}");
        println!("a send after the guard's death took {took:?} over {first_hop}");
        let mut bodies = bob.bodies("bob");
        bodies.sort();
        assert_eq!(bodies, ["after", "before"]);
    }
}

/// How many messages are sent; a node is killed after a third of them.
const SENDS: usize = 500;

/// Which node is killed.
#[derive(Clone, Copy)]
enum Victim {
    /// One that keeps the messages.
    Member,
    /// The one that the sender speaks to.
    Guard,
}

/// Sends messages, kills a node meanwhile, and reads: every message whose send was answered must be there.
async fn acknowledged_messages_survive(first_hop: &str, of_kind: Victim) {
    let total = SENDS;
    let devnet = tokio::task::spawn_blocking(|| Devnet::start(14)).await.expect("the network starts");
    let folder = tempfile::tempdir().expect("a folder");
    let client = |name: &str| {
        Runtime::builder()
            .config_file(devnet.network())
            .set("runtime.roles", "[\"client\"]")
            .set("gateway.operator", "127.0.0.1:0")
            .set("runtime.data_dir", &format!("{:?}", folder.path().join(name)))
            .set("transport.first_hop", &format!("{first_hop:?}"))
            .start()
    };
    let alice = client("alice").await.expect("alice's client starts");
    let bob = client("bob").await.expect("bob's client starts");
    let profile: Profile = "p".parse().expect("a profile name");
    let create = || CreateAccount { profile: profile.clone(), name: None };
    alice.ask(create()).await.expect("an account for alice");
    let bob_id = bob.ask(create()).await.expect("an account for bob").account.id;

    let mut acknowledged = BTreeSet::new();
    let mut victim = None;
    let mut killed: Option<Instant> = None;
    let mut recovered = None;
    for number in 0..total {
        let body = format!("message {number}");
        let send = SendText { profile: profile.clone(), to: bob_id, body: body.clone() };
        match alice.ask(send).await {
            Ok(sent) => {
                acknowledged.insert(body);
                victim = match of_kind {
                    Victim::Member => sent.stored_by.first().copied(),
                    Victim::Guard => sent.path.first().copied(),
                };
                if let (Some(at), None) = (killed, recovered) {
                    recovered = Some(at.elapsed());
                }
            }
            Err(error) => println!("send {number} was not acknowledged: {error}"),
        }
        if number == total / 3 {
            devnet.kill(&victim.expect("some message was stored").to_string());
            killed = Some(Instant::now());
        }
    }

    let mut read = BTreeSet::new();
    for _ in 0..20 {
        bob.ask(Poll { profile: profile.clone() }).await.expect("bob's swarm answers");
        let listed = bob
            .ask(ListMessages { profile: profile.clone(), after: 0, limit: 10_000 })
            .await
            .expect("the inbox opens");
        read = listed.into_iter().map(|message| message.body).collect();
        if read.len() >= acknowledged.len() {
            break;
        }
    }
    let lost: Vec<_> = acknowledged.difference(&read).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged messages are lost: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert!(
        acknowledged.len() * 100 >= total * 95,
        "{} of {total} sends were acknowledged",
        acknowledged.len()
    );
    // How soon is printed, not judged: it says as much of the machine as of the program.
    println!(
        "first acknowledgement after the kill: {:?} over {first_hop}",
        recovered.expect("sends succeed again")
    );
    alice.stop().await;
    bob.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_when_a_member_is_killed() {
    acknowledged_messages_survive("https", Victim::Member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_when_the_guard_is_killed() {
    acknowledged_messages_survive("libp2p", Victim::Guard).await;
}
