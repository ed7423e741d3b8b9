//! Onion requests, swarm mapping, bencode and request builders against an independent implementation, both ways.
//!
//! Its AES-GCM is left out: it puts 16 bytes where the network has a nonce of 12, so it understands only itself. Of
//! answers it reads only what fits a Rust string, so v4 answers are decrypted with its lower layer.

#![cfg(test)]

use libsession::network::key_types::{Ed25519Pubkey, X25519Pubkey, X25519Seckey};
use libsession::network::onionreq::builder::Builder;
use libsession::network::onionreq::hop_encryption::{EncryptType, HopEncryption};
use libsession::network::onionreq::parser::{DEFAULT_MAX_SIZE, OnionReqParser};
use libsession::network::onionreq::response_parser::ResponseParser;
use libsession::network::rpc::{self, RetrieveParams, StoreParams};
use libsession::network::service_node::ServiceNode;
use libsession::network::swarm;
use libsession::network::types::{NetworkDestination, ServerDestination};
use libsession::util::bencode::{self as their_bencode, BtValue};
use proptest::prelude::*;
use serde_json::json;
use starling_protocol::AccountId;
use starling_protocol::bencode::{self, Limits, Value};
use starling_protocol::crypto::{ed25519, random_bytes, x25519};
use starling_protocol::onion::build::{Protocol, Server};
use starling_protocol::onion::frame::Frame;
use starling_protocol::onion::layer::LayerKey;
use starling_protocol::onion::peel::outer;
use starling_protocol::onion::{
    Cipher, Destination, Hop, Inner, ReplyBody, ReplyKey, build, is_relay_target_allowed, peel, v4,
};
use starling_protocol::storage::request::{Authority, Request, parse_envelope};
use starling_protocol::storage::{MessageHash, Namespace};
use starling_protocol::swarm::{SwarmId, mapping};

fn keys(n: u8) -> Vec<ed25519::SecretKey> {
    (1..=n).map(|index| ed25519::SecretKey::from_seed([index; 32])).collect()
}

fn hops(keys: &[ed25519::SecretKey]) -> Vec<Hop> {
    keys.iter().map(|key| Hop::from_ed25519(key.public()).unwrap()).collect()
}

fn their_node(key: &ed25519::SecretKey) -> ServiceNode {
    ServiceNode {
        ed25519_pubkey: Ed25519Pubkey(key.public().0),
        ip: [127, 0, 0, 1],
        https_port: 22021,
        omq_port: 22020,
        storage_server_version: [2, 8, 0],
        swarm_id: 0,
        requested_unlock_height: 0,
    }
}

/// Peels what they built, checking that each hop is sent to the next.
fn peel_all(post_body: &[u8], keys: &[ed25519::SecretKey]) -> Inner {
    let guard = outer(post_body).unwrap();
    let (mut ciphertext, mut ephemeral, mut cipher) = (guard.ciphertext, guard.ephemeral, guard.cipher);
    for (index, key) in keys.iter().enumerate() {
        match peel(&ciphertext, &key.to_x25519(), &ephemeral, cipher).unwrap() {
            Inner::Relay { next, ephemeral: e, cipher: c, ciphertext: inner } => {
                assert_eq!(next, keys[index + 1].public());
                (ciphertext, ephemeral, cipher) = (inner, e, c);
            }
            last => {
                assert_eq!(index + 1, keys.len());
                return last;
            }
        }
    }
    panic!("the last hop was asked to relay")
}

#[test]
fn their_request_to_a_node_is_peeled_and_our_answer_read() {
    let keys = keys(4);
    let nodes: Vec<ServiceNode> = keys.iter().map(their_node).collect();
    let destination = NetworkDestination::ServiceNode(nodes[3].clone());
    let mut builder = Builder::make(&destination, "info", &nodes[..3], EncryptType::XChaCha20).unwrap();
    let post_body = builder.generate_onion_blob(None).unwrap();

    let Inner::Destination { body, json, base64, reply } = peel_all(&post_body, &keys) else {
        panic!("not a destination")
    };

    assert_eq!(parse_envelope(&body), Ok(Request::Info));
    assert!(!json && base64);
    let answer = ReplyBody::Json(json!({"t": 1, "version": [2, 8, 0]}));
    let sealed = reply.seal_node_reply(200, &answer, (json, base64), &mut random_bytes);
    let parser = ResponseParser::from_builder(&builder).unwrap();
    let read = parser.decrypted_response(std::str::from_utf8(&sealed).unwrap()).unwrap();
    assert_eq!(read.status_code, 200);
    assert_eq!(read.body.as_deref(), Some(r#"{"t":1,"version":[2,8,0]}"#));
}

#[test]
fn their_request_to_a_server_is_peeled_and_our_answer_opened() {
    let keys = keys(3);
    let nodes: Vec<ServiceNode> = keys.iter().map(their_node).collect();
    let server = x25519::SecretKey::from_bytes([77; 32]);
    let destination = NetworkDestination::Server(ServerDestination {
        protocol: "http".to_owned(),
        host: "open.example.org".to_owned(),
        x25519_pubkey: X25519Pubkey(server.public().0),
        port: Some(8080),
        headers: Some(vec![("X-SOGS-Nonce".to_owned(), "abc".to_owned())]),
        method: "POST".to_owned(),
    });
    let mut builder = Builder::make(&destination, "/sequence?x=1", &nodes, EncryptType::XChaCha20).unwrap();
    let post_body = builder.generate_onion_blob(Some(b"[1]")).unwrap();

    let Inner::Server { host, target, port, protocol, payload, .. } = peel_all(&post_body, &keys) else {
        panic!("not a server")
    };

    assert_eq!((host.as_str(), port, protocol.as_str()), ("open.example.org", 8080, "http"));
    assert!(is_relay_target_allowed(&target));
    let forwarded = outer(&payload).unwrap();
    let key = LayerKey::for_node(forwarded.cipher, &server, &forwarded.ephemeral).unwrap();
    let request = v4::Request::decode(&key.open(&forwarded.ciphertext).unwrap()).unwrap();
    assert_eq!((request.method.as_str(), request.endpoint.as_str()), ("POST", "/sequence?x=1"));
    assert_eq!(request.headers.get("x-sogs-nonce"), Some("abc"));
    assert_eq!(request.body.as_deref(), Some(&b"[1]"[..]));
    let response = v4::Response { code: 404, headers: v4::Headers::default(), body: None };
    let sealed = key.seal(&response.encode(), &mut random_bytes);
    let opened = ResponseParser::from_builder(&builder).unwrap().decrypt(&sealed).unwrap();
    assert_eq!(v4::Response::decode(&opened), Ok(response));
}

/// Opens the first layer with their parser.
fn their_peel(request: &[u8], key: &x25519::SecretKey) -> OnionReqParser {
    OnionReqParser::new(key.public().as_bytes(), key.as_bytes(), request, DEFAULT_MAX_SIZE).unwrap()
}

#[test]
fn our_request_to_a_node_is_peeled_and_their_answer_opened() {
    let keys = keys(4);
    let mut path = hops(&keys);
    let last = path.pop().unwrap();
    let body = r#"{"method":"info","params":{}}"#;
    let destination = Destination::ServiceNode(last, body.to_owned());
    let built = build(&path, &destination, Cipher::XChaCha20, true, &mut random_bytes).unwrap();

    let mut request = built.post_body.clone();
    for (key, next) in keys.iter().zip(&keys[1..]) {
        let opened = their_peel(&request, &key.to_x25519());
        // A layer is itself framed like the body of the POST, so their parser can go on with it.
        request = opened.payload().to_vec();
        let object = Frame::parse(&request).unwrap().object().unwrap();
        assert_eq!(object["destination"], json!(next.public()));
    }
    let opened = their_peel(&request, &keys[3].to_x25519());

    assert_eq!(Frame::parse(opened.payload()).unwrap().ciphertext, body.as_bytes());
    let answer = opened.encrypt_reply(b"{\"body\":\"x\",\"status\":200}").unwrap();
    assert_eq!(built.reply_key.open(&answer).unwrap(), b"{\"body\":\"x\",\"status\":200}");
}

#[test]
fn our_request_to_a_server_is_peeled_by_their_parser() {
    let (keys, server) = (keys(1), x25519::SecretKey::from_bytes([77; 32]));
    let payload = b"l2:{}e".to_vec();
    let destination = Destination::Server(Server {
        host: "a.example".to_owned(),
        target: "/oxen/v4/lsrpc".to_owned(),
        protocol: Some(Protocol::Http),
        port: Some(80),
        x25519: server.public(),
        payload: payload.clone(),
    });
    let built = build(&hops(&keys), &destination, Cipher::XChaCha20, true, &mut random_bytes).unwrap();

    let forwarded = their_peel(&built.post_body, &keys[0].to_x25519());
    let opened = their_peel(forwarded.payload(), &server);

    assert_eq!(opened.payload(), payload);
    assert_eq!(built.reply_key.open(&opened.encrypt_reply(b"answer").unwrap()).unwrap(), b"answer");
}

#[test]
fn their_store_and_retrieve_are_read_and_verified() {
    let key = ed25519::SecretKey::from_seed([5; 32]);
    let id = AccountId::standard(key.to_x25519().public());
    let (id_text, key_text) = (id.to_string(), key.public().to_string());
    let hash = "FjIJp/zn+2T1rIiq3R8AMq41CCg/5ytJ6hzckGlAKjA";
    for namespace in [0i16, 2, 11, -11, -21] {
        let store = rpc::build_store_params(&StoreParams {
            pubkey: &id_text,
            pubkey_ed25519: Some(&key_text),
            namespace: namespace.into(),
            timestamp_ms: 1_736_942_400_000,
            ttl_ms: 60_000,
            data_base64: "AAEC",
            signing_key: Some(key.seed()),
        });
        let retrieve = rpc::build_retrieve_params(&RetrieveParams {
            pubkey: &id_text,
            pubkey_ed25519: &key_text,
            namespace: namespace.into(),
            timestamp_ms: 1_736_942_400_000,
            last_hash: Some(hash),
            max_size: Some(1_000),
            signing_key: key.seed(),
        });
        let envelope = |method, params| rpc::wrap_rpc_envelope(method, params).to_string();

        let store = parse_envelope(envelope("store", store.unwrap()).as_bytes()).unwrap();
        let retrieve = parse_envelope(envelope("retrieve", retrieve.unwrap()).as_bytes()).unwrap();

        let expected = if namespace == 0 { Authority::NotNeeded } else { Authority::Owner };
        assert_eq!(store.verify(), Ok(expected));
        assert_eq!(retrieve.verify(), Ok(Authority::Owner));
        let (Request::Store(store), Request::Retrieve(retrieve)) = (store, retrieve) else {
            panic!("other methods")
        };
        assert_eq!(
            (store.account, store.namespace, store.data.as_slice()),
            (id, Namespace(namespace), &[0, 1, 2][..])
        );
        assert_eq!(retrieve.last_hash, Some(hash.parse::<MessageHash>().unwrap()));
        assert_eq!((retrieve.namespace, retrieve.max_size), (Namespace(namespace), Some(1_000)));
    }
    let lookup =
        rpc::wrap_rpc_envelope(rpc::METHOD_GET_SWARM, rpc::build_get_swarm_params(&id_text)).to_string();
    assert!(
        matches!(parse_envelope(lookup.as_bytes()), Ok(Request::GetSwarm(request)) if request.account == id)
    );
}

fn theirs(value: &Value) -> BtValue {
    match value {
        Value::Integer(number) => BtValue::Integer(i64::try_from(*number).unwrap()),
        Value::Bytes(bytes) => BtValue::String(bytes.clone()),
        Value::List(values) => BtValue::List(values.iter().map(theirs).collect()),
        Value::Dict(pairs) => {
            BtValue::Dict(pairs.iter().map(|(key, value)| (key.clone(), theirs(value))).collect())
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let leaf = prop_oneof![any::<i64>().prop_map(Value::from), bytes().prop_map(Value::from)];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            proptest::collection::btree_map(bytes(), inner, 0..5).prop_map(Value::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn layers_open_across_implementations(client in any::<[u8; 32]>(), node in any::<[u8; 32]>(), text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (client, node) = (x25519::SecretKey::from_bytes(client), x25519::SecretKey::from_bytes(node));
        let their = |key: &x25519::SecretKey, is_server| {
            HopEncryption::new(X25519Seckey(*key.as_bytes()), X25519Pubkey(key.public().0), is_server)
        };
        let ours = LayerKey::for_client(Cipher::XChaCha20, &client, &node.public()).unwrap();

        let sealed = ours.seal(&text, &mut random_bytes);
        let opened = their(&node, true).decrypt(EncryptType::XChaCha20, &sealed, &X25519Pubkey(client.public().0));
        prop_assert_eq!(opened.unwrap(), text.clone());
        let answer = their(&node, true).encrypt(EncryptType::XChaCha20, &text, &X25519Pubkey(client.public().0));
        prop_assert_eq!(ReplyKey::new(ours).open(&answer.unwrap()).unwrap(), text.clone());
        let request = their(&client, false).encrypt(EncryptType::XChaCha20, &text, &X25519Pubkey(node.public().0));
        let key = LayerKey::for_node(Cipher::XChaCha20, &node, &client.public()).unwrap();
        prop_assert_eq!(key.open(&request.unwrap()), Some(text));
    }

    #[test]
    fn accounts_map_to_the_same_swarm(key in any::<[u8; 32]>(), ids in proptest::collection::btree_set(0..u64::MAX, 0..30)) {
        let id = AccountId::from_bytes_any(&[&[5], key.as_slice()].concat()).unwrap();
        let swarms: Vec<_> = ids.iter().map(|id| (*id, Vec::new())).collect();
        let ours: Vec<SwarmId> = ids.into_iter().map(SwarmId).collect();

        let space = mapping::space(&id);

        prop_assert_eq!(space, swarm::pubkey_to_swarm_space(&X25519Pubkey(key)));
        let expected = swarm::get_swarm(&X25519Pubkey(key), &swarms).map(|(id, _)| SwarmId(id));
        prop_assert_eq!(mapping::nearest(space, &ours), expected);
    }

    #[test]
    fn bencode_is_the_same(value in any_value()) {
        let encoded = value.encode();

        prop_assert_eq!(&encoded, &their_bencode::encode(&theirs(&value)));
        prop_assert_eq!(their_bencode::decode(&encoded).unwrap(), theirs(&value));
        prop_assert_eq!(bencode::decode(&encoded, Limits::REQUEST), Ok(value));
    }
}
