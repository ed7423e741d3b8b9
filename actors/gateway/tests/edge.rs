//! The HTTPS API, asked by a real TLS client; storage, routing and staking are stand-ins that say what they were asked.

#[path = "edge/house.rs"]
mod house;
#[path = "edge/odd_http.rs"]
mod odd_http;
#[path = "edge/raw.rs"]
mod raw;
#[path = "edge/shares.rs"]
mod shares;
#[path = "edge/slow.rs"]
mod slow;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use house::{House, ONION_FAULT, text};
use reqwest::{Client, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use starling_contracts::gateway::ListenAddresses;
use starling_gateway::{Admission, Config, NodeFace, Options, spec};
use starling_kernel::{Kernel, RateLimit};
use starling_protocol::crypto::ed25519;

async fn post(house: &House, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
    house.client.post(house.https(path)).body(body).send().await.expect("an answer")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work ends")
}

#[track_caller]
fn check_head(headers: &HeaderMap, content_type: &str) {
    assert_eq!(text(headers, "server"), Some("Oxen Storage Server/2.8.0"));
    assert_eq!(text(headers, "content-type"), Some(content_type));
    assert!(headers.contains_key("date") && headers.contains_key("content-length"), "{headers:?}");
}

#[actix_rt::test]
async fn storage_answers_keep_status_and_body_and_get_their_type() {
    let house = House::open().await;

    let json = post(&house, "/storage_rpc/v1", "json").await;
    check_head(json.headers(), "application/json");
    assert_eq!((json.status(), json.text().await.unwrap().as_str()), (StatusCode::OK, r#"{"a":1,"b":[2]}"#));

    let refused = post(&house, "/storage_rpc/v1", "text").await;
    check_head(refused.headers(), "text/plain");
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(refused.text().await.unwrap(), "some text");

    let binary = post(&house, "/storage_rpc/v1", "binary").await;
    check_head(binary.headers(), "application/octet-stream");
    assert_eq!(binary.bytes().await.unwrap().as_ref(), b"\x00\xff");

    house.close().await;
}

#[actix_rt::test]
async fn what_the_other_actors_cannot_do_becomes_the_texts_of_the_spec() {
    let house = House::open().await;

    for (question, status, body) in [
        ("not ready", 503, "Service node is not ready: not done syncing; not in any swarm\n"),
        ("busy", 503, "Server busy, try again later"),
        ("stopping", 503, "Service node is not ready: shutting down\n"),
        ("disk", 500, "request failed"),
        ("panic", 500, "request failed"),
    ] {
        let answer = post(&house, "/storage_rpc/v1", question).await;
        check_head(answer.headers(), "text/plain");
        assert_eq!(answer.headers().contains_key("retry-after"), status == 503, "{question}");
        assert_eq!(answer.status(), status, "{question}");
        assert_eq!(answer.text().await.unwrap(), body, "{question}");
    }

    house.close().await;
}

#[actix_rt::test]
async fn onion_requests_come_back_as_they_are() {
    let house = House::open().await;

    let answer = post(&house, "/onion_req/v2", &b"\x01\x00frame"[..]).await;
    check_head(answer.headers(), "text/plain");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.bytes().await.unwrap().as_ref(), b"seen:\x01\x00frame");

    let refused = post(&house, "/onion_req/v2", "unknown").await;
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(refused.text().await.unwrap(), ONION_FAULT);

    house.close().await;
}

#[actix_rt::test]
async fn reachability_tests_and_statistics_are_answered() {
    let house = House::open().await;

    let ping = post(&house, "/ping_test/v1", "").await;
    check_head(ping.headers(), "text/plain");
    assert_eq!(
        text(ping.headers(), "x-oxen-snode-pubkey"),
        Some("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=")
    );
    assert_eq!(ping.bytes().await.unwrap().len(), 0);

    let stats = house.client.get(house.https("/get_stats/v1")).send().await.unwrap();
    check_head(stats.headers(), "application/json");
    assert_eq!(stats.text().await.unwrap(), r#"{"version":"2.8.0"}"#);

    house.close().await;
}

#[actix_rt::test]
async fn everything_else_is_not_found() {
    let house = House::open().await;

    for (method, path, body) in [
        ("GET", "/nope?x=1", "get /nope Not Found"),
        ("GET", "/storage_rpc/v1", "get /storage_rpc/v1 Not Found"),
        ("POST", "/get_stats/v1", "post /get_stats/v1 Not Found"),
        ("PUT", "/onion_req/v2", "put /onion_req/v2 Not Found"),
        ("POST", "/onion_req/v1", "post /onion_req/v1 Not Found"),
    ] {
        let answer = house.client.request(method.parse().unwrap(), house.https(path)).send().await.unwrap();
        check_head(answer.headers(), "text/plain");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(answer.text().await.unwrap(), body);
    }

    house.close().await;
}

#[actix_rt::test]
async fn long_polls_and_bodies_that_are_too_long_are_refused() {
    let house = House::open().await;

    let poll = house.client.post(house.https("/storage_rpc/v1")).header("X-Loki-Long-Poll", "1").body("json");
    let answer = poll.send().await.unwrap();
    check_head(answer.headers(), "text/plain");
    assert_eq!(answer.status(), StatusCode::GONE);
    assert_eq!(answer.text().await.unwrap(), "long polling is no longer supported, client upgrade required");

    let most = post(&house, "/onion_req/v2", vec![b'x'; 10 << 20]).await;
    assert_eq!(most.status(), StatusCode::OK);
    assert_eq!(most.bytes().await.unwrap().len(), "seen:".len() + (10 << 20));

    let more = house.raw(b"POST /onion_req/v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n").await;
    assert!(more.starts_with("HTTP/1.1 413 "), "{more}");
    assert!(more.ends_with("\r\n\r\nRequest body too large"), "{more}");

    house.close().await;
}

#[actix_rt::test]
async fn a_length_that_is_no_number_is_refused() {
    let house = House::open().await;

    for length in ["ten", "-1", "1x", "99999999999999999999999"] {
        let head = format!("POST /storage_rpc/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let answer = house.raw_bytes(head.into_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
        assert!(answer.ends_with("\r\n\r\ninvalid Content-Length"), "{length}: {answer}");
    }

    house.close().await;
}

#[actix_rt::test]
async fn the_seed_list_is_answered_from_the_ledger() {
    let house = House::open().await;
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "get_n_service_nodes",
        "params": { "active_only": true, "fields": { "public_ip": true, "pubkey_ed25519": true, "storage_port": true } },
    });

    let answer = post(&house, "/json_rpc", call.to_string()).await;

    check_head(answer.headers(), "application/json");
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let states =
        json!([{ "public_ip": "10.0.0.1", "pubkey_ed25519": "09".repeat(32), "storage_port": 22021 }]);
    let result = json!({ "service_node_states": states, "height": 42, "status": "OK" });
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 7, "result": result }));

    let unknown = post(&house, "/json_rpc", r#"{"id":1,"method":"get_info"}"#).await;
    let unknown: Value = serde_json::from_str(&unknown.text().await.unwrap()).unwrap();
    assert_eq!(unknown["error"]["code"], -32601);

    house.close().await;
}

#[actix_rt::test]
async fn the_operator_sees_readiness_metrics_version_and_actors() {
    let house = House::open().await;
    let get = |path: &'static str| {
        let request = house.client.get(house.operator(path)).send();
        async move {
            let answer = request.await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };

    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    let (status, unready) = get("/readyz").await;
    let unready: Value = serde_json::from_str(&unready).unwrap();
    assert_eq!(status, 503);
    assert_eq!(
        unready,
        json!({ "ready": false, "reasons": [{ "actor": "ledger", "reason": "no list yet" }] })
    );
    house.set_ready().await;
    assert_eq!(get("/readyz").await, (200, r#"{"ready":true,"reasons":[]}"#.to_owned()));
    assert_eq!(get("/metrics").await, (200, "all of them\n".to_owned()));
    assert_eq!(get("/version").await, (200, r#"{"version":"0.0.1-test"}"#.to_owned()));
    let (status, actors) = get("/actors").await;
    let actors: Value = serde_json::from_str(&actors).unwrap();
    let names: Vec<_> =
        actors.as_array().unwrap().iter().map(|actor| actor["name"].as_str().unwrap()).collect();
    assert_eq!((status, names), (200, vec!["gateway", "storage", "relay", "ledger"]));
    assert_eq!(get("/storage_rpc/v1").await.0, 404);
    let (status, stats) = get("/stats").await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(status, 200);
    for (name, expected) in [
        ("version", json!("0.0.1-test")),
        ("compatible_version", json!("2.8.0")),
        ("ready", json!(true)),
        ("height", json!(42)),
        ("nodes", json!(1)),
        ("swarm", json!({ "id": "0000000000000001", "members": 1 })),
        ("total_store_requests", Value::Null),
        ("accounts", json!(7)),
        ("total_stored", json!(99)),
    ] {
        assert_eq!(stats[name], expected, "{name} in {stats}");
    }
    assert!(stats["ports"]["https"].as_u64().is_some_and(|port| port != 0));
    assert_eq!(stats["actors"].as_array().map(Vec::len), Some(4));

    house.close().await;
}

#[actix_rt::test]
async fn a_request_under_way_is_answered_before_the_doors_close() {
    let house = House::open().await;
    let client: Client = house.client.clone();
    let url = house.https("/storage_rpc/v1");

    let slow = actix_rt::spawn(async move { client.post(url).body("slow").send().await });
    house.slow_began().await;
    let closing = house.begin_close();
    house.let_slow_end();

    let answer = slow.await.unwrap().expect("the accepted request is answered");
    assert_eq!(answer.text().await.unwrap(), "at last");
    closing.await.unwrap();
}

#[actix_rt::test]
async fn a_head_that_does_not_come_is_given_up() {
    let house = House::open_with(|config, _| config.head_within = Duration::from_millis(200)).await;

    let answer = house.raw(b"POST /storage_rpc/v1 HTTP/1.1\r\nHost: x\r\n").await;

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    house.close().await;
}

#[actix_rt::test]
async fn more_than_the_storage_takes_is_told_to_come_back_and_none_is_left_hanging() {
    let house = House::open_with(|_, storage| (storage.mailbox_capacity, storage.concurrency) = (8, 1)).await;
    let slow = actix_rt::spawn(house.client.post(house.https("/storage_rpc/v1")).body("slow").send());
    house.slow_began().await;

    let mut asked: FuturesUnordered<_> = (0..20).map(|_| post(&house, "/storage_rpc/v1", "json")).collect();
    for _ in 0..12 {
        let busy = asked.next().await.expect("an answer");
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text(busy.headers(), "retry-after"), Some("1"));
        assert_eq!(busy.text().await.unwrap(), "Server busy, try again later");
    }
    house.let_slow_end();
    while let Some(answer) = asked.next().await {
        assert_eq!(answer.status(), StatusCode::OK, "what had a place is served");
    }

    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    drop(asked);
    house.close().await;
}

fn options(node: bool, data_dir: &std::path::Path) -> Options {
    Options {
        node: node.then_some(NodeFace { legacy: ed25519::PublicKey([9; 32]), version: [2, 8, 0] }),
        admission: Arc::new(Admission::new(RateLimit::default())),
        render_metrics: Arc::new(|| panic!("the recorder is broken")),
        version: "0.0.1-test",
        data_dir: data_dir.to_owned(),
    }
}

fn config() -> Config {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    Config { https: loopback, operator: loopback, workers: 1, ..Config::default() }
}

#[actix_rt::test]
async fn a_pure_client_has_no_https_and_a_panic_harms_only_its_own_request() {
    let data = tempfile::tempdir().unwrap();
    let kernel = Kernel::builder().actor(spec(config(), options(false, data.path()))).start().await.unwrap();
    let listening = kernel.ask(ListenAddresses).await.unwrap();
    assert_eq!(listening.https, None);
    let operator = listening.operator.unwrap();
    let get = |path: &'static str| reqwest_get(format!("http://{operator}{path}"));

    assert_eq!(get("/metrics").await, (500, "request failed\n".to_owned()));
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));

    assert!(kernel.stop().await.is_empty());
}

async fn reqwest_get(url: String) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

#[actix_rt::test]
async fn a_taken_port_and_an_open_operator_listener_stop_the_start_with_one_sentence() {
    let data = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let start = |config| Kernel::builder().actor(spec(config, options(true, data.path()))).start();

    let error =
        start(Config { https: taken, ..config() }).await.err().expect("the port is taken").to_string();
    assert!(error.contains(&taken.to_string()) && error.contains("gateway.https"), "{error}");
    let open = Config { operator: SocketAddr::from(([0, 0, 0, 0], 0)), ..config() };
    let error = start(open).await.err().expect("it is open").to_string();
    assert!(error.contains("gateway.operator_beyond_loopback"), "{error}");
}

#[actix_rt::test]
async fn a_connection_that_says_nothing_is_closed() {
    let house = House::open_with(|config, _| config.head_within = Duration::from_millis(200)).await;

    assert_eq!(house.raw(b"").await, "");

    house.close().await;
}
