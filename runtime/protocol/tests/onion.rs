//! Onion requests against known bytes, both ways, and against arbitrary input.

#![cfg(test)]

#[path = "onion/answers.rs"]
mod answers;
#[path = "onion/properties.rs"]
mod properties;
#[path = "vectors/file.rs"]
mod vector_file;

use std::collections::HashMap;

use serde_json::Value as Json;
use starling_protocol::crypto::{ed25519, x25519};
use starling_protocol::onion::build::{CONTROL, Ciphers, Options, Protocol, Server, build_with};
use starling_protocol::onion::frame::{Frame, FrameError};
use starling_protocol::onion::layer::LayerKey;
use starling_protocol::onion::peel::outer;
use starling_protocol::onion::{
    Cipher, Destination, Forward, Hop, HopNumber, Inner, PeelError, ReplyBody, ReplySeal, build,
    is_relay_target_allowed, parse_node_reply, peel, relay_url, v4,
};
use vector_file::{Entry, load};

fn text(field: &Json) -> &str {
    field.as_str().expect("text")
}

fn bytes(field: &Json) -> Vec<u8> {
    hex::decode(text(field)).expect("hex digits")
}

fn array<const N: usize>(field: &Json) -> [u8; N] {
    bytes(field).try_into().expect("a value of fixed length")
}

fn cipher(field: &Json) -> Cipher {
    text(field).parse().expect("a known cipher")
}

fn secret(field: &Json) -> x25519::SecretKey {
    x25519::SecretKey::from_bytes(array(field))
}

fn public(field: &Json) -> x25519::PublicKey {
    x25519::PublicKey(array(field))
}

/// A source that gives out prepared bytes and fails when asked for others.
fn prepared(bytes: Vec<u8>) -> impl FnMut(&mut [u8]) {
    let mut left = bytes.into_iter();
    move |out| out.iter_mut().for_each(|byte| *byte = left.next().expect("enough prepared bytes"))
}

/// A source that is different at every draw, for tests that do not look at the bytes.
fn counting() -> impl FnMut(&mut [u8]) {
    let mut next = 0u8;
    move |out| {
        next = next.wrapping_add(1);
        out.fill(next);
    }
}

#[test]
fn every_cipher_seals_and_opens_as_known() {
    for mut entry in load("onion").entries("ciphers") {
        let cipher = cipher(&entry.field("enc_type"));
        let (client, node) = (secret(&entry.field("client_secret")), secret(&entry.field("node_secret")));
        assert_eq!(client.public(), public(&entry.field("client_public")));
        assert_eq!(node.public(), public(&entry.field("node_public")));
        let (plaintext, ciphertext) = (bytes(&entry.field("plaintext")), bytes(&entry.field("ciphertext")));
        let ours = LayerKey::for_client(cipher, &client, &node.public()).unwrap();
        let theirs = LayerKey::for_node(cipher, &node, &client.public()).unwrap();

        assert_eq!(ours.as_bytes(), theirs.as_bytes());
        assert_eq!(theirs.open(&ciphertext).as_deref(), Some(plaintext.as_slice()));
        assert_eq!(ours.open(&ciphertext).as_deref(), Some(plaintext.as_slice()));
        // Some entries come from elsewhere and tell only the result.
        let nonce =
            entry.maybe("nonce").map_or_else(|| ciphertext[..cipher.nonce_len()].to_vec(), |n| bytes(&n));
        assert_eq!(ours.seal(&plaintext, &mut prepared(nonce)), ciphertext);
        if let Some(shared) = entry.maybe("shared") {
            assert_eq!(*client.shared_secret(&node.public()).unwrap(), array(&shared));
        }
        if let Some(key) = entry.maybe("key") {
            assert_eq!(ours.as_bytes(), &array(&key));
        }
        entry.finish();
    }
}

#[test]
fn a_forged_layer_does_not_open() {
    for mut entry in load("onion").entries("cipher_failures") {
        assert_eq!(entry.field("expected"), "authentication failure");
        let (node, client) = (secret(&entry.field("node_secret")), public(&entry.field("client_public")));
        let (cipher, ciphertext) = (cipher(&entry.field("enc_type")), bytes(&entry.field("ciphertext")));

        assert_eq!(LayerKey::for_node(cipher, &node, &client).unwrap().open(&ciphertext), None);
        assert!(matches!(peel(&ciphertext, &node, &client, cipher), Err(PeelError::InvalidCiphertext)));
        entry.finish();
    }
}

#[test]
fn frames_are_read_and_opened() {
    for mut entry in load("onion").entries("frames") {
        let sent = bytes(&entry.field("frame"));
        let frame = Frame::parse(&sent).unwrap();
        let outer = outer(&sent).unwrap();
        let node = secret(&entry.field("node_secret"));

        let opened =
            LayerKey::for_node(outer.cipher, &node, &outer.ephemeral).unwrap().open(&outer.ciphertext);

        assert_eq!(frame.encode(), sent);
        assert_eq!(node.public(), public(&entry.field("node_public")));
        assert_eq!(outer.cipher, cipher(&entry.field("enc_type")));
        assert_eq!(outer.ephemeral, public(&entry.field("client_public")));
        assert_eq!(opened.unwrap(), bytes(&entry.field("payload")));
        entry.finish();
    }
}

#[test]
fn broken_frames_are_refused() {
    for mut entry in load("onion").entries("bad_frames") {
        let sent = bytes(&entry.field("frame"));

        let error = Frame::parse(&sent).unwrap_err();

        match text(&entry.field("expected")) {
            "error: too short" => assert_eq!(error, FrameError::TooShort),
            "error: length exceeds data" => assert!(matches!(error, FrameError::Truncated { .. })),
            other => panic!("unknown expectation {other}"),
        }
        assert!(
            outer(&sent)
                .unwrap_err()
                .to_string()
                .starts_with("Error parsing onion request: Unexpected payload")
        );
        entry.finish();
    }
}

#[test]
fn relay_targets_are_filtered() {
    for mut entry in load("onion").entries("relay_targets") {
        let (target, allowed) = (entry.field("target"), entry.field("allowed").as_bool().unwrap());

        assert_eq!(is_relay_target_allowed(text(&target)), allowed);
        assert!(allowed || relay_url("https", "a.example", 443, text(&target)).is_none());
        entry.finish();
    }
}

/// The nodes of the file, each with its X25519 secret.
fn nodes(file: &mut Entry) -> Vec<(Hop, x25519::SecretKey)> {
    let nodes = file.entries("nodes").into_iter().map(|mut entry| {
        let key = ed25519::SecretKey::from_seed(array(&entry.field("ed25519_seed")));
        let hop = Hop::from_ed25519(key.public()).unwrap();
        assert_eq!(hop.ed25519, ed25519::PublicKey(array(&entry.field("ed25519"))));
        assert_eq!(hop.x25519, public(&entry.field("x25519")));
        assert_eq!(key.to_x25519().as_bytes(), &array(&entry.field("x25519_secret")));
        entry.finish();
        (hop, key.to_x25519())
    });
    nodes.collect()
}

/// One layer of a request as the file tells it.
struct Layer {
    cipher: Cipher,
    ephemeral: x25519::SecretKey,
    nonce: Vec<u8>,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
}

struct Request {
    path: Vec<Hop>,
    secrets: Vec<x25519::SecretKey>,
    layers: Vec<Layer>,
    destination: Destination,
    control: String,
    explicit_enc_type: bool,
    post_body: Vec<u8>,
}

fn layer((index, mut entry): (usize, Entry), to: x25519::PublicKey) -> Layer {
    let layer = Layer {
        cipher: cipher(&entry.field("enc_type")),
        ephemeral: secret(&entry.field("ephemeral_secret")),
        nonce: bytes(&entry.field("nonce")),
        plaintext: bytes(&entry.field("plaintext")),
        ciphertext: bytes(&entry.field("ciphertext")),
    };
    assert_eq!(entry.field("layer"), index);
    assert_eq!(layer.ephemeral.public(), public(&entry.field("ephemeral_public")));
    assert_eq!(public(&entry.field("to")), to);
    entry.finish();
    layer
}

fn server(entry: Json, payload: Vec<u8>) -> (Server, x25519::SecretKey) {
    let mut entry = Entry::new(entry);
    let key = secret(&entry.field("x25519_secret"));
    assert_eq!(key.public(), public(&entry.field("x25519")));
    let mut relay = Entry::new(entry.field("relay_json_fields"));
    assert_eq!(relay.field("method"), "POST");
    let server = Server {
        host: text(&relay.field("host")).to_owned(),
        target: text(&relay.field("target")).to_owned(),
        protocol: relay.maybe("protocol").map(|protocol| match text(&protocol) {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            other => panic!("unknown protocol {other}"),
        }),
        port: relay.maybe("port").map(|port| port.as_u64().unwrap().try_into().unwrap()),
        x25519: key.public(),
        payload,
    };
    relay.finish();
    entry.finish();
    (server, key)
}

fn request(mut entry: Entry, nodes: &[(Hop, x25519::SecretKey)]) -> (String, Request) {
    let hops: Vec<usize> = serde_json::from_value(entry.field("hops")).unwrap();
    let mut path: Vec<Hop> = hops.iter().map(|index| nodes[*index].0).collect();
    let mut secrets: Vec<x25519::SecretKey> = hops.iter().map(|index| nodes[*index].1.clone()).collect();
    let (destination, control) = match entry.maybe("server") {
        Some(fields) => {
            let (server, key) = server(fields, bytes(&entry.field("final_plaintext")));
            secrets.push(key);
            (Destination::Server(server), CONTROL.to_owned())
        }
        None => {
            let last = path.pop().expect("a node as destination");
            let body = text(&entry.field("final_payload")).to_owned();
            (Destination::ServiceNode(last, body), text(&entry.field("final_control")).to_owned())
        }
    };
    let layers = entry.entries("layers").into_iter().enumerate();
    let layers =
        layers.zip(&secrets).map(|(entry, secret)| layer(entry, secret.public())).collect::<Vec<_>>();
    assert_eq!(layers.len(), secrets.len());
    let post_body = bytes(&entry.field("post_body"));
    let explicit_enc_type = Frame::parse(&post_body).unwrap().object().unwrap().contains_key("enc_type");
    let name = entry.field("name");
    entry.finish();
    (
        text(&name).to_owned(),
        Request { path, secrets, layers, destination, control, explicit_enc_type, post_body },
    )
}

fn requests(file: &mut Entry) -> HashMap<String, Request> {
    let nodes = nodes(file);
    file.entries("requests").into_iter().map(|entry| request(entry, &nodes)).collect()
}

#[test]
fn requests_are_rebuilt_byte_for_byte() {
    for (name, request) in requests(&mut load("onion")) {
        let ciphers: Vec<Cipher> = request.layers.iter().map(|layer| layer.cipher).collect();
        let options = Options {
            ciphers: Ciphers::Each(&ciphers),
            explicit_enc_type: request.explicit_enc_type,
            control: &request.control,
        };
        let drawn = request
            .layers
            .iter()
            .rev()
            .flat_map(|layer| [layer.ephemeral.as_bytes().as_slice(), layer.nonce.as_slice()].concat());

        let built = build_with(&request.path, &request.destination, &options, &mut prepared(drawn.collect()))
            .unwrap();

        assert_eq!(hex::encode(built.post_body), hex::encode(&request.post_body), "{name}");
    }
}

#[test]
fn requests_are_peeled_layer_by_layer() {
    for (name, request) in requests(&mut load("onion")) {
        let guard = outer(&request.post_body).unwrap();
        assert_eq!(guard.hop_no, HopNumber::GUARD);
        let (mut ciphertext, mut ephemeral, mut cipher) = (guard.ciphertext, guard.ephemeral, guard.cipher);
        for (index, (layer, secret)) in request.layers.iter().zip(&request.secrets).enumerate() {
            let key = LayerKey::for_node(cipher, secret, &ephemeral).unwrap();
            assert_eq!((ephemeral, cipher), (layer.ephemeral.public(), layer.cipher), "{name}");
            assert_eq!(ciphertext, layer.ciphertext, "{name}");
            assert_eq!(key.open(&ciphertext).as_ref(), Some(&layer.plaintext), "{name}");
            let is_last = index + 1 == request.layers.len();
            match peel(&ciphertext, secret, &ephemeral, cipher) {
                Ok(Inner::Relay { next, ephemeral: e, cipher: c, ciphertext: inner }) => {
                    let hops = request.path.iter().chain(match &request.destination {
                        Destination::ServiceNode(hop, _) => Some(hop),
                        Destination::Server(_) => None,
                    });
                    assert_eq!(Some(next), hops.map(|hop| hop.ed25519).nth(index + 1), "{name}");
                    (ciphertext, ephemeral, cipher) = (inner, e, c);
                }
                Ok(Inner::Destination { body, json, base64, .. }) => {
                    let Destination::ServiceNode(_, expected) = &request.destination else {
                        panic!("{name}")
                    };
                    assert_eq!(
                        (body.as_slice(), json, base64, is_last),
                        (expected.as_bytes(), false, true, true)
                    );
                }
                Ok(Inner::Server { host, target, port, protocol, payload, .. }) => {
                    let Destination::Server(server) = &request.destination else { panic!("{name}") };
                    assert_eq!((&host, &target), (&server.host, &server.target));
                    assert_eq!(port, server.port.unwrap_or(443));
                    assert_eq!(protocol, server.protocol.unwrap_or(Protocol::Https).name());
                    assert_eq!(payload, layer.plaintext);
                    // The server itself takes the frame apart again.
                    let forwarded = outer(&payload).unwrap();
                    (ciphertext, ephemeral, cipher) =
                        (forwarded.ciphertext, forwarded.ephemeral, forwarded.cipher);
                }
                Err(error) => {
                    // A server's own layer holds no frame.
                    assert!(
                        is_last && matches!(request.destination, Destination::Server(_)),
                        "{name}: {error}"
                    );
                    v4::Request::decode(&layer.plaintext).unwrap();
                }
            }
        }
    }
}

#[test]
fn v4_requests_survive_decoding() {
    for (name, request) in requests(&mut load("onion")) {
        if let Destination::Server(server) = request.destination {
            let decoded = v4::Request::decode(&server.payload).unwrap();

            assert_eq!(decoded.encode(), server.payload, "{name}");
        }
    }
}

fn any_seal() -> ReplySeal {
    let (ours, theirs) = (x25519::SecretKey::from_bytes([1; 32]), x25519::SecretKey::from_bytes([2; 32]));
    ReplySeal::new(LayerKey::for_node(Cipher::AesGcm, &ours, &theirs.public()).unwrap())
}

#[test]
fn inner_payloads_are_told_apart() {
    for mut entry in load("onion").entries("inner_payloads") {
        let payload = bytes(&entry.field("payload"));
        if let Some(json) = entry.maybe("json") {
            assert_eq!(Frame::parse(&payload).unwrap().json, text(&json).as_bytes());
        }
        let mut result = Entry::new(entry.field("result"));
        let kind = result.field("type");

        match (text(&kind), Inner::parse(payload.clone(), any_seal())) {
            ("final", Ok(Inner::Destination { body, json, base64, .. })) => {
                assert_eq!(String::from_utf8(body).unwrap(), text(&result.field("body")));
                assert_eq!(
                    (Json::from(json), Json::from(base64)),
                    (result.field("json"), result.field("base64"))
                );
            }
            ("relay_node", Ok(Inner::Relay { next, ephemeral, cipher: c, ciphertext })) => {
                assert_eq!(String::from_utf8(ciphertext).unwrap(), text(&result.field("ciphertext")));
                assert_eq!(ephemeral, public(&result.field("ephemeral_key")));
                assert_eq!(c, cipher(&result.field("enc_type")));
                assert_eq!(next.to_string(), text(&result.field("destination")));
            }
            ("relay_server", Ok(Inner::Server { host, target, port, protocol, payload: sent, .. })) => {
                assert_eq!(Json::from(host), result.field("host"));
                assert_eq!(Json::from(target), result.field("target"));
                assert_eq!(Json::from(port), result.field("port"));
                assert_eq!(Json::from(protocol), result.field("protocol"));
                assert_eq!(result.field("body"), "whole payload");
                assert_eq!(sent, payload);
            }
            ("error", Err(error @ PeelError::InvalidJson(_))) => {
                assert_eq!(result.field("status"), 400);
                assert_eq!(error.to_string(), "Invalid json");
            }
            (kind, other) => panic!("expected {kind}, found {other:?}"),
        }
        result.finish();
        entry.finish();
    }
}

#[test]
fn forwarded_layers_are_the_known_dicts() {
    let mut file = load("onion");
    let nodes = nodes(&mut file);
    for mut entry in file.entries("forwarding") {
        let parameter = bytes(&entry.field("parameter"));
        let [from, to] =
            ["from_hop", "to_hop"].map(|name| usize::try_from(entry.field(name).as_u64().unwrap()).unwrap());

        let forward = Forward::decode(&parameter).unwrap();

        assert_eq!(Json::from(forward.hop_no.get()), entry.field("hop_no"));
        assert_eq!(forward.encode(), parameter);
        assert_eq!(from + 1, to);
        assert!(peel(&forward.data, &nodes[to].1, &forward.ephemeral, forward.cipher).is_ok());
        entry.finish();
    }
}

#[test]
fn a_guard_that_is_the_destination_needs_no_path() {
    let node = ed25519::SecretKey::from_seed([9; 32]);
    let hop = Hop::from_ed25519(node.public()).unwrap();
    let destination = Destination::ServiceNode(hop, "{}".to_owned());

    let built = build(&[], &destination, Cipher::XChaCha20, true, &mut counting()).unwrap();
    let guard = outer(&built.post_body).unwrap();
    let inner = peel(&guard.ciphertext, &node.to_x25519(), &guard.ephemeral, guard.cipher).unwrap();

    let Inner::Destination { body, reply, .. } = inner else { panic!("not a destination") };
    assert_eq!(body, b"{}");
    let answer =
        reply.seal_node_reply(406, &ReplyBody::Text("late".to_owned()), (false, true), &mut counting());
    let reply = parse_node_reply(&built.reply_key.open(&answer).unwrap()).unwrap();
    assert_eq!((reply.status, reply.body), (406, ReplyBody::Text("late".to_owned())));
}

#[test]
fn an_answer_in_aes_gcm_to_a_request_in_xchacha20_opens() {
    let node = ed25519::SecretKey::from_seed([9; 32]);
    let destination = Destination::ServiceNode(Hop::from_ed25519(node.public()).unwrap(), "{}".to_owned());
    let built = build(&[], &destination, Cipher::XChaCha20, true, &mut counting()).unwrap();
    let guard = outer(&built.post_body).unwrap();

    let key = LayerKey::for_node(Cipher::AesGcm, &node.to_x25519(), &guard.ephemeral).unwrap();

    assert_eq!(built.reply_key.open(&key.seal(b"answer", &mut counting())).unwrap(), b"answer");
}

#[test]
fn outer_json_is_read_with_its_defaults_and_bounds() {
    let key = "11".repeat(32);
    let read = |json: &str| outer(&Frame { ciphertext: b"x", json: json.as_bytes() }.encode());

    let plain = read(&format!(r#"{{"ephemeral_key":"{key}","unknown":[1]}}"#)).unwrap();
    assert_eq!((plain.cipher, plain.hop_no.get()), (Cipher::AesGcm, 0));
    let started = read(&format!(r#"{{"ephemeral_key":"{key}","enc_type":"gcm","hop_no":7}}"#)).unwrap();
    assert_eq!((started.cipher, started.hop_no.get()), (Cipher::AesGcm, 7));
    assert_eq!(read(&format!(r#"{{"ephemeral_key":"{key}","hop_no":-7}}"#)).unwrap().hop_no.get(), 0);
    assert_eq!(
        read(&format!(r#"{{"ephemeral_key":"{key}","hop_no":16}}"#)).unwrap_err().to_string(),
        "onion request max path length exceeded"
    );
    for json in [
        "".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"ephemeral_key":"11"}"#.to_owned(),
        format!(r#"{{"ephemeral_key":"{key}","enc_type":"rot13"}}"#),
        format!(r#"{{"ephemeral_key":"{key}","enc_type":null}}"#),
        format!(r#"{{"ephemeral_key":"{key}","hop_no":"1"}}"#),
        format!(r#"{{"ephemeral_key":"{key}","x":"{}"}}"#, "y".repeat(70_000)),
    ] {
        let error = read(&json).unwrap_err().to_string();
        assert!(error.starts_with("Error parsing onion request: "), "{error}");
    }
}

#[test]
fn unusable_choices_are_refused_when_building() {
    let hop = Hop::from_ed25519(ed25519::SecretKey::from_seed([9; 32]).public()).unwrap();
    let low_order = Hop { x25519: x25519::PublicKey([0; 32]), ..hop };
    let to = |hop| Destination::ServiceNode(hop, "{}".to_owned());
    let fails = |path: &[Hop], destination: &Destination, cipher, explicit| {
        build(path, destination, cipher, explicit, &mut counting()).unwrap_err().to_string()
    };

    assert_eq!(fails(&[low_order], &to(hop), Cipher::AesGcm, false), "the key of layer 0 is unusable");
    assert_eq!(fails(&[hop], &to(low_order), Cipher::AesGcm, false), "the key of layer 1 is unusable");
    assert_eq!(
        fails(&[hop], &to(hop), Cipher::XChaCha20, false),
        "only aes-gcm is understood without being named, not xchacha20"
    );
    let large = Destination::ServiceNode(hop, "x".repeat(10 << 20));
    assert!(fails(&[hop], &large, Cipher::AesGcm, false).starts_with("onion request has "));
}

#[test]
fn every_section_of_the_file_is_looked_at() {
    let mut file = load("onion");
    for section in [
        "ciphers",
        "cipher_failures",
        "frames",
        "nodes",
        "requests",
        "v4_responses",
        "node_responses",
        "inner_payloads",
        "bad_frames",
        "relay_targets",
        "forwarding",
    ] {
        file.field(section);
    }
    file.finish();
}
