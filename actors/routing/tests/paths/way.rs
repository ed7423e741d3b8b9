//! Requests in a network where all is well.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use starling_contracts::routing::Error;
use starling_kernel::ManualClock;
use starling_protocol::onion::Cipher;
use starling_routing::{
    FirstHop,
    paths::{LayerCipher, PathsConfig},
};

use crate::{
    house::{House, Settings},
    network::{Fault, Network},
};

#[tokio::test]
async fn a_request_takes_three_hops_over_either_first_hop_and_with_either_cipher() {
    for (first_hop, over) in [(FirstHop::Libp2p, "libp2p"), (FirstHop::Https, "https")] {
        for (cipher, wire) in
            [(LayerCipher::XChaCha20, Cipher::XChaCha20), (LayerCipher::AesGcm, Cipher::AesGcm)]
        {
            let network = Network::of(9);
            let mut settings = Settings { first_hop, ..Settings::of(&network) };
            settings.config = PathsConfig { cipher, ..settings.config };
            let house = House::with(&network, settings).await;
            let destination = network.keys()[8];

            let reply = house.ask_node(destination).await.expect("all is well");

            assert_eq!((reply.node, reply.status), (destination, 200));
            assert_eq!(reply.body["echo"], json!({ "n": 1 }));
            let nodes: BTreeSet<_> = reply.path.iter().chain([&destination]).collect();
            assert_eq!(nodes.len(), 4, "three hops, and the destination is none of them");
            let state = network.state();
            assert_eq!(state.entered, [(reply.path[0], over)]);
            assert_eq!(state.ciphers, [wire; 4]);
        }
    }
}

#[tokio::test]
async fn two_paths_without_a_common_node_carry_requests() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;

    let mut off_the_paths = 0;
    for destination in network.keys() {
        let mut paths = BTreeSet::new();
        for _ in 0..30 {
            paths.insert(house.ask_node(destination).await.expect("all is well").path);
        }
        let nodes: BTreeSet<_> = paths.iter().flatten().collect();
        assert_eq!(nodes.len(), 3 * paths.len(), "they share no node");
        off_the_paths += usize::from(paths.len() == 2);
    }

    assert_eq!(off_the_paths, 6, "who is on one path is asked over the other");
}

#[tokio::test]
async fn in_a_network_of_five_every_node_can_be_asked_and_is_not_on_the_way_to_itself() {
    let network = Network::of(5);
    let house = House::open(&network).await;

    for destination in network.keys() {
        let reply = house.ask_node(destination).await.expect("five nodes are enough");
        assert_eq!((reply.status, reply.path.len()), (200, 3));
        assert!(!reply.path.contains(&destination));
    }
}

#[tokio::test]
async fn with_three_nodes_the_destination_is_also_a_hop() {
    let network = Network::of(3);
    let house = House::open(&network).await;

    for destination in network.keys() {
        let reply = house.ask_node(destination).await.expect("better than none");
        assert!(reply.path.contains(&destination));
    }
}

#[tokio::test]
async fn what_a_node_answers_comes_back_as_it_is() {
    let network = Network::of(8);
    let house = House::open(&network).await;
    let destination = network.keys()[2];

    for (status, body) in [
        (400, json!("no method ask")),
        (401, json!("verification failed")),
        (406, json!("clock")),
        (421, json!({ "snodes": [] })),
        (500, json!({ "swarm": {} })),
        (503, json!("Snode not ready")),
    ] {
        network.fail(destination, Fault::Answers(status, body.clone()));
        let reply = house.ask_node(destination).await.expect("an answer is an answer");
        assert_eq!((reply.status, reply.body), (status, body));
    }
    assert_eq!(network.served("ask").len(), 6, "none was tried twice");
}

#[tokio::test]
async fn a_node_that_nobody_knows_is_refused() {
    let network = Network::of(8);
    let house = House::open(&network).await;
    let stranger = starling_protocol::crypto::ed25519::SecretKey::from_seed([222; 32]).public();

    assert_eq!(house.ask_node(stranger).await, Err(Error::UnknownDestination));
}

#[tokio::test]
async fn a_web_server_gets_the_payload_and_its_answer_comes_back() {
    for cipher in [LayerCipher::XChaCha20, LayerCipher::AesGcm] {
        let network = Network::of(6);
        let mut settings = Settings::of(&network);
        settings.config.cipher = cipher;
        let house = House::with(&network, settings).await;

        let answer = house.ask_server("/oxen/v4/lsrpc", b"l5:helloe").await.expect("all is well");

        assert_eq!(&answer[..], b"eolleh:5l");
        assert_eq!(network.state().delivered, [b"l5:helloe"]);
    }
}

#[tokio::test]
async fn what_no_hop_would_relay_is_refused_before_it_is_sent() {
    let network = Network::of(6);
    let house = House::open(&network).await;

    for target in ["/", "/oxen/v4/lsrpc?x=1", "/admin", "/loki/v3/other"] {
        assert_eq!(house.ask_server(target, b"x").await, Err(Error::Refused { status: 400 }));
    }
    network.state().server_refuses = Some(404);
    assert_eq!(house.ask_server("/oxen/v4/lsrpc", b"x").await, Err(Error::Refused { status: 404 }));
    assert_eq!(network.state().entered.len(), 1, "a web server's refusal is not tried again");
}

#[tokio::test]
async fn a_payload_over_the_limit_of_nodes_is_refused() {
    let network = Network::of(6);
    let house = House::open(&network).await;
    static LONG: [u8; 11 << 20] = [0; 11 << 20];

    assert_eq!(house.ask_server("/oxen/v4/lsrpc", &LONG).await, Err(Error::Refused { status: 413 }));
}

#[tokio::test]
async fn every_ten_minutes_paths_change_behind_their_guards() {
    let network = Network::of(20);
    let clock = ManualClock::at(1_700_000_000_000);
    let settings = Settings { clock: Arc::new(clock.clone()), ..Settings::of(&network) };
    let house = House::with(&network, settings).await;
    house.until("paths", |paths| paths == 2).await;
    let guards = house.guards().await;
    let asked = network.keys()[0];
    let mut before = BTreeSet::new();
    for _ in 0..20 {
        before.extend(house.ask_node(asked).await.expect("all is well").path);
    }

    clock.advance(Duration::from_secs(600));
    // The timer runs on the actor's own thread; a round trip through the actor comes after it.
    let mut after = BTreeSet::new();
    let begun = std::time::Instant::now();
    while after.is_disjoint(&before) || after.is_subset(&before) {
        after = BTreeSet::new();
        for _ in 0..20 {
            after.extend(house.ask_node(asked).await.expect("all is well").path);
        }
        assert!(begun.elapsed() < crate::house::PATIENCE, "nothing changed");
    }

    assert_eq!(house.guards().await, guards);
}
