//! What nodes put into requests and answers of the libp2p protocols: bencoded lists around bytes that others made.
//!
//! - An onion or storage answer is `[status, body]` (onion-requests §4): `l i200e 2:ok e`.
//! - A swarm request is `[method, dict]`; its answer the member's dict as it is, or `[status, text]` for a refusal.
//! - A notice to a subscriber is `[name, dict]` too, where the name is [`NOTIFY`] or [`MONITOR_ENDED`] and the dict is that of
//!   storage-rpc §7: `l 6:notify d … e e`. Its answer is empty.
//!
//! Dicts are handed through byte by byte, so that what a member signed stays what it signed.

use thiserror::Error;

use crate::bencode::{self, DecodeError, Limits, Value};

/// Longest body or dict that is carried, in bytes: the limit of every transport of the network (storage-rpc §1.1).
pub const MAX_BODY: usize = 10 << 20;

/// Most bytes that this module puts around a body: list marks, a status or method, a length.
pub const MAX_FRAMING: usize = 64;

/// Name of a notice of a new message.
pub const NOTIFY: &str = "notify";
/// Name of a notice that an account is kept by another swarm.
pub const MONITOR_ENDED: &str = "monitor_ended";
/// Longest notice: a body of the greatest length that is stored, and what is said beside it; or a swarm of a hundred nodes.
pub const MAX_NOTICE: usize = 128 << 10;

/// What is read at once: a batch of messages between members is the largest.
const READ: Limits =
    Limits { max_bytes: MAX_BODY + MAX_FRAMING, max_depth: 24, max_items: Limits::TRANSFER.max_items };

/// The status of an answer whose own status cannot be read (onion-requests §4).
const UNREADABLE_STATUS: u16 = 500;

/// What a member of a swarm says to a forwarded write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwarmAnswer {
    /// It did it: its own entry of the aggregated answer, a bencoded dict.
    Done(Vec<u8>),
    /// It refused.
    Refused {
        /// Status code of storage-rpc §2.1.
        code: u16,
        /// Text that goes with it.
        reason: String,
    },
}

/// Why bytes are no request or answer between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes are not bencode, or more of it than is read.
    #[error("not a bencoded value: {0}")]
    Bencode(#[from] DecodeError),
    /// It is something else than asked for.
    #[error("not {expected}")]
    Form {
        /// What was asked for.
        expected: &'static str,
    },
}

/// Encodes `[status, body]`, the answer to an onion or a storage request.
#[must_use]
pub fn encode_onion_answer(status: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + MAX_FRAMING);
    out.push(b'l');
    Value::from(status).encode_into(&mut out);
    bencode::encode_bytes(body, &mut out);
    out.push(b'e');
    out
}

/// Decodes `[status, body]`.
///
/// The status may be an integer or decimal text, as older transports send it; one that is neither reads as 500.
///
/// # Errors
/// Bytes that are no list of at least two elements with a byte string in second place.
pub fn decode_answer(bytes: &[u8]) -> Result<(u16, Vec<u8>), Malformed> {
    const EXPECTED: Malformed = Malformed::Form { expected: "a list of status and body" };
    let Value::List(parts) = bencode::decode(bytes, Limits { max_depth: 2, max_items: 16, ..READ })? else {
        return Err(EXPECTED);
    };
    let mut parts = parts.into_iter();
    let (Some(status), Some(Value::Bytes(body))) = (parts.next(), parts.next()) else { return Err(EXPECTED) };
    Ok((read_status(&status).unwrap_or(UNREADABLE_STATUS), body))
}

/// Encodes `[method, dict]`, a write forwarded to another member of a swarm; `dict` is bencoded already.
#[must_use]
pub fn encode_swarm_request(method: &str, dict: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(method.len() + dict.len() + MAX_FRAMING);
    out.push(b'l');
    bencode::encode_bytes(method.as_bytes(), &mut out);
    out.extend_from_slice(dict);
    out.push(b'e');
    out
}

/// Decodes `[method, dict]` into the method and the dict as it was sent.
///
/// # Errors
/// Bytes that are no list of exactly a text and a dict.
pub fn decode_swarm_request(bytes: &[u8]) -> Result<(String, Vec<u8>), Malformed> {
    const EXPECTED: Malformed = Malformed::Form { expected: "a list of method and dict" };
    if bytes.len() > READ.max_bytes {
        return Err(DecodeError::TooLong { got: bytes.len(), max: READ.max_bytes }.into());
    }
    let inner = bytes.strip_prefix(b"l").ok_or(EXPECTED)?;
    if !inner.first().is_some_and(u8::is_ascii_digit) {
        return Err(EXPECTED);
    }
    let (method, method_len) = bencode::decode_prefix(inner, READ)?;
    let method = method.as_text().ok_or(EXPECTED)?.to_owned();
    let rest = inner.get(method_len..).unwrap_or_default();
    let dict_len = leading_dict(rest)?.ok_or(EXPECTED)?;
    if rest.get(dict_len..) != Some(b"e") {
        return Err(EXPECTED);
    }
    Ok((method, rest[..dict_len].to_vec()))
}

impl SwarmAnswer {
    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Done(dict) => dict.clone(),
            Self::Refused { code, reason } => encode_onion_answer(*code, reason.as_bytes()),
        }
    }

    /// Reads what a member sent.
    ///
    /// # Errors
    /// Bytes that are neither one dict nor a list of status and text.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if let Some(dict_len) = leading_dict(bytes)? {
            return match bytes.len() == dict_len {
                true => Ok(Self::Done(bytes.to_vec())),
                false => Err(Malformed::Form { expected: "one dict with nothing behind it" }),
            };
        }
        let (code, reason) = decode_answer(bytes)?;
        let reason = String::from_utf8(reason)
            .map_err(|_| Malformed::Form { expected: "a list of status and text" })?;
        Ok(Self::Refused { code, reason })
    }
}

/// How many bytes the dict takes that `bytes` starts with; nothing where another type starts.
fn leading_dict(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    if bytes.first() != Some(&b'd') {
        return Ok(None);
    }
    let (_, dict_len) = bencode::decode_prefix(bytes, READ)?;
    Ok(Some(dict_len))
}

fn read_status(status: &Value) -> Option<u16> {
    match status {
        Value::Integer(number) => u16::try_from(*number).ok(),
        _ => status.as_text()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_on_the_wire_are_these() {
        assert_eq!(encode_onion_answer(200, b"ok"), b"li200e2:oke");
        assert_eq!(encode_swarm_request("store", b"d1:ai1ee"), b"l5:stored1:ai1eee");
        assert_eq!(SwarmAnswer::Done(b"de".to_vec()).encode(), b"de");
        assert_eq!(SwarmAnswer::Refused { code: 421, reason: "no".to_owned() }.encode(), b"li421e2:noe");
    }

    #[test]
    fn a_status_may_be_text_and_an_unreadable_one_is_500() {
        assert_eq!(decode_answer(b"l3:4042:noe"), Ok((404, b"no".to_vec())));
        assert_eq!(decode_answer(b"l3:abc2:noe"), Ok((500, b"no".to_vec())));
        assert_eq!(decode_answer(b"li70000e2:noe"), Ok((500, b"no".to_vec())));
    }

    #[test]
    fn other_forms_are_refused() {
        for bytes in [&b""[..], b"le", b"li200ee", b"li200ei1ee", b"de", b"i200e", b"li200e5:ok"] {
            assert!(decode_answer(bytes).is_err(), "{bytes:?}");
        }
        for bytes in
            [&b""[..], b"le", b"l5:storee", b"l5:storelee", b"li1edee", b"l1:sde", b"l1:sdeee", b"lde1:se"]
        {
            assert!(decode_swarm_request(bytes).is_err(), "{bytes:?}");
        }
        for bytes in [&b""[..], b"dee", b"d1:a", b"li500e1:\xffe", b"3:abc"] {
            assert!(SwarmAnswer::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let long = encode_swarm_request("store", &[b'x'; MAX_BODY + MAX_FRAMING]);
        assert!(matches!(decode_swarm_request(&long), Err(Malformed::Bencode(DecodeError::TooLong { .. }))));
        let longest = encode_onion_answer(200, &vec![0; MAX_BODY]);
        assert!(decode_answer(&longest).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_answer(&bytes);
            let _ = decode_swarm_request(&bytes);
            let _ = SwarmAnswer::decode(&bytes);
        }

        #[test]
        fn bytes_like_bencode_are_read_or_refused(text in "[lde0-9i:a-]{0,64}") {
            if let Ok((method, dict)) = decode_swarm_request(text.as_bytes()) {
                prop_assert_eq!(decode_swarm_request(&encode_swarm_request(&method, &dict)), Ok((method, dict)));
            }
            if let Ok(answer) = SwarmAnswer::decode(text.as_bytes()) {
                prop_assert_eq!(SwarmAnswer::decode(&answer.encode()), Ok(answer));
            }
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(status: u16, body: Vec<u8>, method: String, reason: String, value: u32) {
            let dict = format!("d5:valuei{value}ee").into_bytes();
            let refused = SwarmAnswer::Refused { code: status, reason };
            prop_assert_eq!(decode_answer(&encode_onion_answer(status, &body)), Ok((status, body)));
            let request = encode_swarm_request(&method, &dict);
            prop_assert_eq!(decode_swarm_request(&request), Ok((method, dict.clone())));
            prop_assert_eq!(SwarmAnswer::decode(&refused.encode()), Ok(refused));
            let done = SwarmAnswer::Done(dict);
            prop_assert_eq!(SwarmAnswer::decode(&done.encode()), Ok(done));
        }
    }
}
