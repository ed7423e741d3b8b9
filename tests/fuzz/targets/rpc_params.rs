//! Bare parameters of OxenMQ and QUIC, and of writes that members of a swarm pass on: a line with the method, then
//! parameters in JSON or bencode.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::requests;
use starling_protocol::storage::{
    limits::MIN_TIMESTAMP,
    request::{Network, Parser, Request},
};

fn is_long_gone(request: &Request) -> bool {
    matches!(request, Request::Store(store) if store.expiry() < MIN_TIMESTAMP || store.timestamp < MIN_TIMESTAMP)
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let Ok(method) = std::str::from_utf8(&data[..end]) else { return };
    let params = data.get(end + 1..).unwrap_or_default();
    for network in [Network::Mainnet, Network::Testnet] {
        let parser = Parser::new(network);
        match parser.params_of(method, params) {
            Ok((request, _)) => requests::check(parser, &request),
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
        if let Ok(request) = parser.replicated(method, params) {
            let passed_on = request.to_replicated().expect("what was passed on can be passed on");
            match parser.replicated(method, &passed_on) {
                Ok(read) => assert_eq!(read.to_replicated(), Some(passed_on)),
                // A time given as text may lie before all times that are read, and such a store is refused by its age.
                Err(error) => assert!(is_long_gone(&request), "what is passed on is read: {error}"),
            }
        }
    }
});
