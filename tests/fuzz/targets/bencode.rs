//! Bencode of any kind: a value is written canonically, the strict reader never reads what the tolerant one reads
//! otherwise, and limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::bencode::{Limits, Value, decode, decode_ascending, decode_prefix};

fn items(value: &Value) -> usize {
    match value {
        Value::Integer(_) | Value::Bytes(_) => 1,
        Value::List(values) => 1 + values.iter().map(items).sum::<usize>(),
        Value::Dict(pairs) => 1 + pairs.values().map(|value| 1 + items(value)).sum::<usize>(),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Integer(_) | Value::Bytes(_) => 0,
        Value::List(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Dict(pairs) => 1 + pairs.values().map(depth).max().unwrap_or(0),
    }
}

fuzz_target!(|bytes: &[u8]| {
    for limits in [Limits::REQUEST, Limits::TRANSFER, Limits::FLAT] {
        let Ok((value, used)) = decode_prefix(bytes, limits) else {
            assert!(decode_ascending(bytes, limits).is_err());
            continue;
        };
        assert!(
            used <= bytes.len() && items(&value) <= limits.max_items && depth(&value) <= limits.max_depth
        );
        assert_eq!(decode(&bytes[..used], limits).as_ref(), Ok(&value), "what follows does not matter");
        let written = value.encode();
        assert_eq!(decode_ascending(&written, limits).as_ref(), Ok(&value), "written canonically");
        if let Ok(strict) = decode_ascending(bytes, limits) {
            assert_eq!(strict, value);
        }
    }
});
