//! Known answers: who may do what, how much a retrieve returns, what a namespace allows.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use starling_protocol::{
    bencode::{self, Limits},
    crypto::ed25519,
};

use crate::{
    forms::{Form, assert_same, dict, send},
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
async fn every_signed_request_is_accepted_and_answered_alike_in_every_form() {
    let vectors = vectors();
    for vector in entries(&vectors, "requests") {
        let (request, name) = (&vector["request"], &vector["name"]);
        let signed_at = request["params"]["timestamp"].as_i64().unwrap_or(SIGNED_AT);
        let nothing_deleted = request["params"]["required"] == json!(true);
        let expected = if nothing_deleted { 404 } else { 200 };
        let mut bodies = Vec::new();
        for form in Form::ALL {
            // Each on a node of its own: some would take away what others need, and none may depend on another.
            let house = house(&vectors).await;
            house.advance_to(signed_at.max(SIGNED_AT));
            let (status, body) = send(&house, 0, form, request).await;
            assert_eq!(status, expected, "{name} as {form:?}: {}", String::from_utf8_lossy(&body));
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "{name}");
        let json: Json = serde_json::from_slice(&bodies[0]).unwrap();
        assert_same(&json, &bencode::decode_ascending(&bodies[2], Limits::REQUEST).unwrap());
    }
}

#[tokio::test]
async fn requests_with_a_fault_are_refused_with_its_status() {
    let vectors = vectors();
    let house = house(&vectors).await;
    for vector in entries(&vectors, "negative") {
        for form in Form::ALL {
            let (status, body) = send(&house, 0, form, &vector["request"]).await;

            let told = (&vector["name"], form, String::from_utf8_lossy(&body));
            assert_eq!(Json::from(status.to_string()), vector["expected"], "{told:?}");
        }
    }
}

#[tokio::test]
async fn subaccounts_may_do_what_their_flags_say() {
    let vectors = vectors();
    let house = house(&vectors).await;
    for vector in entries(&vectors, "subaccounts") {
        let expected = match vector["expected"].as_str().unwrap() {
            "accept" | "accept (extend only)" => 200,
            "reject 401" => 401,
            other => panic!("unknown outcome {other}"),
        };
        for form in Form::ALL {
            let (status, body) = send(&house, 0, form, &vector["request"]).await;

            let told = (&vector["name"], form, String::from_utf8_lossy(&body));
            assert_eq!(status, expected, "{told:?}");
        }
    }
}

#[tokio::test]
async fn messages_have_the_known_hashes_in_every_form() {
    let vectors: Json = serde_json::from_str(include_str!("../vectors/message_hash.json")).unwrap();
    let house = House::single().await;
    let mut compared = 0;
    for vector in entries(&vectors, "vectors") {
        // The others need a signature of somebody whose key the vectors do not have.
        let is_public = vector["namespace"].as_i64().unwrap() % 10 == 0;
        if !is_public {
            continue;
        }
        let data = match vector["data_repeat"]["count"].as_u64() {
            None => vector["data_b64"].clone(),
            // A body of zeros, which are `A` in base64.
            Some(count) => "A".repeat(usize::try_from(count).unwrap() / 3 * 4).into(),
        };
        for form in Form::ALL {
            let params = json!({
                "pubkey": vector["pubkey"], "namespace": vector["namespace"], "data": data,
                "timestamp": NOW, "ttl": DAY,
            });
            let request = json!({"method": "store", "params": params});
            let (status, body) = send(&house, 0, form, &request).await;

            assert_eq!(status, 200, "{}: {}", vector["name"], String::from_utf8_lossy(&body));
            let hash = match form {
                Form::Bencode => {
                    String::from_utf8_lossy(dict(&body)[b"hash".as_slice()].as_bytes().unwrap()).into_owned()
                }
                _ => serde_json::from_slice::<Json>(&body).unwrap()["hash"].as_str().unwrap().to_owned(),
            };
            assert_eq!(hash, vector["hash"].as_str().unwrap(), "{}", vector["name"]);
            compared += 1;
        }
    }
    assert!(compared >= 3 * 6, "only {compared} hashes were compared");
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
