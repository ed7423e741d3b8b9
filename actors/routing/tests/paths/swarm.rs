//! Requests to swarms, and the network's time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use starling_contracts::routing::Error;
use starling_kernel::ManualClock;
use starling_protocol::swarm::SwarmId;

use crate::{
    house::{House, Settings},
    network::{Fault, Network, Seed},
};

/// What a clock of a test's own begins with.
const NOW_MS: u64 = 1_700_000_000_000;

#[tokio::test]
async fn a_member_is_asked_and_the_preferred_one_where_it_is_a_member() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let members = network.swarm();

    for member in &members {
        assert_eq!(house.ask_swarm(Some(*member)).await.expect("all is well").node, *member);
    }
    let mut answered = BTreeSet::new();
    for _ in 0..60 {
        answered.insert(house.ask_swarm(Some(network.keys()[9])).await.expect("all is well").node);
    }

    assert_eq!(answered, members.into_iter().collect());
    assert_eq!(network.served("get_swarm").len(), 1, "the swarm is remembered");
    let known = house.members().await.expect("it is known");
    assert_eq!((known.id, known.members.len()), (SwarmId(0xab_cdef), 4));
    assert!(known.members.iter().all(|member| member.libp2p_port != 0), "with all that the pool knows");
}

#[tokio::test]
async fn a_dead_member_is_dropped_and_another_asked_at_once() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let members = network.swarm();
    house.members().await.expect("all is well");
    network.fail(members[0], Fault::Dead);

    let reply = house.ask_swarm(Some(members[0])).await.expect("three others are there");

    assert_ne!(reply.node, members[0]);
    assert_eq!(reply.status, 200);
    let known = house.members().await.expect("it is known");
    assert!(known.members.iter().all(|member| member.ed25519 != members[0]));
}

#[tokio::test]
async fn a_swarm_that_moved_is_corrected_by_a_421() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let old = house.members().await.expect("all is well");
    let new: Vec<_> = network.keys()[5..8].to_vec();
    network.state().swarm.clone_from(&new);

    let reply = house.ask_swarm(Some(old.members[0].ed25519)).await.expect("the new swarm answers");

    assert_eq!(reply.status, 200);
    assert!(new.contains(&reply.node));
    let known: Vec<_> = house.members().await.expect("it is known").members;
    assert_eq!(known.iter().map(|member| member.ed25519).collect::<BTreeSet<_>>(), new.into_iter().collect());
    assert_eq!(network.served("get_swarm").len(), 1, "nobody had to be asked again");
}

#[tokio::test]
async fn a_421_that_names_no_swarm_shrinks_the_known_one() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let members = network.swarm();
    house.members().await.expect("all is well");
    network.fail(members[1], Fault::Answers(421, json!("wrong swarm")));

    let reply = house.ask_swarm(Some(members[1])).await.expect("others are members");

    assert_eq!(reply.status, 200);
    let known = house.members().await.expect("it is known").members;
    assert!(known.iter().all(|member| member.ed25519 != members[1]) && known.len() == 3);
}

#[tokio::test]
async fn swarms_that_send_a_request_round_and_round_are_left() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let body = network.state().swarm_body(1);
    for member in network.swarm() {
        network.fail(member, Fault::Answers(421, body.clone()));
    }

    let reply = house.ask_swarm(None).await.expect("the last word of the swarm");

    assert_eq!(reply.status, 421);
    assert_eq!(network.served("store").len(), 6);
}

#[tokio::test]
async fn a_member_that_fails_is_passed_by_and_when_all_do_the_caller_learns_how() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    let members = network.swarm();
    house.members().await.expect("all is well");
    for status in [500, 502, 503] {
        network.fail(members[2], Fault::Answers(status, json!("it failed")));
        let reply = house.ask_swarm(Some(members[2])).await.expect("others do not fail");
        assert_eq!(reply.status, 200);
    }

    for member in members {
        network.fail(member, Fault::Answers(500, json!("all fail")));
    }
    let reply = house.ask_swarm(None).await.expect("an answer is an answer");

    assert_eq!((reply.status, reply.body), (500, json!("all fail")));
}

#[tokio::test]
async fn refusals_of_a_member_come_back_without_another_try() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    house.members().await.expect("all is well");
    for (tries, status) in (1..).zip([400, 401, 403, 404, 429]) {
        for member in network.swarm() {
            network.fail(member, Fault::Answers(status, json!("no")));
        }
        assert_eq!(house.ask_swarm(None).await.expect("an answer is an answer").status, status);
        assert_eq!(network.served("store").len(), tries);
    }
}

#[tokio::test]
async fn network_time_follows_the_nodes() {
    let network = Network::of(10);
    network.state().skew = 3_600_000;
    let house = House::open(&network).await;
    house.members().await.expect("all is well");

    let ahead =
        house.network_time().await.expect("a node answers") - house.kernel.environment().clock.now_ms();

    assert!((3_590_000..=3_610_000).contains(&ahead), "{ahead}");
    assert!(house.observed("clock_offset_ms").await.as_u64().is_some_and(|offset| offset > 3_590_000));
}

#[tokio::test]
async fn the_first_to_ask_for_the_time_gets_the_networks_however_wrong_the_clock_is() {
    let network = Network::of(10);
    network.state().skew = 7_200_000;
    let clock = ManualClock::at(NOW_MS);
    let house = House::with(&network, Settings { clock: Arc::new(clock), ..Settings::of(&network) }).await;

    let (one, other) = futures::join!(house.network_time(), house.network_time());

    assert_eq!((one, other), (Ok(NOW_MS + 7_200_000), Ok(NOW_MS + 7_200_000)));
    assert_eq!(network.served("info").len(), 3, "measured once, at three nodes");
    assert_eq!(house.network_time().await, Ok(NOW_MS + 7_200_000));
    assert_eq!(network.served("info").len(), 3, "and not again");
}

#[tokio::test]
async fn the_time_of_a_network_out_of_reach_is_an_error_and_not_the_clock_of_this_machine() {
    let network = Network::of(10);
    network.state().seeds[0] = Seed::Dead;
    let house = House::open(&network).await;
    assert_eq!(house.network_time().await, Err(Error::NoNodeReachable));

    network.state().seeds[0] = Seed::Tells;
    for key in network.keys() {
        network.fail(key, Fault::Dead);
    }
    assert_eq!(house.network_time().await, Err(Error::NoNodeReachable));

    network.state().faults.clear();
    network.state().skew = -7_200_000;
    let behind = house.kernel.environment().clock.now_ms() - house.network_time().await.expect("it is back");
    assert!((7_190_000..=7_210_000).contains(&behind), "{behind}");
}

#[tokio::test]
async fn a_406_measures_the_time_anew_and_comes_back() {
    let network = Network::of(10);
    let house = House::open(&network).await;
    for _ in 0..30 {
        house.ask_swarm(None).await.expect("all is well");
    }
    network.state().skew = -7_200_000;
    let members = network.swarm();
    for member in &members {
        network.fail(*member, Fault::Answers(406, json!("timestamp too far from current time")));
    }

    let reply = house.ask_swarm(Some(members[0])).await.expect("an answer is an answer");

    assert_eq!((reply.node, reply.status), (members[0], 406));
    assert_eq!(network.served("info").len(), 3);
    let behind =
        house.kernel.environment().clock.now_ms() - house.network_time().await.expect("a node answers");
    assert!((7_190_000..=7_210_000).contains(&behind), "what was heard before does not count: {behind}");

    house.ask_swarm(Some(members[0])).await.expect("an answer is an answer");
    assert_eq!(house.observed("nodes").await, 9, "who insists on it is dropped");
}

#[tokio::test]
async fn a_swarm_can_be_asked_for_even_when_the_first_nodes_are_gone() {
    let network = Network::of(12);
    let house = House::open(&network).await;
    house.until("paths", |paths| paths == 2).await;
    let path = house.ask_node(network.keys()[0]).await.expect("all is well").path;
    for key in network.keys().into_iter().filter(|key| !path.contains(key)).skip(4) {
        network.fail(key, Fault::Unlisted);
    }

    let known =
        tokio::time::timeout(Duration::from_secs(20), house.members()).await.expect("it does not hang");

    assert_eq!(known.expect("somebody is left").members.len(), 4);
}
