//! The payload for web servers: a bencoded list of metadata as JSON and, if there is one, a body (onion-requests §5.3).

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::bencode::{self, DecodeError, Limits, Value};

/// Longest metadata that is read, in bytes.
const MAX_METADATA: usize = 1 << 20;

/// Headers by name, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(pub Vec<(String, String)>);

/// A request to a web server.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The HTTP verb.
    pub method: String,
    /// Path and query.
    pub endpoint: String,
    /// The headers.
    pub headers: Headers,
    /// The body, left out by requests that have none.
    pub body: Option<Vec<u8>>,
}

/// A web server's answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The real status.
    pub code: u16,
    /// The headers, names in lower case.
    pub headers: Headers,
    /// The body. None and an empty one mean the same.
    pub body: Option<Vec<u8>>,
}

/// Why a payload cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum V4Error {
    /// It is not bencode.
    #[error("v4 payload is malformed")]
    Bencode(#[from] DecodeError),
    /// It is not a list of one or two strings.
    #[error("v4 payload is not a list of metadata and body")]
    Form,
    /// The metadata are not the JSON object they should be.
    #[error("v4 metadata are malformed")]
    Metadata,
}

#[derive(Serialize, Deserialize)]
struct RequestMetadata {
    method: String,
    endpoint: String,
    #[serde(default)]
    headers: Headers,
}

#[derive(Serialize, Deserialize)]
struct ResponseMetadata {
    code: u16,
    #[serde(default)]
    headers: Headers,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_len", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl Request {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let metadata = RequestMetadata {
            method: self.method.clone(),
            endpoint: self.endpoint.clone(),
            headers: self.headers.clone(),
        };
        encode(&metadata, self.body.as_deref())
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// See [`V4Error`].
    pub fn decode(payload: &[u8]) -> Result<Self, V4Error> {
        let (metadata, body) = split(payload)?;
        let RequestMetadata { method, endpoint, headers } = parse(&metadata)?;
        Ok(Self { method, endpoint, headers, body })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("code", &self.code)
            .field("body_len", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl Response {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(&ResponseMetadata { code: self.code, headers: self.headers.clone() }, self.body.as_deref())
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// See [`V4Error`].
    pub fn decode(payload: &[u8]) -> Result<Self, V4Error> {
        let (metadata, body) = split(payload)?;
        let ResponseMetadata { code, headers } = parse(&metadata)?;
        Ok(Self { code, headers, body })
    }
}

fn encode(metadata: &impl Serialize, body: Option<&[u8]>) -> Vec<u8> {
    let metadata = serde_json::to_vec(metadata).expect("strings and numbers have a JSON form");
    let mut out = vec![b'l'];
    bencode::encode_bytes(&metadata, &mut out);
    if let Some(body) = body {
        bencode::encode_bytes(body, &mut out);
    }
    out.push(b'e');
    out
}

fn split(payload: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), V4Error> {
    let Value::List(parts) = bencode::decode(payload, Limits::FLAT)? else {
        return Err(V4Error::Form);
    };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Value::Bytes(metadata)), None, None) => Ok((metadata, None)),
        (Some(Value::Bytes(metadata)), Some(Value::Bytes(body)), None) => Ok((metadata, Some(body))),
        _ => Err(V4Error::Form),
    }
}

fn parse<T: for<'de> Deserialize<'de>>(metadata: &[u8]) -> Result<T, V4Error> {
    if metadata.len() > MAX_METADATA {
        return Err(V4Error::Metadata);
    }
    serde_json::from_slice(metadata).map_err(|_| V4Error::Metadata)
}

impl Headers {
    /// The value of the first header with this name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some(header) = map.next_entry()? {
                    headers.push(header);
                }
                Ok(Headers(headers))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_are_found_in_any_case() {
        let request = Request {
            method: "GET".to_owned(),
            endpoint: "/a?b=1".to_owned(),
            headers: Headers(vec![
                ("X-Sogs".to_owned(), "1".to_owned()),
                ("Accept".to_owned(), "*".to_owned()),
            ]),
            body: None,
        };
        assert_eq!(Request::decode(&request.encode()), Ok(request.clone()));
        assert_eq!(request.headers.get("x-sogs"), Some("1"));
    }

    #[test]
    fn malformed_payloads_are_refused() {
        for payload in
            [&b""[..], b"le", b"de", b"l2:{}e", b"li1ee", b"l2:{}1:a1:be", b"l12:{\"code\":\"x\"}e"]
        {
            assert!(Response::decode(payload).is_err());
            assert!(Request::decode(payload).is_err());
        }
    }
}
