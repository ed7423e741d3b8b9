//! The body of a POST to `/onion_req/v2`: read or refused, and a frame is what it was taken from. What is read is peeled,
//! which opens nothing that was not sealed for the node.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::keys;
use starling_protocol::onion::{frame::Frame, peel};

fuzz_target!(|body: &[u8]| {
    if let Ok(frame) = Frame::parse(body) {
        assert_eq!(frame.encode(), body);
    }
    if let Ok(outer) = peel::outer(body) {
        assert!(outer.ciphertext.len() <= body.len());
        let _ = peel::peel(&outer.ciphertext, &keys::node(), &outer.ephemeral, outer.cipher);
    }
});
