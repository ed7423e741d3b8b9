//! What one address may take of the node: requests, connections, memory.

use std::time::{Duration, Instant};

use bytesize::ByteSize;
use futures::future::join_all;
use reqwest::StatusCode;
use starling_gateway::Config;
use starling_kernel::RateLimit;

use crate::{
    blocking,
    house::{House, text},
    post,
    raw::{Ending, PATIENCE, Wire, head},
};

#[actix_rt::test]
async fn who_asks_too_often_waits_and_its_connection_lives_on() {
    let rate = RateLimit { per_second: 1, burst: 5, callers: 100 };
    let house = House::open_at(rate, |_, _| {}).await;

    let mut statuses = Vec::new();
    for _ in 0..12 {
        let answer = post(&house, "/storage_rpc/v1", "json").await;
        statuses.push(answer.status().as_u16());
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(text(answer.headers(), "retry-after"), Some("1"));
            assert_eq!(text(answer.headers(), "content-type"), Some("text/plain"));
            assert_ne!(text(answer.headers(), "connection"), Some("close"), "a new one would cost us more");
            assert_eq!(answer.text().await.unwrap(), "Too Many Requests\n");
        }
    }

    assert_eq!(statuses[..5], [200; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    for path in ["/onion_req/v2", "/ping_test/v1", "/json_rpc"] {
        let answer = post(&house, path, r#"{"id":1,"method":"get_n_service_nodes"}"#).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path} is not counted");
    }
    house.close().await;
}

#[actix_rt::test]
async fn a_rate_of_zero_switches_the_limit_off() {
    let house = House::open_at(RateLimit { per_second: 0, burst: 1, callers: 1 }, |_, _| {}).await;

    let answers = join_all((0..50).map(|_| post(&house, "/storage_rpc/v1", "json"))).await;

    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    house.close().await;
}

#[actix_rt::test]
async fn peers_with_ipv6_addresses_are_served() {
    let house = House::open_with(|config, _| config.https = "[::1]:0".parse().unwrap()).await;

    let answer = post(&house, "/storage_rpc/v1", "json").await;

    assert_eq!(answer.status(), StatusCode::OK);
    house.close().await;
}

#[actix_rt::test]
async fn an_address_has_only_so_many_connections_and_another_address_has_its_own() {
    let house = House::open_with(|config, _| config.connections_per_address = 4).await;
    let address = house.address();

    let (mine, others, refused) = blocking(move || {
        let mine: Vec<_> =
            (0..4).map(|_| Wire::try_open(address, [127, 0, 0, 1].into()).expect("a place")).collect();
        let refused = Wire::try_open(address, [127, 0, 0, 1].into()).is_none();
        let others = Wire::try_open(address, [127, 0, 0, 2].into());
        (mine, others, refused)
    })
    .await;

    assert!(refused, "a fifth connection of the address is closed at once");
    assert!(others.is_some(), "another address is let in");
    drop(mine);
    let again = blocking(move || {
        let began = Instant::now();
        // The places are given back when the server has noticed.
        while began.elapsed() < PATIENCE {
            if Wire::try_open(address, [127, 0, 0, 1].into()).is_some() {
                return true;
            }
        }
        false
    })
    .await;
    assert!(again, "a place that was given back is there again");
    house.close().await;
}

#[actix_rt::test]
async fn one_address_cannot_take_all_places() {
    let house = House::open_with(|config, _| {
        (config.max_connections, config.connections_per_address) = (20, 100);
    })
    .await;
    let address = house.address();

    let (greedy, modest) = blocking(move || {
        let greedy: Vec<_> = (0..20).filter_map(|_| Wire::try_open(address, [127, 0, 0, 1].into())).collect();
        let modest: Vec<_> =
            (2..6).filter_map(|last| Wire::try_open(address, [127, 0, 0, last].into())).collect();
        (greedy.len(), modest.len())
    })
    .await;

    assert_eq!((greedy, modest), (4, 4));
    house.close().await;
}

#[actix_rt::test]
async fn what_one_address_holds_in_memory_leaves_room_for_others_and_comes_back() {
    let change = |config: &mut Config, _: &mut starling_kernel::Bounds| {
        config.memory = ByteSize::mib(128);
        config.stall_within = Duration::from_secs(60);
    };
    let house = House::open_with(change).await;
    let address = house.address();
    // Nearly whole bodies that are never finished: two of them fit into the fifth that one address may have.
    let held: Vec<_> = blocking(move || {
        let open = |_| {
            let mut wire = Wire::open(address);
            wire.send(&head("/onion_req/v2", &format!("Content-Length: {}\r\n", 10 << 20)));
            wire.send_as_far_as_taken(&vec![b'x'; (10 << 20) - 1]);
            wire
        };
        (0..4).map(open).collect()
    })
    .await;

    let refused = loop {
        let answer = post(&house, "/onion_req/v2", vec![b'x'; 9 << 20]).await;
        match answer.status() {
            StatusCode::OK => tokio::task::yield_now().await,
            _ => break answer,
        }
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(refused.headers(), "retry-after"), Some("1"));
    assert_eq!(refused.text().await.unwrap(), "Server busy, try again later");
    let of_another = blocking(move || {
        let mut wire = Wire::try_open(address, [127, 0, 0, 2].into()).expect("a place");
        wire.send(&head("/onion_req/v2", &format!("Connection: close\r\nContent-Length: {}\r\n", 1 << 20)));
        wire.send(&vec![b'x'; 1 << 20]);
        wire.read_to_end(PATIENCE).text()
    })
    .await;
    assert!(of_another.starts_with("HTTP/1.1 200 "), "another address has room");

    drop(held);
    let began = Instant::now();
    while post(&house, "/onion_req/v2", vec![b'x'; 9 << 20]).await.status() != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the memory came back");
    }
    house.close().await;
}

#[actix_rt::test]
async fn a_large_answer_is_whole() {
    let house = House::open().await;

    let answer = post(&house, "/storage_rpc/v1", "large").await;

    assert_eq!(text(answer.headers(), "content-type"), Some("application/json"));
    let announced: usize = text(answer.headers(), "content-length").unwrap().parse().unwrap();
    let body = answer.bytes().await.unwrap();
    assert_eq!(body.len(), announced);
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(value["messages"].as_array().unwrap().len(), 5000);
    house.close().await;
}

#[actix_rt::test]
async fn heads_that_are_long_and_never_end_are_paid_for_as_bodies_are() {
    let house = House::open_with(|config, _| {
        (config.memory, config.connections_per_address) = (ByteSize::mib(128), 0);
        (config.head_within, config.keep_alive) = (Duration::from_secs(600), Duration::from_secs(600));
    })
    .await;
    let address = house.address();

    let was_cut = blocking(move || {
        // 120 KiB each: the fifth of one address is worth some 218 of them.
        let long = [b"POST / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 120 << 10]].concat();
        let open = |_| {
            let mut wire = Wire::open(address);
            wire.send_as_far_as_taken(&long);
            wire
        };
        let mut wires: Vec<_> = (0..240).map(open).collect();
        let began = Instant::now();
        loop {
            let moment = Duration::from_millis(1);
            if wires.iter_mut().any(|wire| wire.read_to_end(moment).how != Ending::Silence) {
                break true;
            }
            if began.elapsed() > PATIENCE {
                break false;
            }
        }
    })
    .await;

    assert!(was_cut, "memory for heads has its bound");
    let answer = post(&house, "/storage_rpc/v1", "json").await;
    assert_eq!(answer.status(), StatusCode::OK, "and what is short is served");
    house.close().await;
}
