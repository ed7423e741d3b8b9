//! Requests in a network where something is wrong (onion-requests §7).

use std::time::{Duration, Instant};

use starling_contracts::routing::Error;
use starling_routing::FirstHop;

use crate::{
    house::{House, PATIENCE, Settings},
    network::{Fault, Network},
};

#[tokio::test]
async fn dead_guards_cost_a_try_and_no_more() {
    for first_hop in [FirstHop::Libp2p, FirstHop::Https] {
        let network = Network::of(12);
        let house = House::with(&network, Settings { first_hop, ..Settings::of(&network) }).await;
        let guards = house.guards().await;
        for guard in guards {
            network.fail(guard, Fault::Dead);
        }
        let began = Instant::now();

        let reply = house.ask_node(network.keys()[0]).await;

        let reply = match reply {
            // One of the guards may be the destination itself, which then is gone.
            Err(Error::NoAnswer { .. }) if guards.contains(&network.keys()[0]) => continue,
            reply => reply.expect("other nodes can guard"),
        };
        assert!(!guards.contains(&reply.path[0]));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_dead_guard_is_dropped_after_three_failures_and_replaced() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    let [guard, _] = house.guards().await;
    network.fail(guard, Fault::Dead);
    let destination = network.keys().into_iter().find(|key| *key != guard).expect("twelve nodes");

    // Each request that is answered over another guard proves that the network is up; the dead one is asked meanwhile.
    let began = Instant::now();
    while house.observed("nodes").await != 11 {
        house.ask_node(destination).await.expect("another guard answers");
        assert!(began.elapsed() < PATIENCE, "the dead guard stays");
    }

    house.until("paths", |paths| paths == 2).await;
    for _ in 0..20 {
        assert!(!house.ask_node(destination).await.expect("all is well").path.contains(&guard));
    }
}

#[tokio::test]
async fn a_frozen_guard_is_noticed_by_its_silence() {
    let network = Network::of(12);
    let mut settings = Settings::of(&network);
    settings.config.doubt_guard_after = Duration::from_millis(50);
    settings.config.guard_within = Duration::from_millis(100);
    let house = House::with(&network, settings).await;
    let guards = house.guards().await;
    let destination = network.keys().into_iter().find(|key| !guards.contains(key)).expect("twelve nodes");
    for guard in guards {
        network.fail(guard, Fault::Frozen);
    }
    let began = Instant::now();

    let reply = house.ask_node(destination).await.expect("other nodes can guard");

    assert!(!guards.contains(&reply.path[0]));
    assert!(began.elapsed() < Duration::from_secs(5), "a try alone would take 10 s");
}

#[tokio::test]
async fn a_second_try_leaves_beside_one_that_is_slow() {
    let network = Network::of(12);
    let mut settings = Settings::of(&network);
    settings.config.second_try_after = Duration::from_millis(50);
    settings.config.try_within = Duration::from_secs(2);
    let house = House::with(&network, settings).await;
    house.until("paths", |paths| paths == 2).await;
    let [mute, other] = house.guards().await;
    let destination =
        network.keys().into_iter().find(|key| ![mute, other].contains(key)).expect("twelve nodes");
    network.fail(mute, Fault::Mute);
    let began = Instant::now();

    for _ in 0..10 {
        let reply = house.ask_node(destination).await.expect("the other path answers");
        assert_ne!(reply.path[0], mute);
    }

    assert!(began.elapsed() < Duration::from_secs(5), "half of them would take 2 s each");
    house.until("nodes", |nodes| nodes < 12).await;
}

#[tokio::test]
async fn a_lost_hop_is_dropped_and_its_path_repaired() {
    for fault in [Fault::Dead, Fault::Unlisted] {
        let network = Network::of(12);
        let house = House::open(&network).await;
        house.until("paths", |paths| paths == 2).await;
        let destination = network.keys()[0];
        let path = house.ask_node(destination).await.expect("all is well").path;
        for lost in [path[1], path[2]] {
            network.fail(lost, fault.clone());
        }

        for _ in 0..20 {
            let reply = house.ask_node(destination).await.expect("the path is repaired");
            assert_eq!(reply.status, 200);
            assert!(!reply.path[1..].contains(&path[1]) && !reply.path[1..].contains(&path[2]));
        }

        assert!(house.observed("nodes").await.as_u64() <= Some(11), "whoever was missed is dropped");
    }
}

#[tokio::test]
async fn a_path_that_times_out_is_left_for_another_and_struck() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    let destination = network.keys()[0];
    let path = house.ask_node(destination).await.expect("all is well").path;
    network.fail(path[2], Fault::Mute);

    for _ in 0..40 {
        let reply = house.ask_node(destination).await.expect("there is another path");
        assert_ne!(reply.path[2], path[2]);
    }
}

#[tokio::test]
async fn a_node_that_is_not_ready_is_passed_by() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    let destination = network.keys()[0];
    let path = house.ask_node(destination).await.expect("all is well").path;
    for hop in &path {
        network.fail(*hop, Fault::NotReady);
    }

    for _ in 0..10 {
        let reply = house.ask_node(destination).await.expect("other nodes are ready");
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn a_busy_guard_is_passed_by() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    let [guard, other] = house.guards().await;
    let destination =
        network.keys().into_iter().find(|key| ![guard, other].contains(key)).expect("twelve nodes");
    network.fail(guard, Fault::Plain(503, "Server busy, try again later".to_owned()));

    for _ in 0..10 {
        assert_ne!(house.ask_node(destination).await.expect("another guard answers").path[0], guard);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_opened_fails_at_once() {
    let network = Network::of(8);
    let house = House::open(&network).await;
    let destination = network.keys()[3];
    network.fail(destination, Fault::Garbles);

    assert_eq!(house.ask_node(destination).await, Err(Error::Unreadable));

    assert_eq!(network.served("ask").len(), 1, "it was not tried again");
    assert_eq!(house.observed("nodes").await, 8, "and nobody is blamed");
}

#[tokio::test]
async fn other_refusals_of_a_hop_fail_without_penalty() {
    let stranger = starling_protocol::crypto::ed25519::SecretKey::from_seed([222; 32]).public();
    for (status, text) in [
        (400, "Invalid ciphertext".to_owned()),
        (502, format!("Next node not found: {stranger}")),
        (504, "the web server took too long".to_owned()),
    ] {
        let network = Network::of(8);
        let house = House::open(&network).await;
        let destination = network.keys()[0];
        house.until("paths", |paths| paths == 2).await;
        for key in network.keys() {
            network.fail(key, Fault::Plain(status, text.clone()));
        }

        assert_eq!(house.ask_node(destination).await, Err(Error::Refused { status }), "{text}");

        assert_eq!(network.state().entered.len(), 1, "it was not tried again");
        assert_eq!(house.observed("nodes").await, 8, "and nobody is blamed");
    }
}

#[tokio::test]
async fn a_request_that_met_congestion_takes_another_path_and_nobody_is_blamed() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    let destination = network.keys()[0];
    house.until("paths", |paths| paths == 2).await;
    house.ask_node(destination).await.expect("all is well");
    let guard = network.state().entered[0].0;
    let n_before = network.state().entered.len();
    network.fail(guard, Fault::Plain(503, "Next hop congested".to_owned()));

    // Either path may be the first choice; sooner or later the congested one is.
    let was_tried = || network.state().entered[n_before..].iter().any(|(entered, _)| *entered == guard);
    for _ in 0..100 {
        let reply = house.ask_node(destination).await.expect("another path is free");
        assert_ne!(reply.path[0], guard);
        if was_tried() {
            break;
        }
    }

    assert!(was_tried());
    assert_eq!(house.observed("nodes").await, 12, "and nobody is blamed");
}

#[tokio::test]
async fn a_destination_that_two_hops_call_gone_is_given_up() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    let destination = network.keys()[3];
    house.until("paths", |paths| paths == 2).await;
    network.fail(destination, Fault::Unlisted);

    let error = house.ask_node(destination).await.expect_err("it is gone");

    let Error::NoAnswer { last, .. } = error else { panic!("not {error}") };
    assert_eq!(last, "the destination could not be reached");
    assert_eq!(house.ask_node(destination).await, Err(Error::UnknownDestination), "it was dropped");
}

#[tokio::test]
async fn when_no_node_at_all_can_be_reached_that_is_said_soon_and_nobody_is_blamed() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    let destination = network.keys()[0];
    house.ask_node(destination).await.expect("all is well");
    for key in network.keys() {
        network.fail(key, Fault::Dead);
    }
    network.state().seeds = vec![crate::network::Seed::Dead];
    let began = Instant::now();

    let outcome = house.ask_node(destination).await;

    assert_eq!(outcome, Err(Error::NoNodeReachable));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(house.observed("nodes").await, 12, "this machine may be cut off");
    network.state().faults.clear();
    network.state().seeds = vec![crate::network::Seed::Tells];
    assert!(house.ask_node(destination).await.is_ok(), "and when it is back, so is the client");
}

#[tokio::test]
async fn a_deadline_is_kept() {
    let network = Network::of(8);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    house.members().await.expect("all is well");
    for key in network.keys() {
        network.fail(key, Fault::Mute);
    }
    let began = Instant::now();

    let error = house.ask_swarm_within(None, Duration::from_millis(300)).await.expect_err("nobody answers");

    assert!(matches!(error, Error::NoAnswer { within_ms: 300, .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(house.observed("nodes").await, 8, "so short a time is nobody's fault");
}
