//! Batches of messages between members of a swarm: read or refused, and what is read is written so that it reads alike,
//! however it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::storage::transfer::{decode, encode, encode_batches};

fuzz_target!(|payload: &[u8]| {
    let Ok(messages) = decode(payload) else { return };
    assert_eq!(decode(&encode(&messages, true)).as_ref(), Ok(&messages));
    let batches = encode_batches(&messages, true, 256);
    let read = batches.iter().flat_map(|batch| decode(batch).expect("a batch reads"));
    assert!(read.eq(messages));
});
