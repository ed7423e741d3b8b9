//! Bencode against known encodings, and against arbitrary input.

#![cfg(test)]

#[path = "vectors/file.rs"]
mod vector_file;

use proptest::prelude::*;
use serde_json::Value as Json;
use starling_protocol::bencode::{Dict, Limits, Value, decode, decode_ascending, decode_prefix, encode_dict};
use vector_file::load;

/// Reads the notation of the vector file: a number, `{"i"}`, `{"s"}`, `{"x"}`, `{"l"}` or `{"d"}`.
fn value(notation: &Json) -> Value {
    if let Some(number) = notation.as_i64() {
        return Value::from(number);
    }
    let (kind, inner) = notation.as_object().and_then(|object| object.iter().next()).expect("a tagged value");
    match kind.as_str() {
        "i" => Value::Integer(inner.as_str().unwrap().parse().unwrap()),
        "s" => Value::from(inner.as_str().unwrap()),
        "x" => Value::Bytes(hex::decode(inner.as_str().unwrap()).unwrap()),
        "l" => Value::List(inner.as_array().unwrap().iter().map(value).collect()),
        "d" => {
            let pairs = inner.as_array().unwrap().iter().map(|pair| {
                let Value::Bytes(key) = value(&pair[0]) else { panic!("a key is a string") };
                (key, value(&pair[1]))
            });
            Value::Dict(pairs.collect())
        }
        other => panic!("unknown notation {other}"),
    }
}

fn bytes(field: &Json) -> Vec<u8> {
    hex::decode(field.as_str().expect("hex text")).expect("hex digits")
}

/// The hex of an entry, checked against its text form where it has one.
fn encoded(entry: &mut vector_file::Entry) -> Vec<u8> {
    let encoded = bytes(&entry.field("hex"));
    if let Some(text) = entry.field("text").as_str() {
        assert_eq!(text.as_bytes(), encoded);
    }
    encoded
}

#[test]
fn known_values_encode_and_decode() {
    let mut file = load("bt_encoding");
    let both = file.entries("encode").into_iter().chain(file.entries("upstream"));
    for mut entry in both {
        let (expected, value) = (encoded(&mut entry), value(&entry.field("value")));

        assert_eq!(value.encode(), expected);
        assert_eq!(decode(&expected, Limits::REQUEST), Ok(value.clone()));
        assert_eq!(decode_ascending(&expected, Limits::REQUEST), Ok(value.clone()));
        assert_eq!(decode_prefix(&expected, Limits::REQUEST), Ok((value, expected.len())));
        entry.finish();
    }
}

#[test]
fn a_set_is_a_sorted_list() {
    for mut entry in load("bt_encoding").entries("sets") {
        let Value::List(mut elements) = value(&entry.field("elements_unordered")) else {
            panic!("a set is a list")
        };

        elements.sort();

        assert_eq!(Value::List(elements).encode(), encoded(&mut entry));
        entry.finish();
    }
}

#[test]
fn sloppy_forms_are_read_and_written_canonically() {
    let mut section = vector_file::Entry::new(load("bt_encoding").field("tolerated_when_reading"));
    for mut entry in section.entries("cases") {
        let decoded = decode(&encoded(&mut entry), Limits::REQUEST).unwrap();

        assert_eq!(decoded, value(&entry.field("value")));
        assert_eq!(decoded.encode(), bytes(&entry.field("canonical_hex")));
        entry.finish();
    }
    section.finish();
}

#[test]
fn unsorted_keys_are_for_the_generic_reader_only() {
    let mut section = vector_file::Entry::new(load("bt_encoding").field("unsorted_when_reading"));
    for mut entry in section.entries("cases") {
        let sent = encoded(&mut entry);

        let generic = decode(&sent, Limits::REQUEST).unwrap();

        assert_eq!(
            Json::from(String::from_utf8(generic.encode()).unwrap()),
            entry.field("value_as_read_by_reference_generic_reader")
        );
        assert_eq!(entry.field("config_reader"), "rejects");
        assert!(decode_ascending(&sent, Limits::REQUEST).is_err());
        entry.finish();
    }
    section.finish();
}

#[test]
fn malformed_input_is_refused() {
    for mut entry in load("bt_encoding").entries("invalid") {
        assert!(decode(&encoded(&mut entry), Limits::REQUEST).is_err());
        entry.finish();
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 0..6), inner, 0..6)
                .prop_map(Value::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(value in any_value()) {
        let encoded = value.encode();

        prop_assert_eq!(decode(&encoded, Limits::REQUEST), Ok(value.clone()));
        prop_assert_eq!(decode_ascending(&encoded, Limits::REQUEST), Ok(value));
        prop_assert!(decode(&encoded[..encoded.len() - 1], Limits::REQUEST).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, Limits::FLAT);
        let _ = decode_ascending(&bytes, Limits::FLAT);
    }

    #[test]
    fn bytes_that_look_like_bencode_never_panic(text in "[ilde0-9:-]{0,80}") {
        if let Ok((value, used)) = decode_prefix(text.as_bytes(), Limits::REQUEST) {
            prop_assert!(used <= text.len());
            prop_assert_eq!(decode(&value.encode(), Limits::REQUEST), Ok(value));
        }
    }
}

#[test]
fn a_deep_nest_costs_an_error_and_not_the_stack() {
    let mut nest = vec![b'l'; 1 << 20];
    nest.extend(vec![b'e'; 1 << 20]);

    assert!(decode(&nest, Limits::REQUEST).is_err());
}

#[test]
fn a_dict_alone_is_encoded_like_a_dict_value() {
    let pairs = Dict::from([(b"a".to_vec(), Value::from(1u8))]);

    assert_eq!(encode_dict(&pairs), Value::Dict(pairs).encode());
}

#[test]
fn every_section_of_the_file_is_looked_at() {
    let mut file = load("bt_encoding");
    for section in [
        "description",
        "value_notation",
        "encode",
        "sets",
        "upstream",
        "tolerated_when_reading",
        "unsorted_when_reading",
        "invalid",
    ] {
        file.field(section);
    }
    file.finish();
}
