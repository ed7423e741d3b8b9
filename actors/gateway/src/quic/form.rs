//! The forms of answers (storage-rpc §1.3): what was done comes back as a reply, what was not as an error reply with a status line.

use actix_web::http::StatusCode;
use bytes::Bytes;
use starling_contracts::{
    routing::OnionAnswer,
    storage::{Answer, Body},
};
use starling_protocol::quic_frame::{self, Message};

/// An answer without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// The body of a reply.
    Reply(Bytes),
    /// The text of an error reply.
    Error(Bytes),
}

impl Form {
    /// An error reply with a plain text.
    pub(super) fn failure(status: u16, text: &str) -> Self {
        Self::error(status, text.as_bytes())
    }

    /// Told to come back (storage-rpc §1.1).
    pub(super) fn busy() -> Self {
        Self::failure(503, "Server busy, try again later")
    }

    /// Told to come back when the node can work (storage-rpc §1.1).
    pub(super) fn not_ready(reasons: &str) -> Self {
        Self::failure(503, &format!("Service node is not ready: {reasons}\n"))
    }

    /// A defect of ours.
    pub(super) fn request_failed() -> Self {
        Self::failure(500, "request failed")
    }

    /// Told to ask less often (storage-load §3).
    pub(super) fn too_often() -> Self {
        Self::failure(429, "Too many requests, try again later")
    }

    /// A storage answer: objects in a list behind their status, in the encoding they have; texts and bytes as they are.
    pub(super) fn storage(Answer { status, body }: Answer) -> Self {
        let body = match body {
            Body::Json(value) => format!("[{status},{value}]").into_bytes(),
            Body::Bencode(value) => [format!("li{status}e").as_bytes(), &value, b"e"].concat(),
            Body::Text(text) => text.into_bytes(),
            Body::Binary(bytes) => return Self::with_status(status, bytes),
        };
        Self::with_status(status, body.into())
    }

    /// An onion answer: not wrapped.
    pub(super) fn onion(OnionAnswer { status, body }: OnionAnswer) -> Self {
        Self::with_status(status, body)
    }

    fn with_status(status: u16, body: Bytes) -> Self {
        if (200..300).contains(&status) { Self::Reply(body) } else { Self::error(status, &body) }
    }

    fn error(status: u16, body: &[u8]) -> Self {
        let known = StatusCode::from_u16(status).ok();
        let reason = known.and_then(|status| status.canonical_reason()).unwrap_or("Unknown");
        Self::Error([format!("{status} {reason}\n\n").as_bytes(), body].concat().into())
    }

    /// The message that answers the command of that id. What no client could read becomes a failure.
    pub(super) fn into_message(self, id: i64) -> Message {
        let message = match self {
            Self::Reply(body) => Message::Reply { id, body },
            Self::Error(body) => Message::Error { id, body },
        };
        if message.list_len() > quic_frame::MAX_LEN {
            return Self::failure(500, "response too large").into_message(id);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: Body, expected: Result<&str, &str>) {
        let expected = match expected {
            Ok(reply) => Form::Reply(Bytes::copy_from_slice(reply.as_bytes())),
            Err(error) => Form::Error(Bytes::copy_from_slice(error.as_bytes())),
        };
        assert_eq!(Form::storage(Answer { status, body }), expected);
    }

    #[test]
    fn every_kind_of_answer_has_the_form_of_the_spec() {
        let json = || Body::Json(json!({ "hf": [20, 0], "a": "x" }));
        let bencode = || Body::Bencode(Bytes::from("d1:ai1ee"));
        check(200, json(), Ok(r#"[200,{"a":"x","hf":[20,0]}]"#));
        check(200, bencode(), Ok("li200ed1:ai1eee"));
        check(200, Body::Text("pong".to_owned()), Ok("pong"));
        check(200, Body::Binary(Bytes::from("\x00\x01")), Ok("\x00\x01"));
        check(421, json(), Err("421 Misdirected Request\n\n[421,{\"a\":\"x\",\"hf\":[20,0]}]"));
        check(404, bencode(), Err("404 Not Found\n\nli404ed1:ai1eee"));
        for (status, line) in [
            (400, "400 Bad Request"),
            (401, "401 Unauthorized"),
            (403, "403 Forbidden"),
            (406, "406 Not Acceptable"),
            (410, "410 Gone"),
            (413, "413 Payload Too Large"),
            (429, "429 Too Many Requests"),
            (500, "500 Internal Server Error"),
            (502, "502 Bad Gateway"),
            (503, "503 Service Unavailable"),
            (504, "504 Gateway Timeout"),
            (599, "599 Unknown"),
            (0, "0 Unknown"),
        ] {
            check(status, Body::Text("why".to_owned()), Err(&format!("{line}\n\nwhy")));
        }
    }

    #[test]
    fn an_answer_that_no_client_could_read_is_a_failure() {
        let most = Form::Reply(Bytes::from(vec![0; quic_frame::MAX_LEN - 17]));
        let more = Form::Reply(Bytes::from(vec![0; quic_frame::MAX_LEN]));

        assert!(matches!(most.into_message(7), Message::Reply { id: 7, .. }));
        let failure = more.into_message(7);

        assert_eq!(failure, Form::failure(500, "response too large").into_message(7));
    }
}
