//! What a client gets back through its path: a node's answer reads back as written, and a sealed one opens to what was
//! sealed, raw, in base64 or wrapped.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::keys;
use starling_protocol::onion::{ReplyKey, ReplySeal, encode_node_reply, parse_node_reply};

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let cipher = keys::cipher(*choice);
    let (seal, key) = (ReplySeal::new(keys::layer(cipher)), ReplyKey::new(keys::layer(cipher)));

    let _ = key.open(body);
    let sealed = seal.seal(body, &mut keys::random);
    assert_eq!(key.open(&sealed).as_deref(), Ok(body));
    if let Ok(reply) = parse_node_reply(body) {
        for json in [false, true] {
            let written = encode_node_reply(reply.status, &reply.body, json);
            assert_eq!(parse_node_reply(&written).as_ref(), Ok(&reply));
        }
    }
});
