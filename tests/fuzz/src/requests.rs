//! What must hold of every request that was read, however it came.

use serde_json::Value;
use starling_protocol::storage::request::{Encoding, OxendRequest, Parser, Request};

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
    let is_same = matches!(&read, Ok((read, Encoding::Bencode)) if is_alike(read, request));
    assert!(is_same, "bencode reads back: {}: {read:?}", bencode.escape_ascii());

    assert_eq!(request.to_replicated().is_some(), request.is_recursive());
}

/// The same, but for the last digit of a number that is not whole: parameters for the ledger are JSON inside of bencode, and its
/// reader may miss that digit.
fn is_alike(read: &Request, written: &Request) -> bool {
    match (read, written) {
        (
            Request::OxendRequest(OxendRequest { endpoint, params }),
            Request::OxendRequest(OxendRequest { endpoint: wanted, params: expected }),
        ) => endpoint == wanted && is_near(params, expected),
        _ => read == written,
    }
}

fn is_near(read: &Value, written: &Value) -> bool {
    match (read, written) {
        (Value::Number(read), Value::Number(written)) if read.is_f64() && written.is_f64() => {
            let (read, written) = (read.as_f64().unwrap_or_default(), written.as_f64().unwrap_or_default());
            (read - written).abs() <= written.abs() * 1e-15
        }
        (Value::Array(read), Value::Array(written)) => {
            read.len() == written.len()
                && read.iter().zip(written).all(|(read, written)| is_near(read, written))
        }
        (Value::Object(read), Value::Object(written)) => {
            read.len() == written.len()
                && read
                    .iter()
                    .all(|(key, read)| written.get(key).is_some_and(|written| is_near(read, written)))
        }
        _ => read == written,
    }
}
