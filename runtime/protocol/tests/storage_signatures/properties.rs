//! Properties of requests, tokens and signatures, and arbitrary input.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use starling_protocol::AccountId;
use starling_protocol::account::Prefix;
use starling_protocol::bencode::Value as Bt;
use starling_protocol::crypto::ed25519;
use starling_protocol::storage::monitor::{self, Notification};
use starling_protocol::storage::request::{
    Authority, Credentials, METHODS, Refused, parse_envelope, parse_params, parse_rpc,
};
use starling_protocol::storage::response::{Retrieved, StoreEntry, SwarmReply};
use starling_protocol::storage::subaccount::{Access, MemberAuth, SignedToken, Token};
use starling_protocol::storage::{Namespace, signed_text};

use super::text;
use super::vector_file::load;

/// A signed request that passes, with its signature over the given namespace's text.
fn signed_store(key: &ed25519::SecretKey, data: &[u8]) -> Map<String, Json> {
    let id = AccountId::standard(key.to_x25519().public());
    let signature = key.sign(&signed_text::store(Namespace(2), 1_736_942_400_000));
    let params = json!({
        "pubkey": id, "namespace": 2, "timestamp": 1_736_942_400_000i64, "ttl": 60_000,
        "data": STANDARD.encode(data), "signature": STANDARD.encode(signature),
        "pubkey_ed25519": key.public(),
    });
    params.as_object().unwrap().clone()
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (0i64..2_000_000_000_000).prop_map(Json::from),
        "[A-Za-z0-9+/=]{0,90}".prop_map(Json::from),
        "[0-9a-f]{64,72}".prop_map(Json::from),
        Just(json!("all")),
        Just(json!("info")),
        Just(json!("store")),
    ];
    leaf.prop_recursive(3, 30, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::hash_map(any_field(), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn any_field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "pubkey",
        "pubKey",
        "pubkey_ed25519",
        "signature",
        "subaccount",
        "subaccount_sig",
        "namespace",
        "timestamp",
        "expiry",
        "ttl",
        "before",
        "sig_timestamp",
        "data",
        "messages",
        "required",
        "shorten",
        "extend",
        "last_hash",
        "max_count",
        "max_size",
        "revoke",
        "unrevoke",
        "endpoint",
        "params",
        "requests",
        "method",
        "if",
        "then",
        "else",
        "hf_at_least",
        "v_before",
        "height_before",
    ])
}

fn any_method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(METHODS.to_vec())
}

fn to_bt(value: &Json) -> Bt {
    match value {
        Json::Null => Bt::from(""),
        Json::Bool(flag) => Bt::from(*flag),
        Json::Number(number) => Bt::from(number.as_i64().unwrap_or(0)),
        Json::String(text) => Bt::from(text.as_str()),
        Json::Array(values) => Bt::List(values.iter().map(to_bt).collect()),
        Json::Object(map) => {
            Bt::Dict(map.iter().map(|(name, value)| (name.clone().into_bytes(), to_bt(value))).collect())
        }
    }
}

proptest! {
    #[test]
    fn flipping_any_byte_of_a_signed_store_is_refused_or_does_not_touch_what_was_signed(
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        name in prop::sample::select(vec!["signature", "pubkey_ed25519", "pubkey"]),
    ) {
        let key = ed25519::SecretKey::from_seed([3; 32]);
        let mut params = signed_store(&key, b"body");
        let original = text(&params[name]).to_owned();
        let altered = if name == "signature" {
            let mut bytes = STANDARD.decode(&original).unwrap();
            *at.get_mut(&mut bytes) ^= flip;
            STANDARD.encode(bytes)
        } else {
            let mut bytes = hex::decode(&original).unwrap();
            *at.get_mut(&mut bytes) ^= flip;
            hex::encode(bytes)
        };
        params.insert(name.to_owned(), Json::from(altered));

        let outcome = parse_rpc("store", &Json::Object(params));

        prop_assert!(outcome.map_or(true, |request| request.verify().is_err()));
    }

    #[test]
    fn a_signature_is_for_one_namespace_and_time(namespace in any::<i16>(), offset in -5i64..5) {
        let key = ed25519::SecretKey::from_seed([3; 32]);
        let mut params = signed_store(&key, b"body");
        params.insert("namespace".to_owned(), Json::from(namespace));
        params.insert("timestamp".to_owned(), Json::from(1_736_942_400_000i64 + offset));

        let request = parse_rpc("store", &Json::Object(params)).unwrap();

        let is_original = namespace == 2 && offset == 0;
        let expected = if namespace % 10 == 0 {
            Ok(Authority::NotNeeded)
        } else if is_original {
            Ok(Authority::Owner)
        } else {
            Err(Refused::Signature)
        };
        prop_assert_eq!(request.verify(), expected);
    }

    #[test]
    fn what_is_read_is_written_and_read_again(method in any_method(), params in any_json()) {
        if let Ok(request) = parse_rpc(method, &params) {
            prop_assert_eq!(parse_rpc(request.method(), &request.to_json()), Ok(request.clone()));
            prop_assert_eq!(parse_params(request.method(), &request.to_bencode()).map(|(request, _)| request), Ok(request.clone()));
            let _ = request.verify();
        }
    }

    #[test]
    fn a_known_request_with_strange_fields_is_read_and_written_alike(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any_field(), any_json()), 0..3),
    ) {
        let mut requests = load("storage_signatures").entries("requests");
        let mut request = which.get_mut(&mut requests).field("request");
        for (name, value) in changes {
            request["params"][name] = value;
        }
        let method = text(&request["method"]);

        if let Ok(read) = parse_rpc(method, &request["params"]) {
            prop_assert_eq!(parse_rpc(method, &read.to_json()), Ok(read.clone()));
            prop_assert_eq!(parse_params(method, &read.to_bencode()).map(|(request, _)| request), Ok(read.clone()));
            if let Some(replica) = read.to_replicated() {
                let (replica, _) = parse_params(method, &replica).unwrap();
                prop_assert_eq!(replica.verify(), read.verify());
            }
        }
    }

    #[test]
    fn arbitrary_parameters_never_panic(method in any_method(), params in any_json(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_rpc(method, &params);
        let _ = parse_params(method, &to_bt(&params).encode());
        let _ = parse_params(method, &body);
        let _ = parse_envelope(&body);
        let _ = parse_envelope(params.to_string().as_bytes());
        let _ = monitor::parse(&body);
        let _ = monitor::parse(&to_bt(&params).encode());
        let _ = Notification::decode(&body);
        let _ = StoreEntry::from_json(&params);
        let _ = SwarmReply::from_json(&params);
        let _ = Retrieved::from_json(&params);
        let _ = StoreEntry::from_bencode(&body);
        let _ = Token::parse(&body);
        let _ = MemberAuth::decode(&body);
    }

    #[test]
    fn a_members_token_works_for_its_group_only(seeds in any::<[[u8; 32]; 3]>(), message in proptest::collection::vec(any::<u8>(), 0..50)) {
        let [group, member, other] = seeds.map(ed25519::SecretKey::from_seed);
        prop_assume!(group.public() != other.public());
        let id = AccountId::standard(member.to_x25519().public());
        let auth = MemberAuth::grant(&group, &id, &member.public(), Access::READ.and(Access::WRITE)).unwrap();
        let delegated: SignedToken = auth.signed_token(&member.public()).unwrap();
        let credentials = Credentials::delegated(auth.sign(&member, &message).unwrap(), delegated);
        let of = |key: &ed25519::SecretKey| AccountId::new(Prefix::Group, *key.public().as_bytes());

        prop_assert!(credentials.verify(&of(&group), Some(Access::WRITE), &message).is_ok());
        prop_assert_eq!(credentials.verify(&of(&group), Some(Access::DELETE), &message), Err(Refused::TokenAccess));
        prop_assert_eq!(credentials.verify(&of(&other), Some(Access::WRITE), &message), Err(Refused::TokenSignature));
    }
}
