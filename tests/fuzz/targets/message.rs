//! A stored message. The first byte says how deep the bytes go: as they are, as an envelope in a frame, as a sealed box, or
//! as the content of a message that somebody really sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::keys;
use starling_protocol::{
    crypto::x25519,
    envelope,
    message::{Decoded, MAX_LEN, decode},
    session_protocol,
};

const SENT_AT: u64 = 1_754_971_101_123;

fuzz_target!(|data: &[u8]| {
    let Some((depth, bytes)) = data.split_first() else { return };
    let recipient = keys::recipient();
    let stored = match depth % 4 {
        0 => bytes.to_vec(),
        1 => envelope::frame(bytes),
        2 => envelope::wrap(bytes.to_vec(), SENT_AT, &[5; 64]),
        _ => {
            let ephemeral = x25519::SecretKey::from_bytes([11; 32]);
            let sealed = session_protocol::seal(bytes, &keys::sender(), &recipient.id(), &ephemeral)
                .expect("the recipient has a key");
            envelope::wrap(sealed, SENT_AT, &[5; 64])
        }
    };
    match decode(&stored, &recipient) {
        Decoded::Message(message) => {
            assert_eq!(depth % 4 == 3, message.sender == keys::sender().id());
            let _ = (message.conversation(), message.body(), message.expiration(), message.profile());
        }
        Decoded::Unsupported { raw, .. } => assert_eq!(raw, stored),
        Decoded::Ignored(_) => {}
        _ => {}
    }
    assert!(stored.len() <= MAX_LEN || matches!(decode(&stored, &recipient), Decoded::Ignored(_)));
});
