//! What a node of the network and its clients were seen to say, against ours.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;
use starling_contracts::subscriptions::{NewMessage, Notice};
use starling_protocol::storage::monitor::Notification;
use starling_subscriptions::Config;

use crate::house::{House, link, list, node, text};

fn bytes(field: &Json) -> Vec<u8> {
    STANDARD.decode(field.as_str().unwrap()).unwrap()
}

fn recorded() -> Json {
    serde_json::from_str(include_str!("recorded/monitor.json")).unwrap()
}

#[tokio::test]
async fn recorded_requests_get_the_recorded_replies() {
    for case in recorded()["requests"].as_array().unwrap() {
        let swarm = list(1, [node(1, 100)]);
        let house = House::open_with(Some(swarm), Config::default(), case["sent_ms"].as_u64().unwrap()).await;
        let (link, _notices) = link(1, 8);

        let reply = house.subscribe(&link, bytes(&case["request"])).await.unwrap();

        assert_eq!(text(&reply), text(&bytes(&case["reply"])), "{}", case["name"]);
    }
}

#[tokio::test]
async fn recorded_notifications_are_what_ours_would_be_to_the_byte() {
    let vectors: Json = serde_json::from_str(include_str!("recorded/vectors.json")).unwrap();
    let vectors = vectors["monitor"].as_array().unwrap();
    let from_vectors = vectors
        .iter()
        .filter(|case| case["name"].as_str().unwrap().starts_with("notify"))
        .map(|case| from_hex(case["payload_hex"].as_str().unwrap()));
    let recorded = recorded();
    let from_nodes = recorded["notifications"].as_array().unwrap().iter().map(|case| bytes(&case["dict"]));
    for dict in from_nodes.chain(from_vectors) {
        let Notification { account, hash, namespace, timestamp, expiry, data } =
            Notification::decode(&dict).unwrap();
        let key = crate::house::key(1);
        let house = House::open().await;
        let (link, mut notices) = link(1, 8);
        // The account's own key is not known; the form of a notice depends on the message and on the wish for bodies alone.
        let mut wish = crate::house::subscription(&key);
        (wish.wants_data, wish.namespaces) = (data.is_some(), vec![namespace]);
        house.accepted(&link, crate::house::Sign::signed_by(wish, &key).encode()).await;
        let data = data.unwrap_or_default().into();
        let own = crate::house::group(&key);
        house.announce([NewMessage { account: own, namespace, hash, timestamp, expiry, data }]).await;

        let Some(Notice::Message(notice)) = notices.recv().await else { panic!("a message was announced") };

        let start = dict.windows(7).position(|part| part == b"d1:@33:").unwrap() + 7;
        let expected = [&dict[..start], own.as_bytes(), &dict[start + 33..]].concat();
        assert_ne!(account, own);
        assert_eq!(text(&notice), text(&expected));
    }
}

#[tokio::test]
async fn independently_signed_requests_are_accepted() {
    let vectors: Json = serde_json::from_str(include_str!("recorded/vectors.json")).unwrap();
    let mut n_single = 0;
    for case in vectors["monitor"].as_array().unwrap() {
        let (name, request) =
            (case["name"].as_str().unwrap(), from_hex(case["payload_hex"].as_str().unwrap()));
        if name.starts_with("notify") || name == "success_reply" {
            continue;
        }
        // Two of them were signed some days apart, and all are accepted for fourteen.
        let house =
            House::open_with(Some(list(1, [node(1, 100)])), Config::default(), 1_736_942_400_000).await;
        let (link, _notices) = link(1, 8);

        let reply = house.subscribe(&link, request.clone()).await.unwrap();

        let success = "d7:successi1ee";
        let expected = if request[0] == b'l' { format!("l{success}{success}e") } else { success.to_owned() };
        assert_eq!(text(&reply), expected, "{name}");
        n_single += 1;
    }
    assert_eq!(n_single, 4);
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
