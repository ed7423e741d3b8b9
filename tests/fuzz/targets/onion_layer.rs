//! A layer's plaintext, sealed for a node as a client would: what the node peels is what it would read unsealed, and a web
//! server's address is one that no part of the request can bend.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::keys;
use starling_protocol::onion::{Inner, ReplySeal, is_relay_target_allowed, peel, relay_url};

fuzz_target!(|data: &[u8]| {
    let Some((choice, plaintext)) = data.split_first() else { return };
    let cipher = keys::cipher(*choice);
    let layer = keys::layer(cipher);

    let sealed = layer.seal(plaintext, &mut keys::random);
    let peeled = peel(&sealed, &keys::node(), &keys::ephemeral().public(), cipher);
    let read = Inner::parse(plaintext.to_vec(), ReplySeal::new(layer));

    assert_eq!(format!("{peeled:?}"), format!("{read:?}"));
    if let Ok(Inner::Server { host, target, port, protocol, payload, .. }) = read {
        assert_eq!(payload, plaintext);
        if let Some(url) = relay_url(&protocol, &host, port, &target) {
            assert!(is_relay_target_allowed(&target));
            let rest = url.strip_prefix(&format!("{protocol}://")).expect("the protocol comes first");
            let (authority, path) = rest.split_at(rest.find('/').expect("a path follows"));
            assert_eq!(path, target);
            assert!(authority == host || authority == format!("{host}:{port}"), "{url}");
            assert!(!authority.contains(['@', '?', '#', '\\', ' ']), "{url}");
        }
    }
});
