//! What nodes put into requests and answers of the libp2p protocols: read or refused, and written so that it reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::peer_wire::{
    SwarmAnswer, decode_answer, decode_swarm_request, encode_onion_answer, encode_swarm_request,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((status, body)) = decode_answer(bytes) {
        assert_eq!(decode_answer(&encode_onion_answer(status, &body)), Ok((status, body)));
    }
    if let Ok((method, dict)) = decode_swarm_request(bytes) {
        assert_eq!(decode_swarm_request(&encode_swarm_request(&method, &dict)), Ok((method, dict)));
    }
    if let Ok(answer) = SwarmAnswer::decode(bytes) {
        assert_eq!(SwarmAnswer::decode(&answer.encode()), Ok(answer));
    }
});
