//! Many requests at once, peers that do not answer, and what is finished before a stop.

use std::time::Duration;

use futures::future::join_all;
use starling_contracts::transport::{Error, FROM_CLIENT, Protocol};
use starling_kernel::CallError;
use starling_protocol::peer_wire::{SwarmAnswer, decode_answer, encode_swarm_request};
use starling_transport::{Carrier, Config};

use crate::setup::{call, call_within, client, config, node, only};

async fn two_thousand_requests_are_all_answered(carrier: Carrier) {
    let peers = [node(1, only(carrier)).await, node(2, only(carrier)).await, node(3, only(carrier)).await];
    let asking = node(4, only(carrier)).await;

    let answers = join_all((0..2000_usize).map(|number| {
        let (to, from) = (peers[number % peers.len()].address(), &asking.kernel);
        async move { (number, call(from, to, Protocol::Storage, number.to_string().as_bytes()).await) }
    }))
    .await;

    for (number, answer) in answers {
        assert_eq!(decode_answer(&answer.unwrap()), Ok((200, number.to_string().into_bytes())));
    }
}

#[tokio::test]
async fn two_thousand_requests_are_all_answered_over_quic() {
    two_thousand_requests_are_all_answered(Carrier::Quic).await;
}

#[tokio::test]
async fn two_thousand_requests_are_all_answered_over_tcp() {
    two_thousand_requests_are_all_answered(Carrier::Tcp).await;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_delays_nobody_else() {
    let mut unlimited = config();
    unlimited.rate.per_second = 0;
    let (stuck, quick) = (node(1, unlimited).await, node(2, config()).await);
    let client = client().await;

    let waiting = join_all((0..1000).map(|_| call(&client, stuck.address(), Protocol::Storage, b"wait")));
    let others = async {
        for _ in 0..100 {
            let answer = call(&client, quick.address(), Protocol::Ping, b"hello").await;
            assert_eq!(answer.unwrap(), "hello");
        }
    };
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("they wait for the gate"),
        () = others => {}
    }
    stuck.gate.add_permits(1000);
    let outcomes = waiting.await;

    for outcome in outcomes {
        assert_eq!(decode_answer(&outcome.unwrap()), Ok((200, b"waited".to_vec())));
    }
}

#[tokio::test]
async fn a_connected_peer_that_does_not_answer_in_time_is_told_apart_from_one_out_of_reach() {
    let stuck = node(1, config()).await;
    let client = client().await;
    assert_eq!(call(&client, stuck.address(), Protocol::Ping, b"").await.unwrap(), "");

    let short = Duration::from_millis(200);
    let outcome = call_within(&client, stuck.address(), Protocol::Storage, b"wait", short).await;

    assert_eq!(outcome, Err(Error::TimedOut { within_ms: 200 }));
}

#[tokio::test]
async fn the_bound_of_one_peer_turns_away_its_own_callers_only() {
    let (stuck, quick) = (node(1, config()).await, node(2, config()).await);
    let asking = node(3, Config { calls_per_peer: 4, under_way_per_peer: 2, ..config() }).await;
    // Connects first, so that the order of calls is the order of sending.
    assert_eq!(call(&asking.kernel, stuck.address(), Protocol::Ping, b"").await.unwrap(), "");

    let calls: Vec<_> =
        (0..5).map(|_| call(&asking.kernel, stuck.address(), Protocol::Storage, b"wait")).collect();
    let quick_answer = async {
        let answer = call(&asking.kernel, quick.address(), Protocol::Ping, b"x").await;
        stuck.gate.add_permits(4);
        answer
    };
    let (outcomes, quick_answer) = tokio::join!(join_all(calls), quick_answer);

    let (answered, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(answered.len(), 4);
    let busy = CallError::Busy { actor: "transport", capacity: 4 };
    assert_eq!(refused, [Err(Error::Call(busy))]);
    assert_eq!(quick_answer.unwrap(), "x");
}

#[tokio::test]
async fn onions_that_are_never_answered_hold_up_no_copies_to_the_same_member() {
    let one = node(1, Config { calls_per_peer: 4, under_way_per_peer: 2, ..config() }).await;
    let two = node(2, Config { served_per_peer: 2, ..config() }).await;
    for node in [&one, &two] {
        node.learn(1, vec![one.listed(), two.listed()]).await;
    }
    let copy = encode_swarm_request("store", b"d1:ai1ee");

    // Two fill the window on both sides, two more the queue.
    let onions =
        join_all((0..4).map(|_| {
            call(&one.kernel, two.address(), Protocol::Onion, &[FROM_CLIENT, b'w', b'a', b'i', b't'])
        }));
    tokio::pin!(onions);
    let copied = async {
        two.arrived.acquire_many(2).await.unwrap().forget();
        let fifth = call(&one.kernel, two.address(), Protocol::Onion, &[FROM_CLIENT]).await;
        (fifth, call(&one.kernel, two.address(), Protocol::Swarm, &copy).await)
    };
    let (fifth, copied) = tokio::select! {
        biased;
        _ = &mut onions => panic!("they wait for the gate"),
        copied = copied => copied,
    };
    two.gate.add_permits(4);
    let onions = onions.await;

    let busy = CallError::Busy { actor: "transport", capacity: 4 };
    assert_eq!(fifth, Err(Error::Call(busy)), "the onions are at their bound");
    assert_eq!(SwarmAnswer::decode(&copied.unwrap()), Ok(SwarmAnswer::Done(b"d1:ai1ee".to_vec())));
    for onion in onions {
        assert_eq!(decode_answer(&onion.unwrap()), Ok((200, b"waited".to_vec())));
    }
}

#[tokio::test]
async fn more_requests_of_one_peer_than_are_served_at_once_are_answered_as_busy() {
    let serving = node(1, Config { served_per_peer: 2, ..config() }).await;
    let (greedy, modest) = (node(2, config()).await, node(3, config()).await);

    let greedy_calls =
        join_all((0..3).map(|_| call(&greedy.kernel, serving.address(), Protocol::Storage, b"wait")));
    tokio::pin!(greedy_calls);
    let modest_answer = tokio::select! {
        biased;
        _ = &mut greedy_calls => panic!("two of them wait for the gate"),
        answer = call(&modest.kernel, serving.address(), Protocol::Storage, b"quick") => answer,
    };
    serving.gate.add_permits(2);
    let answers = greedy_calls.await;

    assert_eq!(decode_answer(&modest_answer.unwrap()), Ok((200, b"quick".to_vec())));
    let mut answers: Vec<_> =
        answers.into_iter().map(|answer| decode_answer(&answer.unwrap()).unwrap()).collect();
    answers.sort();
    let waited = (200, b"waited".to_vec());
    assert_eq!(answers, [waited.clone(), waited, (503, b"Server busy, try again later".to_vec())]);
}

#[tokio::test]
async fn what_was_accepted_is_answered_before_a_stop() {
    let serving = node(1, config()).await;
    let client = client().await;
    let (to, gate) = (serving.address(), std::sync::Arc::clone(&serving.gate));
    let waiting = call(&client, to, Protocol::Storage, b"wait");
    tokio::pin!(waiting);
    let arrived = async {
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("it waits for the gate"),
            permit = serving.arrived.acquire() => permit.unwrap().forget(),
        }
    };
    arrived.await;

    let stop = serving.kernel.stop();
    let release = async {
        // By now the node takes nothing new: what it accepted is all that it finishes.
        let refused = loop {
            match call(&client, serving.address(), Protocol::Storage, b"too late").await {
                Ok(answer) => match decode_answer(&answer).unwrap() {
                    (200, _) => tokio::task::yield_now().await,
                    other => break other,
                },
                Err(error) => panic!("expected an answer, got {error}"),
            }
        };
        gate.add_permits(1);
        assert_eq!(refused, (503, b"Service node is not ready: shutting down\n".to_vec()));
    };
    let (answer, killed, ()) = tokio::join!(waiting, stop, release);

    assert_eq!(decode_answer(&answer.unwrap()), Ok((200, b"waited".to_vec())));
    assert!(killed.is_empty(), "{killed:?}");
}
