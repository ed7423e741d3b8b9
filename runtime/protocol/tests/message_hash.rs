//! Message hashes against known answers.

#![cfg(test)]

#[path = "vectors/file.rs"]
mod vector_file;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value as Json;
use starling_protocol::AccountId;
use starling_protocol::storage::{MessageHash, Namespace, message_hash};
use vector_file::{Entry, load};

/// The body: in base64, or one byte over and over.
fn data(entry: &mut Entry) -> Vec<u8> {
    if let Some(text) = entry.maybe("data_b64") {
        return STANDARD.decode(text.as_str().unwrap()).unwrap();
    }
    let mut repeat = Entry::new(entry.field("data_repeat"));
    let byte = u8::from_str_radix(repeat.field("byte_hex").as_str().unwrap(), 16).unwrap();
    let count = repeat.field("count").as_u64().unwrap().try_into().unwrap();
    repeat.finish();
    vec![byte; count]
}

#[test]
fn bodies_have_the_known_hashes() {
    for mut entry in load("message_hash").entries("vectors") {
        let account = AccountId::parse_any(entry.field("pubkey").as_str().unwrap()).unwrap();
        let namespace = Namespace(entry.field("namespace").as_i64().unwrap().try_into().unwrap());

        let hash = message_hash(&account, namespace, &data(&mut entry));

        assert_eq!(Json::from(hash.as_str()), entry.field("hash"));
        entry.finish();
    }
}

#[test]
fn only_43_characters_of_base64_are_a_hash() {
    for mut entry in load("message_hash").entries("hash_format") {
        let value = entry.field("value");
        let text = value.as_str().unwrap();

        let parsed = text.parse::<MessageHash>();

        assert_eq!(parsed.is_ok(), entry.field("valid").as_bool().unwrap(), "{text}");
        if let Ok(hash) = parsed {
            assert_eq!(hash.to_string(), text);
            assert_eq!(serde_json::from_value::<MessageHash>(value.clone()).unwrap(), hash);
            assert_eq!(serde_json::to_value(hash).unwrap(), value);
        }
        entry.finish();
    }
}

proptest! {
    #[test]
    fn any_changed_byte_changes_the_hash(
        key in any::<[u8; 33]>(),
        namespace in any::<i16>(),
        mut data in proptest::collection::vec(any::<u8>(), 1..200),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let account = AccountId::from_bytes_any(&key).unwrap();
        let hash = message_hash(&account, Namespace(namespace), &data);
        prop_assert_eq!(MessageHash::from_bytes(hash.as_bytes()), Ok(hash));

        *at.get_mut(&mut data) ^= flip;

        prop_assert_ne!(message_hash(&account, Namespace(namespace), &data), hash);
    }

    #[test]
    fn arbitrary_bytes_are_no_hash_or_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(hash) = MessageHash::from_bytes(&bytes) {
            prop_assert_eq!(hash.as_bytes().as_slice(), bytes);
        }
    }
}

#[test]
fn every_section_of_the_file_is_looked_at() {
    let mut file = load("message_hash");
    for section in ["vectors", "hash_format"] {
        file.field(section);
    }
    file.finish();
}
