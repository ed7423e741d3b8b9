//! Where nodes come from, and what a restart needs.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use starling_contracts::routing::Error;
use starling_kernel::{ManualClock, StartError};
use starling_routing::FirstHop;

use crate::{
    house::{House, PATIENCE, Settings},
    network::{Fault, Network, Seed},
};

const FILE: &str = "paths.json";

#[tokio::test]
async fn without_a_seed_that_answers_the_error_is_clear_and_comes_soon() {
    for seeds in [vec![Seed::Dead; 3], vec![], vec![Seed::Typed("text/html")]] {
        let network = Network::of(8);
        network.state().seeds = seeds;
        let house = House::open(&network).await;
        let began = Instant::now();

        let error = house.ask_swarm(None).await.expect_err("nothing is known");

        assert_eq!(error, Error::NoNodeReachable);
        assert!(began.elapsed() < Duration::from_secs(3));
        let unready = house.kernel.unready();
        assert_eq!(unready, [("paths", "no service node is known yet".to_owned())]);
    }
}

#[tokio::test]
async fn one_seed_of_three_is_enough() {
    for other in [Seed::Dead, Seed::Frozen, Seed::Typed("text/plain")] {
        for good in 0..3 {
            let network = Network::of(8);
            let mut seeds = vec![other.clone(); 3];
            seeds[good] = Seed::Tells;
            network.state().seeds = seeds;
            let house = House::open(&network).await;

            assert_eq!(house.ask_node(network.keys()[0]).await.expect("a seed told").status, 200);
            assert_eq!(house.kernel.unready(), []);
        }
    }
}

#[tokio::test]
async fn a_seed_with_pins_is_asked_only_under_them() {
    for (pin, is_good) in [([0x36; 32], true), ([0x37; 32], false)] {
        let network = Network::of(8);
        network.state().seeds = vec![Seed::Certified([0x36; 32])];
        let mut settings = Settings::of(&network);
        settings.network.seeds[0].certificates = vec![pin.map(|byte| format!("{byte:02X}")).join(":")];
        let house = House::with(&network, settings).await;

        assert_eq!(house.ask_node(network.keys()[0]).await.is_ok(), is_good);
    }
}

#[tokio::test]
async fn a_network_without_three_usable_nodes_is_named_so() {
    let network = Network::of(2);
    let house = House::open(&network).await;
    let began = Instant::now();
    let error = house.ask_node(network.keys()[0]).await;
    assert_eq!(error, Err(Error::TooFewNodes { known: 2, needed: 3 }));
    assert!(began.elapsed() < Duration::from_secs(3));

    let crowded = Network::of(8);
    let mut settings = Settings::of(&crowded);
    settings.first_hop = FirstHop::Libp2p;
    let house = House::with(&crowded, settings).await;
    assert!(house.ask_node(crowded.keys()[0]).await.is_ok());
}

#[tokio::test]
async fn a_restart_keeps_the_guards_and_needs_no_seed() {
    let network = Network::of(20);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    let guards = house.guards().await;
    network.state().seeds = vec![Seed::Dead];
    let asked = network.state().seeds_asked;

    let house = house.restart(2).await;
    assert_eq!(house.kernel.unready(), []);
    house.until("paths", |paths| paths == 2).await;

    assert_eq!(house.guards().await, guards);
    assert_eq!(network.state().seeds_asked, asked);
}

#[tokio::test]
async fn a_guard_that_died_meanwhile_does_not_hinder_a_restart() {
    let network = Network::of(20);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    let guards = house.guards().await;
    for guard in guards {
        network.fail(guard, Fault::Dead);
    }
    let destination = network.keys().into_iter().find(|key| !guards.contains(key)).expect("twenty nodes");

    let house = house.restart(3).await;
    let began = Instant::now();
    let reply = house.ask_node(destination).await.expect("other nodes can guard");

    assert!(!guards.contains(&reply.path[0]));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_damaged_file_is_ignored_and_written_anew() {
    for damage in ["", "{\"version\":1", "\u{0}\u{1}", "{\"version\":1,\"nodes\":\"many\"}"] {
        let network = Network::of(8);
        let house = House::open(&network).await;
        house.ask_node(network.keys()[0]).await.expect("all is well");
        assert_eq!(house.kernel.stop().await, [""; 0]);
        let file = house.folder().join(FILE);
        assert!(file.exists());
        std::fs::write(&file, damage).expect("the folder is ours");

        let house = House::start(&network, house.settings.clone(), Arc::clone(&house.folder)).await;
        let house = house.expect("damage is no reason not to start");

        assert_eq!(house.ask_node(network.keys()[0]).await.expect("a seed told").status, 200);
        assert_eq!(house.kernel.stop().await, [""; 0]);
        let written = std::fs::read(&file).expect("it was written anew");
        let written: serde_json::Value = serde_json::from_slice(&written).expect("and is whole");
        assert_eq!(written["nodes"].as_array().map(Vec::len), Some(8));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone() {
    let network = Network::of(8);
    let folder = Arc::new(tempfile::tempdir().expect("a folder for the test"));
    let newer = r#"{"version":7,"later":true}"#;
    std::fs::write(folder.path().join(FILE), newer).expect("the folder is ours");

    let started = House::start(&network, Settings::of(&network), Arc::clone(&folder)).await;

    let Err(StartError::Fault { actor: "paths", fault }) = started else { panic!("it must not start") };
    assert!(
        fault
            .to_string()
            .ends_with("paths.json is of version 7, this program reads up to 1: a newer program wrote it")
    );
    assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).expect("it is there"), newer);
}

/// Asks until the pool has so many nodes, after the time for a refresh has come.
async fn refreshed(house: &House, clock: &ManualClock, nodes: u64) {
    clock.advance(Duration::from_secs(2 * 60 * 60));
    house.until("nodes", |known| known == nodes).await;
}

#[tokio::test]
async fn the_list_is_refreshed_from_nodes_that_agree() {
    let network = Network::of(12);
    let clock = ManualClock::at(1_700_000_000_000);
    let settings = Settings { clock: Arc::new(clock.clone()), ..Settings::of(&network) };
    let house = House::with(&network, settings).await;
    house.ask_node(network.keys()[0]).await.expect("all is well");
    let asked = network.state().seeds_asked;
    // Every node tells the first ten, and each one more that nobody else knows.
    let list = network.list();
    let lists = network.keys().into_iter().enumerate().map(|(index, key)| {
        let mut told = list[..10].to_vec();
        let stranger = starling_protocol::crypto::ed25519::SecretKey::from_seed(
            [100 + u8::try_from(index).unwrap(); 32],
        );
        told[0].ed25519 = stranger.public();
        told[0].x25519 = stranger.to_x25519().public();
        told.push(list[0].clone());
        (key, told)
    });
    network.state().listed = Some(lists.collect::<BTreeMap<_, _>>());

    refreshed(&house, &clock, 10).await;

    assert_eq!(network.served("oxend_request").len(), 3);
    assert_eq!(network.state().seeds_asked, asked, "no seed was needed");
    assert!(house.ask_node(network.keys()[0]).await.is_ok());
    assert_eq!(house.ask_node(network.keys()[11]).await, Err(Error::UnknownDestination));
}

#[tokio::test]
async fn where_nodes_do_not_know_the_list_seeds_are_asked() {
    let network = Network::of(12);
    let clock = ManualClock::at(1_700_000_000_000);
    let settings = Settings { clock: Arc::new(clock.clone()), ..Settings::of(&network) };
    let house = House::with(&network, settings).await;
    let gone = network.keys()[11];
    house.ask_node(network.keys()[0]).await.expect("all is well");
    network.fail(gone, Fault::Unlisted);
    house.ask_node(network.keys()[0]).await.expect("all is well");
    let asked = network.state().seeds_asked;

    clock.advance(Duration::from_secs(2 * 60 * 60));

    let began = Instant::now();
    while network.state().seeds_asked == asked {
        assert!(began.elapsed() < PATIENCE, "no seed is asked");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(network.served("oxend_request").len(), 3);
}
