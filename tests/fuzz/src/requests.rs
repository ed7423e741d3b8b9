//! What must hold of every request that was read, however it came.

use starling_protocol::storage::request::{Encoding, Parser, Request};

/// What is written in either encoding reads as the same request, and looking at who signed it ends.
#[track_caller]
pub fn check(parser: Parser, request: &Request) {
    let verified = request.verify();
    if let Err(refused) = verified {
        assert!(!request.refusal_text(refused).is_empty(), "a refusal has its text");
    }
    assert_eq!(request.account().is_some(), request.as_signed().is_some());

    let json = request.to_rpc_json();
    let read = parser.rpc(request.method(), &json["params"]);
    assert_eq!(read.as_ref(), Ok(request), "JSON reads back: {json}");

    let bencode = request.to_bencode();
    let read = parser.params_of(request.method(), &bencode);
    let expected = Ok((request.clone(), Encoding::Bencode));
    assert_eq!(read, expected, "bencode reads back: {}", bencode.escape_ascii());

    assert_eq!(request.to_replicated().is_some(), request.is_recursive());
}
