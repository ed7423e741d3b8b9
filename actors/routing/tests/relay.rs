//! Onion requests that the reference answered, byte for byte, and everything that can go wrong on the way.
//!
//! Every node is a kernel of its own with a real relay; storage gives the recorded answers, and a stand-in for the transport
//! carries requests from kernel to kernel.

#[path = "relay/fairness.rs"]
mod fairness;
#[path = "relay/recorded.rs"]
mod recorded;
#[path = "relay/town.rs"]
mod town;
#[path = "relay/web.rs"]
mod web;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use recorded::{Case, cases, seed_of};
use starling_contracts::{
    routing::{OnionAnswer, RelayOnion},
    storage::{self, Answer, Body},
    transport::{self, WebHost},
};
use starling_kernel::CallError;
use starling_protocol::{
    crypto::ed25519,
    onion::{
        Built, Cipher, Destination, Forward, Hop, ReplyBody, ReplyKey,
        build::{Ciphers, Options, Protocol, Server, build_with},
        frame::Frame,
        parse_node_reply,
    },
    peer_wire::MAX_BODY,
};
use town::{Letter, Town};

#[actix_rt::test]
async fn recorded_requests_are_answered_as_the_reference_answered_them() {
    let cases = cases();
    assert!(!cases.is_empty());
    // The recorded web server listened on loopback.
    let town = Town::build_with(recorded::seeds(), |config| config.web.private_addresses = true).await;
    let mut n_web = 0;

    for case in &cases {
        let Case { name, guard, body, web_server, .. } = case;
        town.storage.say(case.inner_answer());
        if let Some(server) = web_server {
            town.post.web_says(Ok(server.answer.clone()));
        }
        let answer = town.enter(guard, body.clone()).await;
        case.check(&answer, name);
        let posted = town.post.posted();
        assert_eq!(posted.len(), usize::from(web_server.is_some()), "{name}");
        if let (Some(server), [post]) = (web_server, posted.as_slice()) {
            n_web += 1;
            let WebHost::Address(address) = &post.host else { panic!("{name}: it was an address") };
            assert_eq!(format!("{address}:{}", post.port), server.host, "{name}");
            assert_eq!((post.target.as_str(), post.tls), (server.path.as_str(), false), "{name}");
            assert_eq!(post.body, server.body, "{name}: the whole layer");
        }
    }
    assert_eq!(n_web, 1, "one of the recorded exchanges is with a web server");

    town.stop().await;
}

// ---- requests of our own -------------------------------------------------------------------------------------------

/// A town of `nodes` with keys of its own.
async fn town(nodes: u8) -> Town {
    Town::build((1..=nodes).map(|index| [index; 32]).collect()).await
}

fn hop(index: u8) -> Hop {
    Hop::from_ed25519(ed25519::SecretKey::from_seed([index; 32]).public()).expect("a good key")
}

fn key(index: u8) -> ed25519::PublicKey {
    hop(index).ed25519
}

/// The same bytes on every run, other ones for every call.
fn random() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(113);
            *byte = next;
        }
    }
}

fn build(path: &[u8], destination: &Destination, cipher: Cipher) -> Built {
    let path: Vec<_> = path.iter().map(|index| hop(*index)).collect();
    let options =
        Options { ciphers: Ciphers::Same(cipher), explicit_enc_type: true, control: r#"{"headers":""}"# };
    build_with(&path, destination, &options, &mut random()).expect("it can be built")
}

fn to_node(path: &[u8], destination: u8) -> Built {
    let destination =
        Destination::ServiceNode(hop(destination), r#"{"method":"info","params":{}}"#.to_owned());
    build(path, &destination, Cipher::XChaCha20)
}

fn plain(answer: &OnionAnswer) -> (u16, &str) {
    (answer.status, std::str::from_utf8(&answer.body).expect("a text"))
}

#[track_caller]
fn opened(answer: &OnionAnswer, key: &ReplyKey) -> (u16, ReplyBody) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let plaintext = key.open(&answer.body).expect("it is sealed for us");
    let reply = parse_node_reply(&plaintext).expect("a node's answer");
    (reply.status, reply.body)
}

fn text(status: u16, text: &str) -> (u16, ReplyBody) {
    (status, ReplyBody::Text(text.to_owned()))
}

#[actix_rt::test]
async fn three_hops_carry_a_request_there_and_its_answer_back_with_every_cipher() {
    let town = town(4).await;

    for cipher in [Cipher::XChaCha20, Cipher::AesGcm, Cipher::AesCbc] {
        let destination = Destination::ServiceNode(hop(4), "question".to_owned());
        let built = build(&[1, 2, 3], &destination, cipher);
        town.storage.say(Ok(Answer { status: 421, body: Body::Json(serde_json::json!({ "snodes": [] })) }));

        let answer = town.enter(&key(1), built.post_body).await;

        assert_eq!(town.storage.heard(), "question");
        let expected = (421, ReplyBody::Json(serde_json::json!({ "snodes": [] })));
        assert_eq!(opened(&answer, &built.reply_key), expected, "{cipher}");
    }

    town.stop().await;
}

#[actix_rt::test]
async fn every_layer_may_have_a_cipher_of_its_own() {
    let town = town(3).await;
    let all = [Cipher::XChaCha20, Cipher::AesGcm, Cipher::AesCbc];
    let path = [hop(1), hop(2)];
    let destination = Destination::ServiceNode(hop(3), "question".to_owned());
    town.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));

    for first in all {
        for second in all {
            for third in all {
                let ciphers = [first, second, third];
                let options = Options {
                    ciphers: Ciphers::Each(&ciphers),
                    explicit_enc_type: true,
                    control: r#"{"headers":""}"#,
                };
                let built =
                    build_with(&path, &destination, &options, &mut random()).expect("it can be built");
                let answer = town.enter(&key(1), built.post_body).await;
                assert_eq!(opened(&answer, &built.reply_key), text(200, "here"), "{ciphers:?}");
            }
        }
    }

    town.stop().await;
}

#[actix_rt::test]
async fn a_destination_answers_in_each_of_the_four_forms() {
    let town = town(2).await;
    let object = serde_json::json!({ "t": 1 });
    town.storage.say(Ok(Answer { status: 200, body: Body::Json(object.clone()) }));

    for (json, base64) in [(false, true), (false, false), (true, true), (true, false)] {
        let control = format!(r#"{{"headers":"","json":{json},"base64":{base64}}}"#);
        let options =
            Options { ciphers: Ciphers::Same(Cipher::AesGcm), explicit_enc_type: false, control: &control };
        let destination = Destination::ServiceNode(hop(2), "question".to_owned());
        let built = build_with(&[hop(1)], &destination, &options, &mut random()).expect("it can be built");

        let answer = town.enter(&key(1), built.post_body).await;

        let is_base64 = answer.body.iter().all(|c| c.is_ascii_alphanumeric() || b"+/=".contains(c));
        assert_eq!(is_base64, base64, "{control}");
        let plaintext = built.reply_key.open(&answer.body).expect("it is sealed for us");
        let expected =
            if json { r#"{"body":{"t":1},"status":200}"# } else { r#"{"body":"{\"t\":1}","status":200}"# };
        assert_eq!(String::from_utf8(plaintext).expect("a text"), expected, "{control}");
    }

    town.stop().await;
}

#[actix_rt::test]
async fn binary_answers_travel_as_base64_text() {
    let town = town(1).await;
    let built = to_node(&[], 1);
    town.storage.say(Ok(Answer { status: 200, body: Body::Binary(Bytes::from_static(b"\x00\xff")) }));

    let answer = town.enter(&key(1), built.post_body).await;

    assert_eq!(opened(&answer, &built.reply_key), text(200, "AP8="));
    town.stop().await;
}

#[actix_rt::test]
async fn an_answer_that_no_hop_can_carry_back_is_replaced_under_seal() {
    let town = town(2).await;
    // Base64 makes four bytes of three, and the padding of a whole number of threes is none.
    let longest_sealed = MAX_BODY / 4 * 3;
    let around = r#"{"body":"","status":200}"#.len() + SEAL;
    for (size, expected) in [
        (longest_sealed - around, None),
        (longest_sealed - around + 1, Some(text(500, "response too large"))),
        (MAX_BODY, Some(text(500, "response too large"))),
    ] {
        let long = "x".repeat(size);
        let built = to_node(&[1], 2);
        town.storage.say(Ok(Answer { status: 200, body: Body::Text(long.clone()) }));

        let answer = town.enter(&key(1), built.post_body).await;

        assert!(answer.body.len() <= MAX_BODY);
        let expected = expected.unwrap_or_else(|| text(200, &long));
        assert!(opened(&answer, &built.reply_key) == expected, "{size}");
    }

    town.stop().await;
}

/// Nonce and tag of XChaCha20-Poly1305.
const SEAL: usize = 24 + 16;

#[actix_rt::test]
async fn a_node_may_be_on_a_path_twice_and_be_its_destination() {
    let town = town(2).await;

    for (path, destination) in [(&[1, 1, 1][..], 1), (&[1, 2, 1], 2), (&[2, 1], 1), (&[1, 1], 2)] {
        let built = to_node(path, destination);
        town.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));
        let answer = town.enter(&key(path[0]), built.post_body).await;
        assert_eq!(opened(&answer, &built.reply_key), text(200, "here"), "{path:?} to {destination}");
    }

    town.stop().await;
}

#[actix_rt::test]
async fn a_path_with_more_hops_than_allowed_is_refused_on_this_node_or_the_next() {
    let town = town(2).await;
    town.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));

    // The guard is number 0 and the destination the last: sixteen nodes are numbers 0 to 15.
    let just = to_node(&[1; 15], 1);
    let answer = town.enter(&key(1), just.post_body).await;
    assert_eq!(opened(&answer, &just.reply_key), text(200, "here"));
    let more = town.enter(&key(1), to_node(&[1; 16], 1).post_body).await;
    assert_eq!(plain(&more), (400, "onion request max path length exceeded"));
    let across: Vec<_> = [1, 2].into_iter().cycle().take(16).collect();
    let more = town.enter(&key(1), to_node(&across, 1).post_body).await;
    assert_eq!(plain(&more), (400, "onion request max path length exceeded"));

    town.stop().await;
}

#[actix_rt::test]
async fn hop_numbers_grow_by_one_and_nobody_but_a_guard_is_at_none() {
    let town = town(2).await;
    for (given, sent) in [("", 1), (r#","hop_no":7"#, 8), (r#","hop_no":-3"#, 1)] {
        let built = to_node(&[1], 2);
        let Frame { ciphertext, json } = Frame::parse(&built.post_body).expect("a frame");
        let json = std::str::from_utf8(json).unwrap().replacen('}', &format!("{given}}}"), 1);
        let body = Frame { ciphertext, json: json.as_bytes() }.encode();

        town.post.drop_next(transport::Error::TimedOut { within_ms: 1 });
        town.enter(&key(1), body).await;

        let Letter { body, .. } = town.post.last();
        assert_eq!(Forward::decode(&body[1..]).unwrap().hop_no.get(), sent, "{given}");
    }
    town.stop().await;
}

#[actix_rt::test]
async fn bytes_that_are_no_request_are_refused_in_the_clear() {
    let town = town(1).await;
    let from = key(9);

    for (frame, says) in [
        (&b""[..], "Unexpected payload size; expected ciphertext size"),
        (b"\x05\x00\x00\x00abc", "Unexpected payload size"),
        (b"\x00\x00\x00\x00{oops", "Invalid json"),
        (b"\x00\x00\x00\x00{}", "ephemeral_key"),
    ] {
        let answer = town.enter(&key(1), frame.to_vec()).await;
        let (status, body) = plain(&answer);
        assert_eq!(status, 400, "{body}");
        assert!(body.starts_with("Error parsing onion request: ") && body.contains(says), "{body}");
    }
    for dict in [&b""[..], b"de", b"le", b"d4:data1:xe"] {
        let answer =
            town.ask(&key(1), RelayOnion { dict: Bytes::copy_from_slice(dict), from }).await.unwrap();
        let (status, body) = plain(&answer);
        assert_eq!(status, 400);
        assert!(body.starts_with("Invalid internal onion request: "), "{body}");
    }
    let stranger = to_node(&[], 7);
    assert_eq!(plain(&town.enter(&key(1), stranger.post_body).await), (400, "Invalid ciphertext"));

    town.stop().await;
}

#[actix_rt::test]
async fn a_layer_that_makes_no_sense_is_refused_under_seal() {
    let town = town(1).await;
    // A server's payload goes out as it is, so it can be any plaintext: here one for the guard itself.
    for plaintext in [
        &b""[..],
        b"\x09\x00\x00\x00x{}",
        b"\x00\x00\x00\x00{oops",
        b"\x00\x00\x00\x00{\"destination\":\"00\"}",
    ] {
        let server = Server {
            host: "x".to_owned(),
            target: "/oxen/v4/lsrpc".to_owned(),
            protocol: Some(Protocol::Http),
            port: None,
            x25519: hop(1).x25519,
            payload: plaintext.to_vec(),
        };
        let built = build(&[8], &Destination::Server(server), Cipher::XChaCha20);
        let inner = unwrap_once(&built, 8);

        let answer = town.enter(&key(1), inner).await;

        assert_eq!(opened(&answer, &built.reply_key), text(400, "Invalid json"));
    }
    town.stop().await;
}

/// The request without its outermost layer, as if its first hop had been its client.
fn unwrap_once(built: &Built, first: u8) -> Vec<u8> {
    let outer = starling_protocol::onion::peel::outer(&built.post_body).expect("a frame");
    let secret = ed25519::SecretKey::from_seed([first; 32]).to_x25519();
    let layer = starling_protocol::onion::layer::LayerKey::for_node(outer.cipher, &secret, &outer.ephemeral)
        .expect("a good key");
    layer.open(&outer.ciphertext).expect("it is for this node")
}

#[actix_rt::test]
async fn what_the_storage_cannot_do_is_told_under_seal() {
    let town = town(2).await;
    let failures = [
        (storage::Error::NotReady("not done syncing".to_owned()), text(503, "Snode not ready")),
        (CallError::Stopping { actor: "storage" }.into(), text(503, "Snode not ready")),
        (CallError::Busy { actor: "storage", capacity: 1 }.into(), text(503, "Server busy, try again later")),
        (storage::Error::Store, text(500, "request failed")),
    ];

    for (failure, expected) in failures {
        let built = to_node(&[1], 2);
        town.storage.say(Err(failure));
        let answer = town.enter(&key(1), built.post_body).await;
        assert_eq!(opened(&answer, &built.reply_key), expected);
    }

    town.stop().await;
}

#[actix_rt::test]
async fn failures_of_the_next_hop_get_the_texts_that_clients_know() {
    let town = town(2).await;
    let unreachable = format!("Next node is currently unreachable: {}", key(2));
    let unknown = format!("Next node not found: {}", key(7));

    for (error, status, body) in [
        (transport::Error::TimedOut { within_ms: 30_000 }, 504, "Request time out"),
        (transport::Error::Unreachable("refused".to_owned()), 502, unreachable.as_str()),
        (CallError::Busy { actor: "transport", capacity: 1 }.into(), 503, "Next hop congested"),
    ] {
        town.post.drop_next(error);
        let answer = town.enter(&key(1), to_node(&[1], 2).post_body).await;
        assert_eq!(plain(&answer), (status, body));
    }
    town.post.answer_next(b"de");
    let answer = town.enter(&key(1), to_node(&[1], 2).post_body).await;
    assert_eq!(plain(&answer), (500, "Invalid response from snode"));
    let answer = town.enter(&key(1), to_node(&[1], 7).post_body).await;
    assert_eq!(plain(&answer), (502, unknown.as_str()));
    let answer = town.enter(&key(1), to_node(&[1, 2], 7).post_body).await;
    assert_eq!(plain(&answer), (502, unknown.as_str()), "the guard passes it on as it is");

    town.stop().await;
}

#[actix_rt::test]
async fn a_next_node_whose_connection_broke_is_late_if_it_is_there_and_unreachable_if_not() {
    let town = town(2).await;
    let broken = || transport::Error::Broken("the connection was closed".to_owned());
    let unreachable = format!("Next node is currently unreachable: {}", key(2));

    town.post.drop_next(broken());
    town.post.answer_next(b"ping");
    let answer = town.enter(&key(1), to_node(&[1], 2).post_body).await;
    assert_eq!(plain(&answer), (504, "Request time out"));
    let asked = town.post.last();
    assert_eq!((asked.protocol, asked.body.as_ref()), (transport::Protocol::Ping, &b"ping"[..]));

    town.post.drop_next(broken());
    town.post.drop_next(transport::Error::Unreachable("refused".to_owned()));
    let answer = town.enter(&key(1), to_node(&[1], 2).post_body).await;
    assert_eq!(plain(&answer), (502, unreachable.as_str()));

    town.stop().await;
}

#[actix_rt::test]
async fn a_listed_node_without_an_address_is_unreachable() {
    let town = town(2).await;
    let body = format!("Next node is currently unreachable: {}", key(2));

    town.change_list(|nodes| nodes[1].libp2p_port = 0).await;
    assert_eq!(plain(&town.enter(&key(1), to_node(&[1], 2).post_body).await), (502, body.as_str()));
    town.change_list(|nodes| nodes[1].public_ip = std::net::Ipv4Addr::UNSPECIFIED).await;
    assert_eq!(plain(&town.enter(&key(1), to_node(&[1], 2).post_body).await), (502, body.as_str()));

    town.stop().await;
}

#[actix_rt::test]
async fn without_a_node_list_a_node_says_that_it_is_not_ready() {
    let lonely = Town::without_list([1; 32]).await;
    let body = format!("Snode not ready: {}", key(1));

    let answer = lonely.enter(&key(1), to_node(&[], 1).post_body).await;
    assert_eq!(plain(&answer), (503, body.as_str()));
    assert_eq!(lonely.unready(&key(1)), [("relay", "no node list has been received yet".to_owned())]);
    lonely.change_list(|_| {}).await;
    lonely.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));
    let built = to_node(&[], 1);
    let answer = lonely.enter(&key(1), built.post_body).await;
    assert_eq!(opened(&answer, &built.reply_key), text(200, "here"));
    assert_eq!(lonely.unready(&key(1)), []);

    lonely.stop().await;
}

#[actix_rt::test]
async fn more_than_the_backlog_to_one_node_is_refused_and_the_rest_answered() {
    let town =
        Town::build_with((1..=3).map(|index| [index; 32]).collect(), |config| config.max_backlog = 4).await;
    town.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));
    let town = Arc::new(town);
    town.post.hold();

    let asked: Vec<_> = (0..10)
        .map(|_| {
            let town = Arc::clone(&town);
            actix_rt::spawn(async move { town.enter(&key(1), to_node(&[1], 2).post_body).await })
        })
        .collect();
    town.post.held(4).await;
    let aside = to_node(&[1], 3);
    town.post.release_to(key(3));
    let answer = town.enter(&key(1), aside.post_body).await;
    assert_eq!(opened(&answer, &aside.reply_key), text(200, "here"), "another node is not concerned");
    let mut answers: FuturesUnordered<_> = asked.into_iter().collect();
    for _ in 0..6 {
        let refused = answers.next().await.expect("six are left").expect("answered");
        assert_eq!(plain(&refused), (503, "Next hop congested"), "refused without waiting");
    }
    town.post.release();
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.expect("answered").status, 200);
    }

    Arc::into_inner(town).expect("nobody else holds it").stop().await;
}

#[actix_rt::test]
async fn hops_are_given_the_deadline_of_the_config() {
    let town = Town::build_with(vec![[1; 32], [2; 32]], |config| {
        config.hop_within = Duration::from_secs(7);
        config.web.answer_within = Duration::from_secs(6);
    })
    .await;

    town.post.drop_next(transport::Error::TimedOut { within_ms: 7000 });
    let answer = town.enter(&key(1), to_node(&[1], 2).post_body).await;

    assert_eq!(plain(&answer).0, 504);
    assert_eq!(town.post.last().deadline, Duration::from_secs(7));
    town.stop().await;
}

#[test]
fn recorded_seeds_are_those_of_the_recorded_keys() {
    for (public, seed) in recorded::nodes() {
        assert_eq!(ed25519::SecretKey::from_seed(seed).public(), public);
        assert_eq!(seed_of(&public), seed);
    }
}
