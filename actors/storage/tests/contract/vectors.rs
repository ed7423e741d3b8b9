//! Known answers: who may do what, how much a retrieve returns, what a namespace allows.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use starling_protocol::crypto::ed25519;

use crate::{
    house::{House, Member, NOW, Plan},
    requests::{Client, DAY, bodies, envelope},
};

/// When the vectors' requests were signed.
const SIGNED_AT: i64 = 1_736_942_400_000;

fn vectors() -> Json {
    serde_json::from_str(include_str!("../vectors/storage_signatures.json")).expect("the vectors are JSON")
}

fn entries<'a>(vectors: &'a Json, name: &str) -> &'a [Json] {
    let entries = vectors[name].as_array().expect("a list");
    assert!(!entries.is_empty(), "there is no {name}");
    entries
}

/// A node with the vectors' key, alone in its swarm, at the vectors' time.
async fn house(vectors: &Json) -> House {
    let seed = vectors["keys"]["node"]["seed"].as_str().expect("a seed");
    let key = ed25519::SecretKey::from_seed(hex::decode(seed).expect("hex").try_into().expect("32 bytes"));
    let mut member = Member::new(1, starling_protocol::swarm::SwarmId(7));
    member.node.ed25519 = key.public();
    member.key = key.into();
    House::open(Plan { members: vec![member], now: SIGNED_AT, ..Plan::one_swarm(1) }).await
}

#[tokio::test]
async fn every_signed_request_is_accepted() {
    let vectors = vectors();
    for vector in entries(&vectors, "requests") {
        // Each on a node of its own: some would take away what others need, and none may depend on another.
        let house = house(&vectors).await;
        let signed_at = vector["request"]["params"]["timestamp"].as_i64().unwrap_or(SIGNED_AT);
        house.advance_to(signed_at.max(SIGNED_AT));
        let reply = house.raw(0, vector["request"].to_string()).await.unwrap();

        let nothing_deleted = vector["request"]["params"]["required"] == json!(true);
        let expected = if nothing_deleted { 404 } else { 200 };
        assert_eq!(reply.status, expected, "{}: {}", vector["name"], reply.body);
    }
}

#[tokio::test]
async fn requests_with_a_fault_are_refused_with_its_status() {
    let vectors = vectors();
    let house = house(&vectors).await;
    for vector in entries(&vectors, "negative") {
        let reply = house.raw(0, vector["request"].to_string()).await.unwrap();

        assert_eq!(
            Json::from(reply.status.to_string()),
            vector["expected"],
            "{}: {}",
            vector["name"],
            reply.body
        );
    }
}

#[tokio::test]
async fn subaccounts_may_do_what_their_flags_say() {
    let vectors = vectors();
    let house = house(&vectors).await;
    for vector in entries(&vectors, "subaccounts") {
        let reply = house.raw(0, vector["request"].to_string()).await.unwrap();

        let expected = match vector["expected"].as_str().unwrap() {
            "accept" | "accept (extend only)" => 200,
            "reject 401" => 401,
            other => panic!("unknown outcome {other}"),
        };
        assert_eq!(reply.status, expected, "{}: {}", vector["name"], reply.body);
    }
}

#[tokio::test]
async fn retrieve_returns_as_much_as_the_known_counts_say() {
    let vectors = vectors();
    let house = House::single().await;
    for (number, vector) in entries(&vectors, "retrieve_limits").iter().enumerate() {
        let client = Client::user(u8::try_from(number).unwrap() + 1);
        let number_of = |value: &Json| usize::try_from(value.as_u64().unwrap()).unwrap();
        let (count, size) = (number_of(&vector["stored"]["count"]), number_of(&vector["stored"]["size"]));
        let stores = (0..count).map(|index| {
            let mut body = vec![0; size];
            let (head, index) = (size.min(8), u64::try_from(index).unwrap().to_le_bytes());
            body[..head].copy_from_slice(&index[..head]);
            house.raw(0, envelope(&client.store(-10, &body, NOW)))
        });
        join_all(stores).await.into_iter().for_each(|reply| drop(reply.unwrap().ok()));

        let params = json!({
            "pubkey": client.account, "namespace": -10,
            "max_count": vector["max_count"], "max_size": vector["max_size"],
        });
        let body = house.rpc(0, "retrieve", params).await.ok();

        assert_eq!(bodies(&body).len(), number_of(&vector["returned"]), "{vector}");
        assert_eq!(body["more"], vector["more"], "{vector}");
    }
}

#[tokio::test]
async fn each_namespace_allows_what_its_number_says() {
    let vectors = vectors();
    let house = House::single().await;
    for vector in entries(&vectors, "namespaces") {
        let namespace = i16::try_from(vector["namespace"].as_i64().unwrap()).unwrap();
        let (client, flag) = (Client::user(1), |name: &str| vector[name].as_bool().unwrap());
        let params = |ttl: i64| json!({"pubkey": client.account, "namespace": namespace, "timestamp": NOW, "ttl": ttl, "data": "AAAA"});

        let longest = vector["max_ttl_days"].as_i64().unwrap() * DAY;
        let unsigned = house.rpc(0, "store", params(longest)).await;
        assert_eq!(unsigned.status, if flag("store_needs_auth") { 401 } else { 200 }, "{vector}");
        assert_eq!(flag("public_inbox"), !flag("store_needs_auth"));
        house.rpc(0, "store", params(longest + 1)).await.refused(403, "Provided expiry/TTL is not valid.");

        let unsigned =
            house.rpc(0, "retrieve", json!({"pubkey": client.account, "namespace": namespace})).await;
        assert_eq!(unsigned.status == 200, !flag("retrieve_needs_auth"), "{vector}");

        for body in [b"one", b"two"] {
            let now = house.now() + 1;
            house.advance_to(now);
            house.raw(0, envelope(&client.store(namespace, body, now))).await.unwrap().ok();
        }
        let held = house.raw(0, envelope(&client.retrieve(namespace, None, house.now()))).await.unwrap().ok();
        let mut expected = vec![b"one".to_vec(), b"two".to_vec()];
        if flag("public_outbox") {
            expected.remove(0);
        } else if flag("public_inbox") {
            expected.insert(0, vec![0; 3]);
        }
        assert_eq!(bodies(&held), expected, "{vector}");
    }
}
