//! The body of a POST to `/storage_rpc/v1`, on both networks: read or refused with a text, and a request that was read is
//! the same one in either encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::requests;
use starling_protocol::storage::request::{Network, Parser};

fuzz_target!(|body: &[u8]| {
    for network in [Network::Mainnet, Network::Testnet] {
        let parser = Parser::new(network);
        match parser.envelope(body) {
            Ok(request) => requests::check(parser, &request),
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
    }
});
