//! The inside of a message: read or refused, what is read is written so that it reads alike, and telling its kind ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::{
    content::{Expiration, Kind, decode, encode},
    padding::{pad, unpad},
};

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(unpad(&pad(bytes)), bytes);
    let Ok(content) = decode(unpad(bytes)) else { return };
    let _ = Kind::of(&content);
    let _ = Expiration::of(&content);
    let again = decode(&encode(&content)).expect("what was read can be written");
    assert!(encode(&again) == encode(&content));
});
