//! Signed storage requests, answers and subscriptions against known bytes and signatures, both ways.

#![cfg(test)]

#[path = "storage_signatures/properties.rs"]
mod properties;
#[path = "storage_signatures/subaccounts.rs"]
mod subaccounts;
#[path = "storage_signatures/subscriptions.rs"]
mod subscriptions;
#[path = "vectors/file.rs"]
mod vector_file;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use starling_protocol::AccountId;
use starling_protocol::account::Prefix;
use starling_protocol::bencode::{Limits, Value as Bt, decode};
use starling_protocol::crypto::ed25519;
use starling_protocol::storage::request::{
    Authority, Credentials, Encoding, Refused, Request, RequestError, parse_envelope, parse_params, parse_rpc,
};
use starling_protocol::storage::response::{Page, RetrieveLimits, StoreEntry};
use starling_protocol::storage::signed_text::{self, reply};
use starling_protocol::storage::subaccount::Token;
use starling_protocol::storage::{MessageHash, Namespace};
use vector_file::{Entry, load};

fn text(field: &Json) -> &str {
    field.as_str().expect("text")
}

fn hex_of(field: &Json) -> Vec<u8> {
    hex::decode(text(field)).expect("hex digits")
}

fn seed(field: &Json) -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed(hex_of(field).try_into().expect("a seed has 32 bytes"))
}

fn base64(field: &Json) -> Vec<u8> {
    STANDARD.decode(text(field)).expect("padded base64")
}

fn signature(field: &Json) -> ed25519::Signature {
    ed25519::Signature::from_slice(&base64(field)).expect("a signature has 64 bytes")
}

fn account(field: &Json) -> AccountId {
    AccountId::parse_any(text(field)).expect("an account id")
}

fn hashes(field: &Json) -> Vec<MessageHash> {
    serde_json::from_value(field.clone()).expect("a list of hashes")
}

/// The signed text of an entry: in the clear, or in hex where it holds raw tokens.
fn signed_bytes(entry: &mut Entry) -> Vec<u8> {
    match entry.maybe("message") {
        Some(message) => text(&message).as_bytes().to_vec(),
        None => hex_of(&entry.field("message_hex")),
    }
}

/// The keys of the file.
struct Keys {
    user: ed25519::SecretKey,
    group: ed25519::SecretKey,
    node: ed25519::SecretKey,
}

fn keys(file: &mut Entry) -> Keys {
    let mut keys = Entry::new(file.field("keys"));
    let mut take = |name: &str| {
        let mut entry = Entry::new(keys.field(name));
        let key = seed(&entry.field("seed"));
        if let Some(public) = entry.maybe("ed25519") {
            assert_eq!(key.public().to_string(), text(&public));
        }
        if let Some(id) = entry.maybe("account").map(|id| account(&id)) {
            let expected = match id.prefix() {
                Prefix::Standard => AccountId::standard(key.to_x25519().public()),
                prefix => AccountId::new(prefix, *key.public().as_bytes()),
            };
            assert_eq!(id, expected);
        }
        entry.finish();
        key
    };
    let taken = Keys { user: take("user"), group: take("group"), node: take("node") };
    keys.finish();
    taken
}

/// Parses the JSON form, alone and in its envelope.
fn parse(request: &Json) -> Result<Request, RequestError> {
    let parsed = parse_rpc(text(&request["method"]), &request["params"]);
    assert_eq!(parse_envelope(request.to_string().as_bytes()), parsed);
    parsed
}

fn verified(request: &Request, expected_text: &[u8]) -> Result<Authority, Refused> {
    let signed = request.as_signed().expect("a signed method");
    assert_eq!(signed.signed_text().as_deref(), Some(expected_text));
    request.verify()
}

/// A public inbox takes anything, and does not even look at a signature.
fn expected_authority(request: &Request) -> Authority {
    match request {
        Request::Store(store) if !store.namespace.store_needs_auth() => Authority::NotNeeded,
        _ => Authority::Owner,
    }
}

/// The signature holds by itself, and no longer when one of its bytes is another.
fn assert_signature_counts(request: &Request, message: &[u8]) {
    let signed = request.as_signed().unwrap();
    let credentials = signed.credentials().unwrap();
    let verify = |credentials: Credentials| credentials.verify(signed.account(), None, message);
    assert_eq!(verify(*credentials), Ok(Authority::Owner));
    for index in 0..64 {
        let mut altered = *credentials;
        altered.signature.0[index] ^= 1;
        assert_eq!(verify(altered), Err(Refused::Signature));
    }
}

#[test]
fn requests_are_read_written_and_verified() {
    let mut file = load("storage_signatures");
    let keys = keys(&mut file);
    for mut entry in file.entries("requests") {
        let key = match text(&entry.field("signer")) {
            "user" => &keys.user,
            "group" => &keys.group,
            other => panic!("unknown signer {other}"),
        };
        let (sent, bencoded) = (entry.field("request"), hex_of(&entry.field("request_bt_hex")));
        let message = signed_bytes(&mut entry);

        let request = parse(&sent).unwrap();

        assert_eq!(verified(&request, &message), Ok(expected_authority(&request)));
        assert_eq!(key.sign(&message), signature(&entry.field("signature")));
        assert_signature_counts(&request, &message);
        assert_eq!(request.to_rpc_json(), sent);
        assert_eq!(parse_params(request.method(), &bencoded), Ok((request.clone(), Encoding::Bencode)));
        assert_eq!(request.to_bencode(), bencoded);
        let as_json = request.to_json().to_string();
        assert_eq!(parse_params(request.method(), as_json.as_bytes()), Ok((request.clone(), Encoding::Json)));
        assert_credentials_can_be_made(&request, key, &message);
        assert_replicas_mean_the_same(&request);
        entry.finish();
    }
}

fn assert_credentials_can_be_made(request: &Request, key: &ed25519::SecretKey, message: &[u8]) {
    let signed = request.as_signed().unwrap();
    assert_eq!(signed.credentials(), Some(&Credentials::sign(signed.account(), key, message)));
}

/// What goes to the other members is read by the same parser, verifies the same, and never holds what only the entry
/// node needs.
fn assert_replicas_mean_the_same(request: &Request) {
    let Some(replica) = request.to_replicated() else {
        assert!(!request.is_recursive());
        return;
    };
    let (read, _) = parse_params(request.method(), &replica).unwrap();
    assert_eq!(read.verify(), request.verify());
    assert_eq!(read.as_signed().unwrap().signed_text(), request.as_signed().unwrap().signed_text());
    let Ok(Bt::Dict(pairs)) = decode(&replica, Limits::REQUEST) else { panic!("a dict") };
    assert!(!pairs.contains_key(b"ttl".as_slice()) && !pairs.contains_key(b"required".as_slice()));
    let must_have: &[&str] = match request {
        Request::Store(_) => &["data", "expiry", "sig_timestamp", "timestamp"],
        Request::DeleteAll(_) | Request::DeleteBefore(_) | Request::ExpireAll(_) => &["namespace"],
        Request::RevokeSubaccount(_) => &["revoke", "timestamp"],
        Request::UnrevokeSubaccount(_) => &["timestamp", "unrevoke"],
        _ => &["messages"],
    };
    for name in must_have {
        assert!(pairs.contains_key(name.as_bytes()), "{name}");
    }
    for name in ["revoke", "unrevoke"] {
        assert!(pairs.get(name.as_bytes()).is_none_or(|tokens| tokens.as_list().is_some()));
    }
}

/// Splits 43-character hashes off a text.
fn split_hashes(text: &str) -> Vec<MessageHash> {
    assert_eq!(text.len() % 43, 0, "only hashes: {text}");
    text.as_bytes().chunks(43).map(|hash| MessageHash::from_bytes(hash).unwrap()).collect()
}

/// The hashes that a per-node entry tells under a name: a list, or lists by namespace.
fn told(field: Json) -> Vec<MessageHash> {
    match field {
        Json::Object(by_namespace) => by_namespace.values().flat_map(hashes).collect(),
        list => hashes(&list),
    }
}

/// Rebuilds a node's text from what its entry says and the rest of the text, which names what was requested.
fn rebuild(name: &str, entry: &mut Entry, message: &str) -> Vec<u8> {
    if name.starts_with("store") {
        let _ = entry.maybe("already");
        return reply::store(&text(&entry.field("hash")).parse().unwrap());
    }
    let (id, rest) = message.split_at(66);
    let id = AccountId::parse_any(id).unwrap();
    // Milliseconds of this age have 13 digits.
    let time = || rest[..13].parse::<i64>().unwrap();
    if name.starts_with("delete_all") || name.starts_with("delete_before") {
        let deleted = told(entry.field("deleted"));
        let build = if name.starts_with("delete_before") { reply::delete_before } else { reply::delete_all };
        return build(&id, time(), &deleted);
    }
    if name.starts_with("delete") {
        let deleted = told(entry.field("deleted"));
        let all = split_hashes(rest);
        return reply::delete(&id, &all[..all.len() - deleted.len()], &deleted);
    }
    let updated = told(entry.field("updated"));
    if name.starts_with("expire_all") {
        return reply::expire_all(&id, time(), &updated);
    }
    assert!(name.starts_with("expire"), "unknown answer {name}");
    let expiries = match entry.field("expiry") {
        Json::Array(expiries) => expiries,
        single => vec![single],
    };
    let expiries: Vec<i64> = expiries.iter().map(|expiry| expiry.as_i64().unwrap()).collect();
    let unchanged: BTreeMap<MessageHash, i64> =
        entry.maybe("unchanged").map_or_else(BTreeMap::new, |map| serde_json::from_value(map).unwrap());
    let end = rest.len() - unchanged.len() * 56;
    let all = split_hashes(&rest[expiries.len() * 13..end]);
    reply::expire(&id, &expiries, &all[..all.len() - updated.len()], &updated, &unchanged)
}

#[test]
fn node_answers_are_signed_over_the_known_texts() {
    let mut file = load("storage_signatures");
    let node = keys(&mut file).node;
    for mut vector in file.entries("node_responses") {
        assert_eq!(text(&vector.field("node_ed25519")), node.public().to_string());
        let name = vector.field("name");
        let mut entry = Entry::new(vector.field("entry"));
        let signature = signature(&entry.field("signature"));
        let message = signed_bytes(&mut vector);

        let built = match text(&name) {
            name if name.starts_with("revoke") || name.starts_with("unrevoke") => {
                if name.starts_with("unrevoke") {
                    let count = entry.field("count").as_u64().unwrap();
                    assert_eq!(u64::try_from((message.len() - 79) / Token::LEN).unwrap(), count);
                }
                let (start, tokens) = message.split_at(66 + 13);
                let start = std::str::from_utf8(start).unwrap();
                let tokens: Vec<Token> = tokens
                    .chunks(Token::LEN)
                    .map(|token| Token::from_bytes(token.try_into().unwrap()))
                    .collect();
                reply::revocation(
                    &AccountId::parse_any(&start[..66]).unwrap(),
                    start[66..].parse().unwrap(),
                    &tokens,
                )
            }
            other => rebuild(other, &mut entry, std::str::from_utf8(&message).unwrap()),
        };

        assert_eq!(String::from_utf8_lossy(&built), String::from_utf8_lossy(&message), "{name}");
        assert!(node.public().verify(&built, &signature));
        assert_eq!(node.sign(&built), signature);
        if text(&name).starts_with("store") {
            let expiry = entry.field("expiry").as_i64().unwrap();
            let hash = MessageHash::from_bytes(&message).unwrap();
            let made = StoreEntry::sign(&node, hash, expiry, false);
            assert_eq!(made.signature, signature);
            assert!(made.is_signed_by(&node.public()));
        }
        entry.finish();
        vector.finish();
    }
}

#[test]
fn clients_sign_the_known_texts() {
    for mut entry in load("storage_signatures").entries("client_unit_tests") {
        let key = seed(&entry.field("seed"));
        let id = account(&entry.field("pubkey"));
        let message = signed_bytes(&mut entry);
        let message_text = std::str::from_utf8(&message).unwrap();
        let (method, digits) =
            message_text.split_at(message_text.find(|c: char| c.is_ascii_digit()).unwrap());
        let build = match method {
            "retrieve" => signed_text::retrieve,
            "store" => signed_text::store,
            other => panic!("unknown method {other}"),
        };
        // Nothing separates namespace and time, so several pairs have this very text.
        let namespace_of = |split: usize| digits[..split].parse().map_or(Namespace::DEFAULT, Namespace);

        for split in 0..2 {
            assert_eq!(build(namespace_of(split), digits[split..].parse().unwrap()), message);
        }
        assert_eq!(key.sign(&message), signature(&entry.field("signature")));
        assert!(ed25519::PublicKey(*id.key()).verify(&message, &key.sign(&message)));
        entry.finish();
    }
}

#[test]
fn what_must_not_pass_does_not() {
    for mut entry in load("storage_signatures").entries("negative") {
        let outcome = parse(&entry.field("request"));
        match (text(&entry.field("expected")), outcome) {
            ("401", Ok(request)) => {
                let refused = request.verify().unwrap_err();
                let text = request.refusal_text(refused);
                assert!(text.contains("signature"), "{text}");
            }
            ("400", Err(error)) => assert!(error.to_string().starts_with("invalid request: "), "{error}"),
            (expected, outcome) => panic!("expected {expected}, found {outcome:?}"),
        }
        entry.finish();
    }
}

#[test]
fn retrieves_return_as_much_as_the_reference() {
    for mut entry in load("storage_signatures").entries("retrieve_limits") {
        let mut stored = Entry::new(entry.field("stored"));
        let count = stored.field("count").as_u64().unwrap();
        let size = usize::try_from(stored.field("size").as_u64().unwrap()).unwrap();
        stored.finish();
        let limits = RetrieveLimits::new(entry.field("max_count").as_i64(), entry.field("max_size").as_i64());
        let mut page = Page::new(limits);

        let _ = (0..count).take_while(|_| page.try_add(size)).count();

        assert_eq!(Json::from(page.count()), entry.field("returned"));
        assert_eq!(Json::from(page.more()), entry.field("more"));
        entry.finish();
    }
}

#[test]
fn namespaces_have_their_classes() {
    for mut entry in load("storage_signatures").entries("namespaces") {
        let namespace = Namespace(entry.field("namespace").as_i64().unwrap().try_into().unwrap());

        assert_eq!(Json::from(namespace.is_public_inbox()), entry.field("public_inbox"), "{namespace}");
        assert_eq!(Json::from(namespace.is_public_outbox()), entry.field("public_outbox"), "{namespace}");
        assert_eq!(Json::from(namespace.is_unrevocable()), entry.field("unrevocable"), "{namespace}");
        assert_eq!(Json::from(namespace.store_needs_auth()), entry.field("store_needs_auth"), "{namespace}");
        assert_eq!(
            Json::from(namespace.retrieve_needs_auth()),
            entry.field("retrieve_needs_auth"),
            "{namespace}"
        );
        assert_eq!(Json::from(namespace.max_ttl() / 86_400_000), entry.field("max_ttl_days"), "{namespace}");
        entry.finish();
    }
}

#[test]
fn every_section_of_the_file_is_looked_at() {
    let mut file = load("storage_signatures");
    for section in [
        "keys",
        "requests",
        "subaccounts",
        "blinded_member_subaccounts",
        "node_responses",
        "monitor",
        "client_unit_tests",
        "negative",
        "retrieve_limits",
        "namespaces",
    ] {
        file.field(section);
    }
    file.finish();
}
