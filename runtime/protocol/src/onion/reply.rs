//! The destination's answer, sealed once and carried back unchanged (onion-requests §5.1).

use std::fmt;

use serde_json::Value as Json;
use thiserror::Error;

use super::Random;
use super::layer::LayerKey;
use crate::storage::base64_text;

/// What a node answers inside. `Debug` tells its kind and length only.
#[derive(Clone, PartialEq)]
pub enum ReplyBody {
    /// An object.
    Json(Json),
    /// A text, such as an error.
    Text(String),
    /// Bytes, which travel as base64 text.
    Binary(Vec<u8>),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("Json(..)"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// A node's answer as the client finds it. The status that counts is this one, not that of the guard.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReply {
    /// The status.
    pub status: u16,
    /// An object or a text; never [`ReplyBody::Binary`], which cannot be told from text.
    pub body: ReplyBody,
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It was not sealed for us, or was altered.
    #[error("the answer cannot be decrypted")]
    Sealed,
    /// Inside there is no answer of a node.
    #[error("the decrypted answer is not an object with a status and a body")]
    Form,
}

/// Seals the answer of a destination, or an error of a hop that could decrypt.
#[derive(Debug, Clone)]
pub struct ReplySeal {
    key: LayerKey,
}

impl ReplySeal {
    /// Seals with the key of the layer that was opened.
    #[must_use]
    pub const fn new(key: LayerKey) -> Self {
        Self { key }
    }

    /// Seals `plaintext` under a fresh nonce.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], random: &mut Random<'_>) -> Vec<u8> {
        self.key.seal(plaintext, random)
    }

    /// Encodes and seals a node's answer, in padded base64 unless the client asked for raw bytes.
    ///
    /// The outer status is 200 whatever `status` is. Errors of a hop go out with `json` off and `base64` on.
    #[must_use]
    pub fn seal_node_reply(
        &self,
        status: u16,
        body: &ReplyBody,
        (json, base64): (bool, bool),
        random: &mut Random<'_>,
    ) -> Vec<u8> {
        let sealed = self.seal(&encode_node_reply(status, body, json), random);
        if base64 { base64_text::encode(&sealed).into_bytes() } else { sealed }
    }
}

/// The plaintext of a node's answer, `{"body":…,"status":…}`.
///
/// An object is embedded as it is if the client asked for that with `json`, and otherwise as JSON text in a string.
#[must_use]
pub fn encode_node_reply(status: u16, body: &ReplyBody, json: bool) -> Vec<u8> {
    let body = match body {
        ReplyBody::Json(object) if json => object.to_string(),
        ReplyBody::Json(object) => Json::from(object.to_string()).to_string(),
        ReplyBody::Text(text) => Json::from(text.as_str()).to_string(),
        ReplyBody::Binary(bytes) => Json::from(base64_text::encode(bytes)).to_string(),
    };
    format!(r#"{{"body":{body},"status":{status}}}"#).into_bytes()
}

/// Reads the plaintext of a node's answer in either form; `status_code` is as good as `status`.
///
/// # Errors
/// [`ReplyError::Form`].
pub fn parse_node_reply(plaintext: &[u8]) -> Result<NodeReply, ReplyError> {
    let reply: Json = serde_json::from_slice(plaintext).map_err(|_| ReplyError::Form)?;
    let status = reply.get("status").or_else(|| reply.get("status_code")).and_then(Json::as_u64);
    let status = status.and_then(|status| status.try_into().ok()).ok_or(ReplyError::Form)?;
    let body = match reply.get("body").ok_or(ReplyError::Form)? {
        Json::String(text) => match serde_json::from_str(text) {
            // A bare number or word would parse too, but is a text.
            Ok(inner @ (Json::Object(_) | Json::Array(_))) => ReplyBody::Json(inner),
            _ => ReplyBody::Text(text.clone()),
        },
        inner @ (Json::Object(_) | Json::Array(_)) => ReplyBody::Json(inner.clone()),
        _ => return Err(ReplyError::Form),
    };
    Ok(NodeReply { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(u16, ReplyBody), ReplyError>) {
        let parsed = parse_node_reply(text.as_bytes()).map(|reply| (reply.status, reply.body));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn both_forms_and_both_names_of_the_status_are_read() {
        let object = || ReplyBody::Json(serde_json::json!({"t": 1}));

        check(r#"{"body":"{\"t\":1}","status":200}"#, Ok((200, object())));
        check(r#"{"body":{"t":1},"status_code":421}"#, Ok((421, object())));
        check(
            r#"{"body":"no method nope","status":400}"#,
            Ok((400, ReplyBody::Text("no method nope".to_owned()))),
        );
        check(r#"{"body":"12","status":400}"#, Ok((400, ReplyBody::Text("12".to_owned()))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"body":"x"}"#,
            r#"{"status":200}"#,
            r#"{"body":1,"status":200}"#,
            r#"{"body":"","status":70000}"#,
            r#"{"body":"","status":"200"}"#,
        ] {
            check(text, Err(ReplyError::Form));
        }
    }
}
