//! The QUIC door of real nodes, asked by a client that shares no code with us and by one that does.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use starling_tests::{Devnet, Node, Python, PythonProcess, QuicClient, insecure_client};

/// From the first byte of the store until the notification; a debug build on a busy machine gets more.
const NOTIFIED_WITHIN_MS: i64 = if cfg!(debug_assertions) { 2000 } else { 100 };

fn quic(node: &Node) -> SocketAddr {
    SocketAddr::new(node.public_ip.parse().expect("an address"), node.omq_port)
}

fn start(node: &Node, words: &[&str]) -> PythonProcess {
    let address = quic(node);
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let door = [ip.as_str(), &port, &node.pubkey_ed25519];
    PythonProcess::start("quic_client.py", &[&door, words].concat())
}

#[track_caller]
fn ask(node: &Node, words: &[&str]) -> Value {
    let mut process = start(node, words);
    let answer = process.line();
    process.finish();
    answer
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_millis()).expect("before the year 292 million")
}

/// Stores through HTTPS, over a connection of its own; tells the hash, and when that began and was answered.
fn store(node: &Node, account: &str, body: &[u8]) -> (String, i64, i64) {
    let url = format!("https://{}:{}/storage_rpc/v1", node.public_ip, node.storage_port);
    let params =
        json!({ "pubkey": account, "timestamp": now_ms(), "ttl": 600_000, "data": STANDARD.encode(body) });
    let call = json!({ "method": "store", "params": params }).to_string();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let client = insecure_client();
    runtime.block_on(async {
        let began = now_ms();
        let answer = client.post(url).body(call).send().await.expect("an answer");
        let answered = now_ms();
        assert_eq!(answer.status(), 200);
        let answer: Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
        (answer["hash"].as_str().expect("a hash").to_owned(), began, answered)
    })
}

#[test]
fn a_foreign_client_stores_and_asks_over_quic() {
    let devnet = Devnet::start(2);
    let node = &devnet.ready.nodes[0];
    let (seed, id) = Python::new(&devnet.ready.seed, "xchacha20").new_account();

    let info = ask(node, &["call", "info", "{}"]);
    let ping = ask(node, &["call", "snode_ping"]);
    let unknown = ask(node, &["call", "stored"]);
    let stored = ask(node, &["store", &seed, "over quic"]);
    let unsigned = ask(node, &["call", "retrieve", &json!({ "pubkey": id }).to_string()]);
    let onion = ask(node, &["onion", &node.pubkey_x25519]);
    let broken = ask(node, &["call", "onion_req", "zz"]);

    let body: Value = serde_json::from_str(info["body"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        (&info["is_error"], &body[0], &body[1]["version"]),
        (&json!(false), &json!(200), &json!([2, 8, 0]))
    );
    assert_eq!(ping, json!({ "is_error": false, "body": "pong" }));
    assert_eq!(unknown, json!({ "is_error": true, "body": "Invalid endpoint 'stored'" }));
    assert_eq!((&stored["is_error"], &stored["body"][0]), (&json!(false), &json!(200)), "{stored}");
    assert!(stored["body"][1]["swarm"][&node.pubkey_ed25519]["hash"].is_string(), "{stored}");
    let refused = "401 Unauthorized\n\nretrieve: request signature required";
    assert_eq!(unsigned, json!({ "is_error": true, "body": refused }));
    assert_eq!((&onion["status"], &onion["body"]["version"]), (&json!(200), &json!([2, 8, 0])));
    let text = broken["body"].as_str().expect("a text");
    assert!(text.starts_with("400 Bad Request\n\nError parsing onion request: "), "{broken}");
}

#[test]
fn a_foreign_client_is_told_over_quic_of_a_store_through_https() {
    let devnet = Devnet::start(2);
    let (home, other) = (&devnet.ready.nodes[0], &devnet.ready.nodes[1]);
    let (seed, id) = Python::new(&devnet.ready.seed, "xchacha20").new_account();
    let mut with_bodies = start(home, &["monitor", &seed, "1", "2"]);
    let mut without = start(home, &["monitor", &seed, "0", "2"]);
    for subscribed in [with_bodies.line(), without.line()] {
        assert_eq!(subscribed, json!({ "subscribed": { "success": 1 } }));
    }

    // Each member tells its own subscribers, whichever of them the client asked to store.
    for (node, text) in [(home, "to the member itself"), (other, "to another member")] {
        let (hash, began, answered) = store(node, &id, text.as_bytes());
        let (all, less) = (with_bodies.line(), without.line());

        for (notification, body) in [(&all, json!(text)), (&less, Value::Null)] {
            assert_eq!(notification["name"], "notify");
            assert_eq!(notification["body"]["@"], id.as_str());
            assert_eq!(notification["body"]["h"], hash.as_str());
            assert_eq!(notification["body"]["n"], 0);
            assert_eq!(notification["body"]["~"], body);
            let at = notification["at_ms"].as_i64().expect("a time");
            let took = at - began;
            println!("notified {took} ms after the store began, {} ms after its answer", at - answered);
            assert!(took < NOTIFIED_WITHIN_MS, "notified after {took} ms");
        }
    }
    with_bodies.finish();
    without.finish();
}

#[test]
fn our_own_client_asks_many_things_at_once_and_checks_whom() {
    let devnet = Devnet::start(1);
    let node = &devnet.ready.nodes[0];
    let key = node.pubkey_ed25519.parse().expect("a key");
    let stranger = node.pubkey_x25519.parse().expect("bytes of a key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    runtime.block_on(async {
        let client = QuicClient::connect(quic(node), key).await.expect("connected");
        let asked = (0..200).map(|number| {
            let client = &client;
            async move {
                let name = format!("unknown{number}");
                let reply = client.request(&name, Bytes::new()).await.expect("an answer");
                assert!(reply.is_error);
                assert_eq!(reply.body, format!("Invalid endpoint '{name}'"));
            }
        });
        futures::future::join_all(asked).await;
        let info = client.request("info", "{}").await.expect("an answer");
        assert!(!info.is_error && info.body.starts_with(b"[200,{"), "{info:?}");
        let nothing = tokio::time::timeout(Duration::from_millis(50), client.notification()).await;
        assert!(nothing.is_err(), "nothing was subscribed to");

        assert!(QuicClient::connect(quic(node), stranger).await.is_err(), "it is another node");
    });
}
