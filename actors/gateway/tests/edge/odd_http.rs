//! HTTP as strangers may write it.

use reqwest::StatusCode;

use crate::{
    blocking,
    house::House,
    post,
    raw::{Ending, PATIENCE, Wire, head},
};

#[actix_rt::test]
async fn heads_that_are_too_long_or_have_too_many_lines_end_the_connection() {
    let house = House::open().await;
    let address = house.address();
    let long = format!("X-Long: {}\r\n", "x".repeat(200 << 10));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let endless = format!("GET /{} HTTP/1.1\r\n", "x".repeat(200 << 10)).into_bytes();

    for (bytes, statuses) in [
        (head("/storage_rpc/v1", &long), [431, 400]),
        (head("/storage_rpc/v1", &many), [400, 431]),
        (endless, [431, 400]),
    ] {
        let ending = blocking(move || {
            let mut wire = Wire::open(address);
            wire.send_as_far_as_taken(&bytes);
            wire.read_to_end(PATIENCE)
        })
        .await;
        assert_ne!(ending.how, Ending::Silence);
        let text = ending.text();
        let is_refusal = statuses.iter().any(|status| text.starts_with(&format!("HTTP/1.1 {status} ")));
        // A reset may overtake the refusal when more was sent than was read.
        assert!(is_refusal || text.is_empty(), "{text}");
    }
    assert_eq!(post(&house, "/storage_rpc/v1", "json").await.status(), StatusCode::OK);
    house.close().await;
}

#[actix_rt::test]
async fn many_requests_at_once_on_one_connection_are_answered_in_order() {
    let house = House::open().await;
    let address = house.address();

    let ending = blocking(move || {
        let mut wire = Wire::open(address);
        let mut all = Vec::new();
        for n in 0..200 {
            let body = format!("number {n:03}");
            let last = if n == 199 { "Connection: close\r\n" } else { "" };
            all.extend(head("/onion_req/v2", &format!("{last}Content-Length: {}\r\n", body.len())));
            all.extend(body.into_bytes());
        }
        wire.send(&all);
        wire.read_to_end(PATIENCE)
    })
    .await;

    let text = ending.text();
    let numbers: Vec<_> =
        text.match_indices("seen:number ").map(|(at, found)| &text[at + found.len()..][..3]).collect();
    let expected: Vec<_> = (0..200).map(|n| format!("{n:03}")).collect();
    assert_eq!(numbers, expected);
    house.close().await;
}

#[actix_rt::test]
async fn a_chunked_body_is_bounded_as_any_other() {
    let house = House::open().await;
    let address = house.address();
    let chunk =
        |size: usize| [format!("{size:x}\r\n").into_bytes(), vec![b'x'; size], b"\r\n".to_vec()].concat();
    let chunked = |sizes: &[usize]| {
        let mut bytes = head("/onion_req/v2", "Connection: close\r\nTransfer-Encoding: chunked\r\n");
        sizes.iter().for_each(|size| bytes.extend(chunk(*size)));
        bytes.extend(b"0\r\n\r\n");
        bytes
    };
    let exchange = |bytes: Vec<u8>| {
        blocking(move || {
            let mut wire = Wire::open(address);
            wire.send_as_far_as_taken(&bytes);
            wire.read_to_end(PATIENCE)
        })
    };

    let short = exchange(chunked(&[3, 70_000, 1])).await;
    let longest = exchange(chunked(&[5 << 20, 5 << 20])).await;
    let longer = exchange(chunked(&[5 << 20, 5 << 20, 1])).await;

    assert!(short.text().starts_with("HTTP/1.1 200 "), "{}", short.text());
    assert!(longest.text().starts_with("HTTP/1.1 200 "));
    assert!(longer.text().starts_with("HTTP/1.1 413 ") && longer.text().ends_with("Request body too large"));
    house.close().await;
}

#[actix_rt::test]
async fn a_promised_body_is_asked_for_or_refused_before_it_is_sent() {
    let house = House::open().await;
    let address = house.address();

    let (go_on, answer, refused) = blocking(move || {
        let mut wire = Wire::open(address);
        wire.send(&head(
            "/storage_rpc/v1",
            "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 4\r\n",
        ));
        let go_on = wire.read_answer();
        wire.send(b"json");
        let answer = wire.read_to_end(PATIENCE).text();
        let mut wire = Wire::open(address);
        wire.send(&head("/storage_rpc/v1", "Expect: 100-continue\r\nContent-Length: 10485761\r\n"));
        (go_on, answer, wire.read_to_end(PATIENCE).text())
    })
    .await;

    assert_eq!(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"a":1,"b":[2]}"#), "{answer}");
    assert!(refused.starts_with("HTTP/1.1 413 ") && refused.ends_with("Request body too large"), "{refused}");
    house.close().await;
}

#[actix_rt::test]
async fn old_http_and_head_requests_behave() {
    let house = House::open().await;

    let old = house.raw(b"POST /storage_rpc/v1 HTTP/1.0\r\nContent-Length: 4\r\n\r\njson").await;
    assert!(old.starts_with("HTTP/1.0 200 ") || old.starts_with("HTTP/1.1 200 "), "{old}");
    assert!(old.ends_with(r#"{"a":1,"b":[2]}"#), "{old}");
    let only_head = house.raw(b"HEAD /get_stats/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(only_head.starts_with("HTTP/1.1 404 ") && only_head.ends_with("\r\n\r\n"), "{only_head}");

    house.close().await;
}

#[actix_rt::test]
async fn a_length_that_lies_costs_only_its_own_connection() {
    let house = House::open().await;
    let address = house.address();

    let (short, both) = blocking(move || {
        let mut wire = Wire::open(address);
        wire.send(&head("/storage_rpc/v1", "Connection: close\r\nContent-Length: 2\r\n"));
        wire.send(b"json POST / HTTP/1.1\r\n\r\n");
        let short = wire.read_to_end(PATIENCE);
        let mut wire = Wire::open(address);
        wire.send(&head("/storage_rpc/v1", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"));
        wire.send(b"json");
        (short, wire.read_to_end(PATIENCE))
    })
    .await;

    assert_ne!((short.how, both.how), (Ending::Silence, Ending::Silence));
    assert!(both.text().starts_with("HTTP/1.1 400 "), "a request of two lengths is none: {}", both.text());
    assert_eq!(post(&house, "/storage_rpc/v1", "json").await.status(), StatusCode::OK);
    house.close().await;
}
