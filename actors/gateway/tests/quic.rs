//! The QUIC door, asked by a real client; storage, routing and subscriptions are stand-ins that say what they were asked.

#![cfg(test)]

#[path = "quic/bounds.rs"]
mod bounds;
#[path = "quic/handshake.rs"]
mod handshake;
#[path = "quic/house.rs"]
mod house;
#[path = "quic/visitor.rs"]
mod visitor;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use house::{House, Script};
use serde_json::Value;
use starling_contracts::{
    storage::{Answer, Body},
    subscriptions::Notice,
};
use starling_protocol::{bencode, quic_frame::Message};

fn reply(id: i64, body: &'static str) -> Message {
    Message::Reply { id, body: Bytes::from_static(body.as_bytes()) }
}

fn error(id: i64, body: &'static str) -> Message {
    Message::Error { id, body: Bytes::from_static(body.as_bytes()) }
}

fn recording() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/quic.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(body: &Value) -> Bytes {
    match (&body["text"], &body["base64"]) {
        (Value::String(text), _) => Bytes::from(text.clone()),
        (_, Value::String(base64)) => STANDARD.decode(base64).unwrap().into(),
        other => panic!("no body in {other:?}"),
    }
}

/// What a storage actor must have said for the recorded answer to be given.
fn answer(kind: &str, body: &Bytes) -> Answer {
    if kind == "E" {
        let text = std::str::from_utf8(body).unwrap();
        let (line, rest) = text.split_once("\n\n").unwrap();
        let status = line.split(' ').next().unwrap().parse().unwrap();
        return Answer { status, body: Body::Text(rest.to_owned()) };
    }
    if body.first() == Some(&b'l') {
        let list = bencode::decode(body, bencode::Limits::REQUEST).unwrap();
        let [status, object] = list.as_list().unwrap() else { panic!("a pair") };
        let status = status.as_integer().unwrap().try_into().unwrap();
        return Answer { status, body: Body::Bencode(object.encode().into()) };
    }
    let pair: Value = serde_json::from_slice(body).unwrap();
    Answer { status: pair[0].as_u64().unwrap().try_into().unwrap(), body: Body::Json(pair[1].clone()) }
}

#[actix_rt::test]
async fn recorded_exchanges_are_repeated_byte_for_byte() {
    let house = House::open().await;
    let recording = recording();
    let cases = recording["cases"].as_array().unwrap();
    let mut script = Script::new();
    for case in
        cases.iter().filter(|case| !["snode_ping", "onion_req"].contains(&case["endpoint"].as_str().unwrap()))
    {
        let asked = (case["endpoint"].as_str().unwrap().to_owned(), bytes(&case["request_body"]));
        script.insert(asked, answer(case["response_type"].as_str().unwrap(), &bytes(&case["response_body"])));
    }
    house.answers(script);
    let visitor = house.visitor().await;
    let mut stream = visitor.open().await;

    for case in cases {
        let list =
            STANDARD.decode(case["response_as_received_after_length_prefix"].as_str().unwrap()).unwrap();
        let id = Message::parse(&Bytes::from(list.clone())).unwrap().id();
        let name = Bytes::from(case["endpoint"].as_str().unwrap().to_owned());
        let command = Message::Command { id, name, body: bytes(&case["request_body"]) };
        stream.raw(&command.encode()).await;

        let answered = stream.next().await.expect("an answer").encode();

        let recorded = [list.len().to_string().as_bytes(), b":", &list].concat();
        assert_eq!(answered.escape_ascii().to_string(), recorded.escape_ascii().to_string());
    }
    assert_eq!(cases.len(), 8);
    house.close().await;
}

#[actix_rt::test]
async fn notifications_come_as_recorded_on_the_first_stream_whichever_asked_for_them() {
    let mut house = House::open().await;
    let push = &recording()["pushes"][0];
    let body = Bytes::from(STANDARD.decode(push["body_base64"].as_str().unwrap()).unwrap());
    let visitor = house.visitor().await;
    let (mut first, mut second) = (visitor.open().await, visitor.open().await);

    assert_eq!(second.ask(0, "monitor", "le").await, reply(0, "d7:successi1ee"));
    assert_eq!(first.ask(0, "monitor", "nonsense").await, reply(0, "d7:errcodei1e5:error1:?e"));
    let link = house.links.recv().await.expect("a link");
    link.outlet.send(Notice::Message(body)).await.unwrap();
    link.outlet.send(Notice::Ended(Bytes::from_static(b"d7:errcodei6ee"))).await.unwrap();

    let list = STANDARD.decode(push["raw_base64"].as_str().unwrap()).unwrap();
    assert_eq!(first.next().await.unwrap(), Message::parse(&list.into()).unwrap());
    let name = Bytes::from_static(b"monitor_ended");
    let ended = Message::Command { id: 1, name, body: Bytes::from_static(b"d7:errcodei6ee") };
    assert_eq!(first.next().await.unwrap(), ended);

    visitor.connection.close(0_u32.into(), b"");
    link.outlet.closed().await;
    house.close().await;
}

#[actix_rt::test]
async fn two_connections_have_links_of_their_own() {
    let mut house = House::open().await;
    let (one, other) = (house.visitor().await, house.visitor().await);
    let (mut of_one, mut of_other) = (one.open().await, other.open().await);

    of_one.ask(0, "monitor", "le").await;
    let first = house.links.recv().await.unwrap();
    of_other.ask(0, "monitor", "le").await;
    let second = house.links.recv().await.unwrap();

    assert_ne!(first.id, second.id);
    second.outlet.send(Notice::Message(Bytes::from_static(b"de"))).await.unwrap();
    let name = Bytes::from_static(b"notify");
    let notice = Message::Command { id: 0, name, body: Bytes::from_static(b"de") };
    assert_eq!(of_other.next().await.unwrap(), notice);
    assert_eq!(of_one.ask(1, "snode_ping", "").await, reply(1, "pong"), "and nothing before it");
    house.close().await;
}

#[actix_rt::test]
async fn what_the_other_actors_cannot_do_becomes_the_texts_of_the_spec() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let mut stream = visitor.open().await;

    for (id, (name, body, expected)) in (0..).zip([
        ("info", "", Ok(r#"[200,{"a":1,"b":[2]}]"#)),
        ("store", "anything", Ok("8 bytes")),
        (
            "store",
            "not ready",
            Err("503 Service Unavailable\n\nService node is not ready: not done syncing; not in any swarm\n"),
        ),
        ("store", "busy", Err("503 Service Unavailable\n\nServer busy, try again later")),
        ("store", "stopping", Err("503 Service Unavailable\n\nService node is not ready: shutting down\n")),
        ("store", "disk", Err("500 Internal Server Error\n\nrequest failed")),
        ("store", "panic", Err("500 Internal Server Error\n\nrequest failed")),
        ("store", "too much", Err("500 Internal Server Error\n\nresponse too large")),
        ("onion_req", "frame", Ok("seen:frame")),
        (
            "onion_req",
            "not ready",
            Err("503 Service Unavailable\n\nService node is not ready: not done syncing\n"),
        ),
        ("stor", "", Err("Invalid endpoint 'stor'")),
        ("Store", "", Err("Invalid endpoint 'Store'")),
        ("", "", Err("Invalid endpoint ''")),
        ("snode_ping", "", Ok("pong")),
    ]) {
        let expected = expected.map_or_else(|body| error(id, body), |body| reply(id, body));
        assert_eq!(stream.ask(id, name, body).await, expected, "{name} {body}");
    }
    house.close().await;
}

#[actix_rt::test]
async fn answers_come_when_they_are_there_with_the_ids_of_their_commands() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let (mut stream, mut other) = (visitor.open().await, visitor.open().await);

    stream.command(7, "store", "slow").await;
    house.signals.slow_began.notified().await;
    assert_eq!(stream.ask(8, "store", "quick").await, reply(8, "5 bytes"));
    assert_eq!(stream.ask(-3, "snode_ping", "").await, reply(-3, "pong"));
    assert_eq!(other.ask(7, "snode_ping", "").await, reply(7, "pong"));
    // Nobody asked for these.
    stream.raw(&reply(8, "thanks").encode()).await;
    stream.raw(&error(9, "no").encode()).await;
    house.signals.slow_may_end.notify_one();

    assert_eq!(stream.next().await.unwrap(), reply(7, "at last"));
    house.close().await;
}

#[actix_rt::test]
async fn a_client_that_asks_nothing_more_still_gets_its_answers_and_the_stream_ends() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let (_first, mut second) = (visitor.open().await, visitor.open().await);

    second.command(1, "store", "slow").await;
    house.signals.slow_began.notified().await;
    second.outgoing.finish().unwrap();
    house.signals.slow_may_end.notify_one();

    assert_eq!(second.next().await.unwrap(), reply(1, "at last"));
    assert_eq!(second.next().await, None);
    house.close().await;
}

#[actix_rt::test]
async fn a_request_under_way_is_answered_before_the_door_closes() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let mut stream = visitor.open().await;
    stream.command(1, "store", "slow").await;
    house.signals.slow_began.notified().await;

    let kernel = house.kernel.clone();
    let closing = actix_rt::spawn(async move { kernel.stop().await });
    house.signals.slow_may_end.notify_one();

    assert_eq!(stream.next().await, Some(reply(1, "at last")));
    visitor.ended().await;
    assert!(closing.await.unwrap().is_empty(), "nobody had to be killed");
}
