//! Clients that take their time, at every stage of a connection.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::StatusCode;

use crate::{
    blocking,
    house::House,
    post,
    raw::{self, Ending, PATIENCE, Wire, head},
};

#[actix_rt::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let house = House::open_with(|config, _| config.stall_within = Duration::from_millis(300)).await;
    let address = house.address();

    let (took, ending) = blocking(move || {
        let mut wire = Wire::open(address);
        // Ten megabytes come back, of which the systems on both sides buffer a few.
        let body = vec![b'x'; 10 << 20];
        wire.send(&head("/onion_req/v2", &format!("Content-Length: {}\r\n", body.len())));
        wire.send(&body);
        let began = Instant::now();
        wire.wait_until_cut(PATIENCE);
        (began.elapsed(), wire.read_to_end(PATIENCE))
    })
    .await;

    assert!(took < PATIENCE, "it was held for {took:?}");
    assert!(ending.bytes.len() < 10 << 20, "the answer was not waited for to its end");
    assert_ne!(ending.how, Ending::Silence);
    assert_eq!(post(&house, "/storage_rpc/v1", "json").await.status(), StatusCode::OK);
    house.close().await;
}

#[actix_rt::test]
async fn a_client_that_reads_slowly_but_steadily_gets_all_of_its_answer() {
    let house = House::open_with(|config, _| config.stall_within = Duration::from_secs(2)).await;
    let address = house.address();

    let received = blocking(move || {
        let mut wire = Wire::open(address);
        let body = vec![b'x'; 10 << 20];
        wire.send(&head(
            "/onion_req/v2",
            &format!("Connection: close\r\nContent-Length: {}\r\n", body.len()),
        ));
        wire.send(&body);
        wire.read_slowly(256 << 10, Duration::from_millis(50))
    })
    .await;

    assert!(received > 10 << 20, "{received} bytes came");
    house.close().await;
}

#[actix_rt::test]
async fn a_body_that_stalls_is_answered_and_its_connection_closed() {
    let house = House::open_with(|config, _| config.stall_within = Duration::from_millis(300)).await;
    let address = house.address();

    let ending = blocking(move || {
        let mut wire = Wire::open(address);
        wire.send(&head("/storage_rpc/v1", "Content-Length: 100\r\n"));
        wire.send(b"half of it");
        wire.read_to_end(PATIENCE)
    })
    .await;

    assert!(ending.text().starts_with("HTTP/1.1 408 "), "{}", ending.text());
    assert_ne!(ending.how, Ending::Silence);
    house.close().await;
}

#[actix_rt::test]
async fn a_second_head_that_does_not_come_is_given_up_as_the_first_is() {
    let house = House::open_with(|config, _| {
        config.head_within = Duration::from_millis(400);
        config.keep_alive = Duration::from_secs(600);
    })
    .await;
    let address = house.address();

    let (first, took, ending) = blocking(move || {
        let mut wire = Wire::open(address);
        wire.send(&head("/ping_test/v1", "Content-Length: 0\r\n"));
        let first = wire.read_answer();
        wire.send(b"POST /storage_rpc/v1 HT");
        let began = Instant::now();
        let ending = wire.read_to_end(PATIENCE);
        (first, began.elapsed(), ending)
    })
    .await;

    assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
    assert_ne!(ending.how, Ending::Silence, "it was held for {took:?}");
    house.close().await;
}

#[actix_rt::test]
async fn an_idle_connection_is_closed() {
    let house = House::open_with(|config, _| config.keep_alive = Duration::from_millis(300)).await;
    let address = house.address();

    let ending = blocking(move || {
        let mut wire = Wire::open(address);
        wire.send(&head("/ping_test/v1", "Content-Length: 0\r\n"));
        wire.read_answer();
        wire.read_to_end(PATIENCE)
    })
    .await;

    assert_ne!(ending.how, Ending::Silence);
    assert!(ending.bytes.is_empty());
    house.close().await;
}

#[actix_rt::test]
async fn handshakes_that_are_not_finished_hold_up_nobody() {
    let house = House::open_with(|config, _| {
        config.connections_per_address = 0;
        // One thread: nobody could hide behind another.
        config.workers = 1;
        config.handshake_within = Duration::from_secs(60);
    })
    .await;
    let address = house.address();

    let silent: Vec<_> =
        blocking(move || (0..400).map(|_| TcpStream::connect(address).expect("connected")).collect()).await;
    let answer = tokio::time::timeout(PATIENCE, post(&house, "/storage_rpc/v1", "json")).await;

    assert_eq!(answer.expect("it was answered in time").status(), StatusCode::OK);
    drop::<Vec<_>>(silent);
    house.close().await;
}

#[actix_rt::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let house = House::open_with(|config, _| config.handshake_within = Duration::from_millis(300)).await;
    let address = house.address();

    let closed = blocking(move || {
        let mut silent = TcpStream::connect(address).expect("connected");
        silent.write_all(b"\x16\x03\x01").expect("written");
        silent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        !matches!(silent.read(&mut [0; 16]), Err(error) if raw::is_timeout(&error))
    })
    .await;

    assert!(closed);
    house.close().await;
}
