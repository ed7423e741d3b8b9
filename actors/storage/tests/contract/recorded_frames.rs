//! What a reference node of release 2.8.0 answered over OxenMQ and QUIC, where only parameters are sent: compared value by value, in
//! JSON and in bencode.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;
use starling_contracts::storage::{Answer, ApplyForwarded, Body, Forwarded};
use starling_protocol::{
    AccountId,
    bencode::{self, Limits, Value as Bt},
    storage::{
        Namespace, message_hash,
        monitor::Notification,
        request::{Lifetime, Request, Store},
    },
    swarm::SwarmId,
};

use crate::{
    house::House,
    recorded::{members, open, set_times, sort_members},
};

const OMQ: &str = include_str!("../recorded/omq.json");
const QUIC: &str = include_str!("../recorded/quic.json");

/// A frame: text, or bytes in base64.
fn bytes(frame: &Json) -> Vec<u8> {
    match (frame["text"].as_str(), frame["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(bytes)) => STANDARD.decode(bytes).expect("base64"),
        (None, None) => panic!("no frame: {frame}"),
    }
}

/// A body with its times at `now` and members in one order; bencoded ones as a tree.
#[derive(Debug, PartialEq)]
enum Comparable {
    Json(Json),
    Bencode(Bt),
    Text(String),
}

fn comparable(body: &[u8], now: i64) -> Comparable {
    if body.first() == Some(&b'd') {
        let mut value = bencode::decode(body, Limits::REQUEST).expect("bencode");
        set_times_in(&mut value, now);
        return Comparable::Bencode(value);
    }
    match serde_json::from_slice::<Json>(body) {
        Ok(mut value) => {
            set_times(&mut value, now);
            sort_members(&mut value);
            Comparable::Json(value)
        }
        Err(_) => Comparable::Text(String::from_utf8(body.to_vec()).expect("a text")),
    }
}

/// As [`set_times`] and [`sort_members`], for bencode.
fn set_times_in(value: &mut Bt, now: i64) {
    match value {
        Bt::Dict(fields) => {
            let is_info = fields.contains_key(b"version".as_slice());
            for (name, value) in fields {
                match (name.as_slice(), &mut *value) {
                    (b"t", Bt::Integer(time)) => *time = now.into(),
                    (b"timestamp", Bt::Integer(time)) if is_info => *time = now.into(),
                    (b"snodes", Bt::List(members)) => members.sort_by_key(Bt::encode),
                    _ => set_times_in(value, now),
                }
            }
        }
        Bt::List(values) => values.iter_mut().for_each(|value| set_times_in(value, now)),
        _ => {}
    }
}

#[track_caller]
fn check(got: Answer, status: u16, body: &[u8], house: &House, name: &str) {
    let text = match got.body {
        Body::Json(body) => body.to_string().into_bytes(),
        Body::Text(text) => text.into_bytes(),
        Body::Bencode(body) | Body::Binary(body) => body.to_vec(),
    };
    let now = house.now();
    assert_eq!((got.status, comparable(&text, now)), (status, comparable(body, now)), "case {name}");
}

/// Stores what a recorded `retrieve` found and no recorded case stored; gives the answer without what is not stored under its own
/// hash: the reference takes such a message from another member, and a node that checks hashes does not.
async fn fill_in(house: &House, node: usize, params: &[u8], answer: &[u8]) -> Vec<u8> {
    let params = bencode::decode(params, Limits::REQUEST).expect("bencode");
    let account = params.as_dict().expect("a dict")[b"pubkey".as_slice()].as_bytes().expect("bytes");
    let account = AccountId::from_bytes_any(account).expect("an id");
    let Bt::Dict(mut answer) = bencode::decode(answer, Limits::REQUEST).expect("bencode") else {
        panic!("an object")
    };
    let Some(Bt::List(messages)) = answer.get_mut(b"messages".as_slice()) else { panic!("messages") };
    let field = |message: &Bt, name: &str| message.as_dict().expect("a dict")[name.as_bytes()].clone();
    let bytes = |message: &Bt, name: &str| field(message, name).as_bytes().expect("bytes").to_vec();
    messages.retain(|message| {
        let hash = message_hash(&account, Namespace::DEFAULT, &bytes(message, "data"));
        hash.as_bytes().as_slice() == bytes(message, "hash")
    });
    for message in messages {
        let number =
            |name: &str| i64::try_from(field(message, name).as_integer().expect("a number")).expect("a time");
        let store = Request::Store(Store {
            account,
            namespace: Namespace::DEFAULT,
            timestamp: number("timestamp"),
            lifetime: Lifetime::Expiry(number("expiration")),
            data: bytes(message, "data"),
            sig_timestamp: None,
            credentials: None,
        });
        house.call(node, "store", store.to_bencode()).await.expect("an answer");
    }
    bencode::encode_dict(&answer)
}

#[tokio::test]
async fn every_recorded_oxenmq_request_is_answered_as_recorded() {
    let recording: Json = serde_json::from_str(OMQ).expect("the recording is JSON");
    let cases = recording["cases"].as_array().expect("cases");
    let mut house = open(members(), cases[0]["sent_ms"].as_i64().expect("a time")).await;
    let home = recording["home_node"].as_str().expect("a key");
    let home = (0..house.members.len()).find(|member| house.hex(*member) == home).expect("one of ours");

    let mut compared = 0;
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let sent: Vec<_> = case["sent_frames"].as_array().expect("frames").iter().map(bytes).collect();
        let received: Vec<Vec<Vec<u8>>> = case["received"]
            .as_array()
            .expect("messages")
            .iter()
            .map(|message| message.as_array().expect("frames").iter().map(bytes).collect())
            .collect();
        let Some(reply) = received.iter().find(|frames| frames[0] == b"REPLY") else { continue };
        let (status, body) = match &reply[2..] {
            [body] => (200, body),
            [code, body] => (String::from_utf8_lossy(code).parse().expect("a code"), body),
            _ => continue,
        };
        let command = String::from_utf8(sent[0].clone()).expect("a command");
        house.advance_to(case["sent_ms"].as_i64().expect("a time"));
        if let Some(method) = command.strip_prefix("storage.") {
            let body = match method {
                "retrieve" => fill_in(&house, home, &sent[2], body).await,
                _ => body.clone(),
            };
            while house.heard.try_recv().is_ok() {}
            let answer = house.call(home, method, sent[2].clone()).await.expect("an answer");
            check(answer, status, &body, &house, name);
            if let Some(push) = received.iter().find(|frames| frames[0] == b"notify.message") {
                check_push(&mut house, home, &push[1]).await;
            }
        } else if command == "sn.storage_cc" {
            let from = case["as"].as_str().and_then(|name| name.strip_prefix("node ")).expect("a node");
            let (method, dict) = (String::from_utf8_lossy(&sent[2]).into_owned(), sent[3].clone().into());
            let call = ApplyForwarded { method, dict, from: from.parse().expect("a key") };
            match house.nodes[home].kernel.ask(call).await.expect("an answer") {
                Forwarded::Done(dict) => assert_eq!((200, &dict[..]), (status, &body[..]), "case {name}"),
                Forwarded::Refused { code, reason } => {
                    assert_eq!((code, reason.as_bytes()), (status, &body[..]), "case {name}");
                }
            }
        } else {
            continue;
        }
        compared += 1;
    }
    assert_eq!(compared, 10, "so many cases are the storage's");
}

/// What was announced by the home node is what the push said.
async fn check_push(house: &mut House, home: usize, push: &[u8]) {
    let push = Notification::decode(push).expect("a notification");
    loop {
        let (node, messages) = house.heard.recv().await.expect("the house stands");
        if node != house.members[home].node.ed25519 {
            continue;
        }
        let [message] = messages.as_slice() else { panic!("one message was stored") };
        assert_eq!(
            (message.account, message.namespace, message.hash),
            (push.account, push.namespace, push.hash)
        );
        assert_eq!((message.timestamp, message.expiry), (push.timestamp, push.expiry));
        if let Some(data) = &push.data {
            assert_eq!(message.data, data);
        }
        return;
    }
}

/// The first time at which the node said it answered.
fn answered_at(body: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(body);
    let time =
        text.rsplit_once("\"t\":").or_else(|| text.rsplit_once("1:ti")).map(|(_, rest)| rest.to_owned())?;
    time.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[tokio::test]
async fn every_recorded_quic_request_is_answered_as_recorded() {
    let recording: Json = serde_json::from_str(QUIC).expect("the recording is JSON");
    let mut members = members();
    members.truncate(5);
    for member in &mut members {
        member.node.swarm = SwarmId(i64::MAX.unsigned_abs());
    }
    let house = open(members, 1_795_392_145_583).await;
    let node = recording["node"].as_str().expect("a key");
    let node = (0..5).find(|member| house.hex(*member) == node).expect("one of ours");

    let mut compared = 0;
    for case in recording["cases"].as_array().expect("cases") {
        let endpoint = case["endpoint"].as_str().expect("an endpoint");
        if matches!(endpoint, "snode_ping" | "onion_req" | "monitor") {
            continue;
        }
        let answer = bytes(&case["response_body"]);
        if let Some(time) = answered_at(&answer) {
            house.advance_to(time.max(house.now()));
        }
        let got = house.call(node, endpoint, bytes(&case["request_body"])).await.expect("an answer");

        let (status, body) = match answer.as_slice() {
            [b'[', ..] => {
                let pair: Json = serde_json::from_slice(&answer).expect("JSON");
                (pair[0].as_u64().expect("a code"), pair[1].to_string().into_bytes())
            }
            [b'l', ..] => {
                let pair = bencode::decode(&answer, Limits::REQUEST).expect("bencode");
                let pair = pair.as_list().expect("a list");
                (u64::try_from(pair[0].as_integer().expect("a code")).expect("a code"), pair[1].encode())
            }
            text => {
                let text = String::from_utf8_lossy(text);
                let (head, body) = text.split_once("\n\n").expect("an error with a body");
                (head[..3].parse().expect("a code"), body.as_bytes().to_vec())
            }
        };
        check(got, u16::try_from(status).expect("a code"), &body, &house, endpoint);
        compared += 1;
    }
    assert_eq!(compared, 6, "so many cases are the storage's");
}
