//! What strangers may take, and that it is not taken from others.

use bytesize::ByteSize;
use futures::future::join_all;
use starling_contracts::transport::{FROM_CLIENT, FROM_NODE, Protocol};
use starling_kernel::RateLimit;
use starling_protocol::peer_wire::decode_answer;
use starling_transport::Config;

use crate::setup::{call, client, config, node};

const WAIT: &[u8] = &[FROM_CLIENT, b'w', b'a', b'i', b't'];

#[tokio::test]
async fn a_stranger_who_asks_too_often_is_told_so_and_listed_nodes_and_onions_are_not_counted() {
    let rate = RateLimit { per_second: 1, burst: 3, callers: 100 };
    let serving = node(1, Config { rate, ..config() }).await;
    let listed = node(2, config()).await;
    serving.learn(1, vec![serving.listed(), listed.listed()]).await;
    let (stranger, other) = (client().await, client().await);
    let ask = async |from| {
        let answers = join_all((0..8).map(|_| call(from, serving.address(), Protocol::Storage, b"x"))).await;
        answers.into_iter().map(|answer| decode_answer(&answer.unwrap()).unwrap()).collect::<Vec<_>>()
    };

    let of_stranger = ask(&stranger).await;
    let of_other = ask(&other).await;
    let of_listed = ask(&listed.kernel).await;

    for answers in [of_stranger, of_other] {
        let passed = answers.iter().filter(|answer| **answer == (200, b"x".to_vec())).count();
        let refused = (429, b"Too many requests, try again later".to_vec());
        // A token may have come while they were being asked.
        assert!((3..=4).contains(&passed), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 8 - passed);
    }
    assert!(of_listed.iter().all(|(status, _)| *status == 200));
    let onion = call(&stranger, serving.address(), Protocol::Onion, &[FROM_CLIENT, b'o']).await;
    assert_eq!(decode_answer(&onion.unwrap()), Ok((418, b"o".to_vec())));
}

#[tokio::test]
async fn peers_take_turns_and_strangers_hold_up_no_listed_node() {
    // Two places for strangers: one peer gets one of them at most.
    let serving = node(1, Config { served_at_once: 2, ..config() }).await;
    let listed = node(2, config()).await;
    serving.learn(1, vec![serving.listed(), listed.listed()]).await;
    let (greedy, modest) = (client().await, client().await);
    let onions = join_all((0..20).map(|_| call(&greedy, serving.address(), Protocol::Onion, WAIT)));
    tokio::pin!(onions);

    let others = async {
        serving.arrived.acquire().await.unwrap().forget();
        let onward = call(&listed.kernel, serving.address(), Protocol::Onion, &[FROM_NODE, b'x']).await;
        let modest = call(&modest, serving.address(), Protocol::Onion, &[FROM_CLIENT, b'm']).await;
        (onward, modest)
    };
    let (onward, modest) = tokio::select! {
        biased;
        _ = &mut onions => panic!("they wait for the gate"),
        others = others => others,
    };

    assert_eq!(decode_answer(&onward.unwrap()).unwrap().0, 200, "what nodes pass on has its own places");
    assert_eq!(decode_answer(&modest.unwrap()), Ok((418, b"m".to_vec())), "and another stranger its turn");
    assert_eq!(serving.arrived.available_permits(), 0, "only one of the twenty is being worked on");
    serving.gate.add_permits(20);
    for answer in onions.await {
        assert_eq!(
            decode_answer(&answer.unwrap()),
            Ok((200, b"waited".to_vec())),
            "all get theirs in the end"
        );
    }
}

#[tokio::test]
async fn a_stranger_fills_its_part_of_the_memory_and_nobody_else_notices() {
    // 16 MiB for strangers, as much for listed nodes.
    let serving = node(1, Config { memory: ByteSize::mib(96), ..config() }).await;
    let listed = node(2, config()).await;
    serving.learn(1, vec![serving.listed(), listed.listed()]).await;
    let (greedy, modest) = (client().await, client().await);
    let mut large = WAIT.to_vec();
    large.resize(9 << 20, 0);
    let held = join_all((0..3).map(|_| call(&greedy, serving.address(), Protocol::Onion, &large)));
    tokio::pin!(held);

    let others = async {
        serving.arrived.acquire().await.unwrap().forget();
        let mut body = vec![FROM_CLIENT];
        body.resize(1 << 20, 7);
        let modest = call(&modest, serving.address(), Protocol::Onion, &body).await;
        body[0] = FROM_NODE;
        body.resize(9 << 20, 7);
        (modest, call(&listed.kernel, serving.address(), Protocol::Onion, &body).await)
    };
    let (modest, onward) = tokio::select! {
        biased;
        _ = &mut held => panic!("one of them waits for the gate"),
        others = others => others,
    };

    assert_eq!(decode_answer(&modest.unwrap()).unwrap().0, 418, "there is room for another stranger");
    assert_eq!(decode_answer(&onward.unwrap()).unwrap().0, 200, "what nodes pass on has its own memory");
    serving.gate.add_permits(3);
    let outcomes = held.await;
    let served = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(served, 1, "the others found no memory: {served}");
}
