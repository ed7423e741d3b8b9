//! What a node passes to the next hop: read or refused, and what is read is written so that it reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::onion::{Forward, HopNumber};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(forward) = Forward::decode(bytes) {
        assert!((1..=HopNumber::MAX.get()).contains(&forward.hop_no.get()));
        assert_eq!(Forward::decode(&forward.encode()), Ok(forward));
    }
});
