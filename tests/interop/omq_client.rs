//! The OxenMQ door of a node of a real network, asked by a client that shares no code with us, and by our own.

use starling_protocol::omq::Refusal;
use starling_tests::{Devnet, OmqClient, Unanswered, run_python};

/// From the first byte of the store until the notification; a debug build on a busy machine gets more.
const NOTIFIED_WITHIN_MS: f64 = if cfg!(debug_assertions) { 2000.0 } else { 100.0 };

/// The doors of the first node: host, OxenMQ port, x25519 key, HTTPS.
fn doors(devnet: &Devnet) -> [String; 4] {
    let node = &devnet.ready.nodes[0];
    let https = format!("https://{}:{}", node.public_ip, node.storage_port);
    [node.public_ip.clone(), node.omq_port.to_string(), node.pubkey_x25519.clone(), https]
}

#[test]
fn a_foreign_client_stores_subscribes_and_is_told_over_openmq() {
    let devnet = Devnet::start(1);
    let [host, port, key, https] = doors(&devnet);

    let told = run_python("omq_client.py", &["--subscribe", &host, &port, &key, &https]);

    assert_eq!(
        told["no_pubkey"],
        serde_json::json!(["400", "invalid request: Required field 'pubkey' missing"])
    );
    assert_eq!(told["unknown"], serde_json::json!(["UNKNOWNCOMMAND", "storage.nope"]));
    assert_eq!(told["no_tag"], serde_json::json!(["NO_REPLY_TAG", "storage.info"]));
    assert_eq!(told["admin"], serde_json::json!(["FORBIDDEN", "REPLY", "t"]));
    assert_eq!(told["node"], serde_json::json!(["FORBIDDEN_SN", "REPLY", "t"]));
    assert_eq!(told["subscribed"], serde_json::json!([1, 1]));
    let text = "Invalid n= namespace list: namespaces must be ascending";
    assert_eq!(told["unordered"], serde_json::json!([3, text]));
    let took = told["took_ms"].as_f64().expect("a duration");
    println!("notifications with and without the body came {took:.1} ms after the store began");
    assert!(took < NOTIFIED_WITHIN_MS, "the notification took {took} ms");
}

#[test]
fn our_client_asks_and_is_refused_like_any() {
    let devnet = Devnet::start(1);
    let [host, port, key, _] = doors(&devnet);
    let address = format!("{host}:{port}").parse().expect("an address");
    let mut client = OmqClient::connect(address, &key.parse().expect("a key")).expect("a greeting");

    let info = client.request("storage.info", &[b"{}"]).expect("an answer");
    let missing = client.request("storage.get_swarm", &[b"{}"]).expect("an answer");
    let refused = client.request("storage.nope", &[b"{}"]);

    let info: serde_json::Value = serde_json::from_slice(&info[0]).expect("JSON");
    assert_eq!(info["version"], serde_json::json!([2, 8, 0]));
    assert_eq!(missing, [&b"400"[..], b"invalid request: Required field 'pubkey' missing"]);
    let Err(Unanswered::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.refusal, Refusal::UnknownCommand);
    assert_eq!(client.notifications().count(), 0);
}
