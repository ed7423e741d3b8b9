//! Exchanges recorded from a reference storage server 2.8.0: what it was sent is read alike, and what it refused is
//! refused with the same words.

#![cfg(test)]

use std::collections::HashMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use starling_protocol::bencode;
use starling_protocol::crypto::{ed25519, x25519};
use starling_protocol::onion::peel::outer;
use starling_protocol::onion::{
    Cipher, Forward, Inner, ReplyBody, ReplyKey, encode_node_reply, layer::LayerKey, parse_node_reply, peel,
    relay_url,
};
use starling_protocol::storage::monitor::{self, Notification};
use starling_protocol::storage::request::{Encoding, METHODS, Parser, Request, parse_envelope, parse_params};
use starling_protocol::storage::response::{ReplyValue, Retrieved, StoreEntry, SwarmReply};
use starling_protocol::storage::{limits, message_hash};

fn recorded(name: &str) -> Json {
    let path = format!("{}/tests/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).expect("a recording")).expect("JSON")
}

fn list(value: &Json) -> &Vec<Json> {
    value.as_array().expect("a list")
}

fn text(value: &Json) -> &str {
    value.as_str().expect("text")
}

fn from_base64(value: &Json) -> Vec<u8> {
    STANDARD.decode(text(value)).expect("base64")
}

fn key(value: &Json) -> [u8; 32] {
    hex::decode(text(value)).expect("hex").try_into().expect("32 bytes")
}

/// What a node would answer before it looks at its clock, its swarm or its database: status and text.
fn refusal(request: &Request) -> Option<(u16, String)> {
    request.verify().err().map(|refused| (401, request.refusal_text(refused).into_owned()))
}

#[test]
fn https_requests_are_accepted_and_refused_alike() {
    let recording = recorded("storage-https");
    let mut checked = 0;
    for case in list(&recording["cases"]).iter().filter(|case| case["request"]["path"] == "/storage_rpc/v1") {
        let (name, request) = (&case["name"], &case["request"]);
        // Bodies of the largest size are told by their digest only.
        let is_abridged =
            request["body_json"]["params"]["data"].as_str().is_some_and(|data| data.starts_with('<'));
        if request["method"] != "POST" || is_abridged {
            continue;
        }
        let body =
            request.get("body_text").map_or_else(|| request["body_json"].to_string(), |t| text(t).to_owned());
        let (status, answer) = (case["response"]["status"].as_u64().unwrap(), &case["response"]["body_text"]);

        let parsed = parse_envelope(body.as_bytes());

        match status {
            400 => assert_eq!(parsed.unwrap_err().to_string(), text(answer), "{name}"),
            401 => assert_eq!(refusal(&parsed.unwrap()), Some((401, text(answer).to_owned())), "{name}"),
            // Clock, time to live, swarm: read all the same.
            200 | 403 | 406 | 421 => assert_eq!(refusal(&parsed.unwrap()), None, "{name}"),
            other => panic!("{name}: unexpected status {other}"),
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} cases were looked at");
}

#[test]
fn stored_messages_have_the_hashes_and_signatures_that_were_answered() {
    let recording = recorded("storage-https");
    let mut checked = 0;
    for case in
        list(&recording["cases"]).iter().filter(|case| case["request"]["body_json"]["method"] == "store")
    {
        let answer = &case["response"]["body_json"];
        let (Some(members), Ok(Request::Store(store))) = (
            answer["swarm"].as_object(),
            parse_envelope(case["request"]["body_json"].to_string().as_bytes()),
        ) else {
            continue;
        };
        for (node, entry) in members {
            let node: ed25519::PublicKey = node.parse().unwrap();
            let read = StoreEntry::from_json(entry).unwrap();
            assert!(read.is_signed_by(&node), "{}", case["name"]);
            assert_eq!(read.hash, message_hash(&store.account, store.namespace, &store.data));
            assert!(read.expiry >= store.expiry());
        }
        checked += members.len();
    }
    assert!(checked > 20, "only {checked} entries were looked at");
}

/// Adds what every answer has and compares.
fn assert_answer(mut fields: Vec<(String, ReplyValue)>, answer: &Json) {
    for name in ["hf", "t"] {
        fields.push((name.to_owned(), ReplyValue::Json(answer[name].clone())));
    }
    assert_eq!(ReplyValue::Object(fields).to_json(), *answer);
}

#[test]
fn answers_are_read_and_written_alike() {
    let recording = recorded("storage-https");
    let mut checked = [0, 0];
    for case in list(&recording["cases"]) {
        let answer = &case["response"]["body_json"];
        if answer["snodes"].is_array() {
            let reply = SwarmReply::from_json(answer).unwrap();
            assert_eq!(reply.members.len(), list(&answer["snodes"]).len());
            assert_answer(reply.to_fields(), answer);
            checked[0] += 1;
        } else if answer["messages"].is_array() {
            let reply = Retrieved::from_json(answer).unwrap();
            assert_answer(reply.to_fields(), answer);
            checked[1] += 1;
        }
    }
    assert!(checked.iter().all(|count| *count > 2), "{checked:?}");
    assert!(SwarmReply::from_json(&Json::Null).is_err());
    assert!(Retrieved::from_json(&serde_json::json!({"messages": [{}]})).is_err());
}

#[test]
fn onion_requests_are_peeled_and_their_answers_opened() {
    let nodes: HashMap<String, x25519::SecretKey> = list(&recorded("network")["nodes"])
        .iter()
        .map(|node| {
            let secret = x25519::SecretKey::from_bytes(key(&node["x25519_seckey"]));
            assert_eq!(secret.public().as_bytes(), &key(&node["pubkey_x25519"]));
            (text(&node["pubkey_ed25519"]).to_owned(), secret)
        })
        .collect();
    for case in list(&recorded("onion-v2")["cases"]) {
        check_onion(case, &nodes);
    }
}

fn check_onion(case: &Json, nodes: &HashMap<String, x25519::SecretKey>) {
    let name = text(&case["name"]);
    let body = from_base64(&case["request"]["body_b64"]);
    let answer = &case["response"];
    let guard = match outer(&body) {
        Ok(guard) => guard,
        Err(error) => {
            assert_eq!(
                (answer["status"].as_u64(), text(&answer["body_text"])),
                (Some(400), error.to_string().as_str())
            );
            return;
        }
    };
    let (mut ciphertext, mut ephemeral, mut cipher) = (guard.ciphertext, guard.ephemeral, guard.cipher);
    for layer in list(&case["layers_innermost_first"]).iter().rev() {
        let Some(secret) = nodes.get(text(&layer["node"])) else {
            assert_eq!(text(&answer["body_text"]), format!("Next node not found: {}", text(&layer["node"])));
            return;
        };
        let layer_key = LayerKey::for_node(cipher, secret, &ephemeral).unwrap();
        assert_eq!(layer_key.cipher(), text(&layer["enc_type"]).parse::<Cipher>().unwrap());
        assert_eq!(layer_key.as_bytes(), &key(&layer["key"]), "{name}");
        assert_eq!(layer_key.open(&ciphertext), Some(from_base64(&layer["plaintext_b64"])), "{name}");
        match peel(&ciphertext, secret, &ephemeral, cipher).unwrap() {
            Inner::Relay { ephemeral: e, cipher: c, ciphertext: inner, .. } => {
                (ciphertext, ephemeral, cipher) = (inner, e, c)
            }
            Inner::Destination { body, json, base64, reply } => {
                check_answer(case, &body, (json, base64), &ReplyKey::new(layer_key));
                assert!(!reply.seal(b"", &mut |nonce: &mut [u8]| nonce.fill(1)).is_empty());
            }
            Inner::Server { host, target, port, protocol, payload, .. } => {
                let received = case["web_server_received"].as_array().and_then(|all| all.first());
                assert_eq!(
                    relay_url(&protocol, &host, port, &target).is_some(),
                    received.is_some(),
                    "{name}"
                );
                match received {
                    Some(received) => {
                        assert_eq!(payload, from_base64(&received["body_b64"]));
                        assert_eq!(text(&received["path"]), target);
                        assert_eq!(text(&received["headers"]["Host"]), format!("{host}:{port}"));
                    }
                    None => check_answer(case, b"", (false, true), &ReplyKey::new(layer_key)),
                }
            }
        }
    }
}

/// The recorded answer opens, reads, and encodes back to the same plaintext; a bad request is refused alike.
fn check_answer(case: &Json, body: &[u8], (json, base64): (bool, bool), key: &ReplyKey) {
    let answer = &case["response"];
    let sealed = if base64 { text(&answer["body_text"]).into() } else { from_base64(&answer["body_base64"]) };
    let opened = key.open(&sealed).unwrap();
    let reply = parse_node_reply(&opened).unwrap();

    assert_eq!(serde_json::from_slice::<Json>(&opened).unwrap(), case["response_decrypted"]["json"]);
    assert_eq!(encode_node_reply(reply.status, &reply.body, json), opened);
    if reply.status == 400 && !body.is_empty() {
        assert_eq!(reply.body, ReplyBody::Text(parse_envelope(body).unwrap_err().to_string()));
    } else if reply.status == 200 {
        assert!(parse_envelope(body).is_ok());
    }
}

fn frame(frame: &Json) -> Vec<u8> {
    frame.get("text").map_or_else(|| from_base64(&frame["base64"]), |t| text(t).as_bytes().to_vec())
}

#[test]
fn oxenmq_requests_are_read_in_both_encodings() {
    let mut seen = [0; 4];
    for case in list(&recorded("omq")["cases"]) {
        let sent: Vec<Vec<u8>> = list(&case["sent_frames"]).iter().map(frame).collect();
        let received: Vec<Vec<u8>> =
            list(&case["received"]).iter().flat_map(|message| list(message).iter().map(frame)).collect();
        let command = std::str::from_utf8(&sent[0]).unwrap();
        if let (Some(method), Some(params)) = (command.strip_prefix("storage."), sent.get(2)) {
            seen[0] += usize::from(check_oxenmq(method, params, &received));
        } else if let ("sn.storage_cc", Some(method), Some(params)) = (command, sent.get(2), sent.get(3)) {
            seen[1] += 1;
            check_passed_on(std::str::from_utf8(method).unwrap(), params, &received);
        } else if let ("sn.onion_request", [_, _, dict]) = (command, sent.as_slice()) {
            seen[2] += 1;
            let refused = Forward::decode(dict).unwrap_err().to_string();
            assert_eq!(received.last().unwrap(), refused.as_bytes());
        } else if let ("monitor.messages", Some(payload)) = (command, sent.get(2)) {
            seen[3] += 1;
            let subscriptions = monitor::parse(payload).unwrap();
            let outcomes: Vec<_> = subscriptions
                .entries
                .iter()
                .map(|entry| entry.clone().and_then(|entry| entry.verify(entry.timestamp).map(|_| ())))
                .collect();
            assert_eq!(&monitor::encode_replies(subscriptions.is_list, &outcomes), received.last().unwrap());
        }
        if let Some(at) = received.iter().position(|part| part == b"notify.message") {
            let notification = Notification::decode(&received[at + 1]).unwrap();
            assert_eq!(notification.encode(), received[at + 1]);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// Whether the request was one that we know.
fn check_oxenmq(method: &str, params: &[u8], received: &[Vec<u8>]) -> bool {
    let Ok((request, encoding)) = parse_params(method, params) else {
        let error = parse_params(method, params).unwrap_err().to_string();
        assert!(!METHODS.contains(&method) || received.last().unwrap() == error.as_bytes(), "{error}");
        return false;
    };
    assert_eq!(encoding == Encoding::Bencode, params.starts_with(b"d"));
    assert_eq!(refusal(&request), None);
    if encoding == Encoding::Bencode {
        assert_eq!(request.to_bencode(), params);
    }
    true
}

fn check_passed_on(method: &str, params: &[u8], received: &[Vec<u8>]) {
    match Parser::default().replicated(method, params) {
        Ok(request) => {
            assert_eq!(request.to_replicated().as_deref(), Some(params));
            let Request::Store(store) = request else { panic!("only stores were recorded") };
            let entry = StoreEntry::from_bencode(received.last().unwrap()).unwrap();
            assert_eq!(entry.hash, message_hash(&store.account, store.namespace, &store.data));
            assert_eq!(entry.to_reply().to_bencode().encode(), *received.last().unwrap());
        }
        Err(error) => assert_eq!(received.last().unwrap(), error.to_string().as_bytes()),
    }
}

#[test]
fn quic_requests_are_read_and_pushes_come_back() {
    let recording = recorded("quic");
    let body = |value: &Json| frame(value);
    for case in list(&recording["cases"]) {
        let endpoint = text(&case["endpoint"]);
        let (sent, answered) = (body(&case["request_body"]), body(&case["response_body"]));
        if METHODS.contains(&endpoint) {
            let (request, _) = parse_params(endpoint, &sent).unwrap();
            if let Some((status, text)) = refusal(&request) {
                assert_eq!(String::from_utf8(answered).unwrap(), format!("{status} Unauthorized\n\n{text}"));
            }
        } else if endpoint == "onion_req" {
            let error = outer(&sent).unwrap_err();
            assert_eq!(String::from_utf8(answered).unwrap(), format!("400 Bad Request\n\n{error}"));
        }
    }
    for push in list(&recording["pushes"]) {
        let sent = from_base64(&push["body"]["base64"]);
        assert_eq!(Notification::decode(&sent).unwrap().encode(), sent);
        assert!(bencode::decode(&from_base64(&push["raw_base64"]), bencode::Limits::FLAT).is_ok());
    }
}

#[test]
fn overlong_and_overfull_bodies_are_refused_before_they_cost() {
    let store = |data: &str| {
        let pubkey = "05".repeat(33);
        format!(
            r#"{{"method":"store","params":{{"pubkey":"{pubkey}","timestamp":1736942400000,"ttl":60000,"data":"{data}"}}}}"#
        )
    };
    let refused = |body: &str| parse_envelope(body.as_bytes()).unwrap_err().to_string();

    assert!(parse_envelope(store(&"A".repeat(102_400)).as_bytes()).is_ok());
    assert_eq!(
        refused(&store(&"A".repeat(102_404))),
        "invalid request: Message body exceeds maximum allowed length of 76800 bytes"
    );
    assert_eq!(limits::MAX_BODY, 76_800);
    assert_eq!(
        refused(&format!(r#"{{"method":"info","params":{{"x":[{}0]}}}}"#, "0,".repeat(60_000))),
        "invalid json"
    );
    assert_eq!(refused(&"[".repeat(200)), "invalid json");
    assert!(
        parse_envelope(
            format!(r#"{{"method":"info","params":{{"x":"{}"}}}}"#, "[,{".repeat(60_000)).as_bytes()
        )
        .is_ok()
    );
}
