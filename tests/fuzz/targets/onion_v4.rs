//! The payload for web servers and their answer: read or refused, and what is read is written so that it reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::onion::v4::{Request, Response};

fuzz_target!(|payload: &[u8]| {
    if let Ok(request) = Request::decode(payload) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    if let Ok(response) = Response::decode(payload) {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
});
