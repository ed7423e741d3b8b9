//! What nodes answer to clients and to each other: read or refused, and written so that it reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use starling_protocol::storage::response::{ReplyValue, Retrieved, StoreEntry, SwarmReply};

fn object(fields: Vec<(String, ReplyValue)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name, value.to_json())).collect::<Map<_, _>>())
}

fuzz_target!(|body: &[u8]| {
    if let Ok(entry) = StoreEntry::from_bencode(body) {
        assert_eq!(StoreEntry::from_bencode(&entry.to_reply().to_bencode().encode()), Ok(entry));
        assert_eq!(StoreEntry::from_json(&entry.to_reply().to_json()), Ok(entry));
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return };
    if let Ok(entry) = StoreEntry::from_json(&answer) {
        assert_eq!(StoreEntry::from_json(&entry.to_reply().to_json()), Ok(entry));
    }
    if let Ok(retrieved) = Retrieved::from_json(&answer) {
        assert_eq!(Retrieved::from_json(&object(retrieved.to_fields())), Ok(retrieved));
    }
    if let Ok(swarm) = SwarmReply::from_json(&answer) {
        assert_eq!(SwarmReply::from_json(&object(swarm.to_fields())), Ok(swarm));
    }
});
