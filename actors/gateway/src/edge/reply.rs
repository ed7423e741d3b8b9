//! What goes back: statuses, headers and texts of storage-rpc §1.1.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER as RETRY_AFTER_NAME, SERVER},
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use starling_contracts::routing::OnionAnswer;

use super::{RETRY_AFTER, body::Unread};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

const BAD_LENGTH: &str = "invalid Content-Length";

/// Makes answers that all name the same server.
pub(super) struct Replies {
    server: HeaderValue,
}

impl Replies {
    pub(super) fn new(version: &str) -> Self {
        let server = HeaderValue::from_str(&format!("Oxen Storage Server/{version}"))
            .expect("a version of three numbers is plain text");
        Self { server }
    }

    fn builder(&self, status: StatusCode, content_type: HeaderValue) -> HttpResponseBuilder {
        let mut builder = HttpResponse::build(status);
        builder.insert_header((SERVER, self.server.clone())).insert_header((CONTENT_TYPE, content_type));
        builder
    }

    pub(super) fn text(&self, status: StatusCode, text: impl Into<String>) -> HttpResponse {
        self.builder(status, TEXT).body(text.into())
    }

    pub(super) fn json(&self, status: StatusCode, json: Bytes) -> HttpResponse {
        self.builder(status, JSON).body(json)
    }

    /// An object that storage answers.
    pub(super) fn answer(&self, status: u16, json: Bytes) -> HttpResponse {
        self.json(status_of(status), json)
    }

    /// A text that storage answers.
    pub(super) fn plain(&self, status: u16, text: String) -> HttpResponse {
        self.text(status_of(status), text)
    }

    /// Bytes that storage answers.
    pub(super) fn binary(&self, status: u16, bytes: Bytes) -> HttpResponse {
        self.builder(status_of(status), BINARY).body(bytes)
    }

    /// An onion answer: to everybody but its recipient it is text, whatever it holds.
    pub(super) fn onion(&self, OnionAnswer { status, body }: OnionAnswer) -> HttpResponse {
        self.builder(status_of(status), TEXT).body(body)
    }

    pub(super) fn ping(&self, legacy: &HeaderValue) -> HttpResponse {
        self.builder(StatusCode::OK, TEXT).insert_header(("X-Oxen-Snode-Pubkey", legacy.clone())).finish()
    }

    /// The method is written as the reference's HTTP library gives it: in lower case.
    pub(super) fn not_found(&self, request: &HttpRequest) -> HttpResponse {
        let method = request.method().as_str().to_ascii_lowercase();
        self.text(StatusCode::NOT_FOUND, format!("{method} {} Not Found", request.uri().path()))
    }

    pub(super) fn unread(&self, unread: Unread) -> HttpResponse {
        match unread {
            Unread::TooLarge => self.text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
            Unread::BadLength => self.text(StatusCode::BAD_REQUEST, BAD_LENGTH),
            Unread::TooSlow => self.text(StatusCode::REQUEST_TIMEOUT, "Request time out"),
            Unread::NoMemory => self.busy(),
            Unread::Broken => self.text(StatusCode::BAD_REQUEST, "invalid request body"),
        }
    }

    /// The answer to a malformed length as it goes over the wire.
    pub(super) fn bad_length(&self) -> String {
        let server = self.server.to_str().unwrap_or_default();
        let length = BAD_LENGTH.len();
        format!(
            "HTTP/1.1 400 Bad Request\r\nServer: {server}\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{BAD_LENGTH}"
        )
    }

    /// The answer to somebody who asks too often (storage-load §3), with the time until the next request passes.
    pub(super) fn too_many(&self, wait: Duration) -> HttpResponse {
        self.builder(StatusCode::TOO_MANY_REQUESTS, TEXT)
            .insert_header((RETRY_AFTER_NAME, seconds(wait).to_string()))
            .body("Too Many Requests\n")
    }

    pub(super) fn busy(&self) -> HttpResponse {
        self.come_back("Server busy, try again later".to_owned())
    }

    pub(super) fn not_ready(&self, reasons: &str) -> HttpResponse {
        self.come_back(format!("Service node is not ready: {reasons}\n"))
    }

    pub(super) fn request_failed(&self) -> HttpResponse {
        self.text(StatusCode::INTERNAL_SERVER_ERROR, "request failed")
    }

    fn come_back(&self, text: String) -> HttpResponse {
        self.builder(StatusCode::SERVICE_UNAVAILABLE, TEXT)
            .insert_header((RETRY_AFTER_NAME, seconds(RETRY_AFTER).to_string()))
            .body(text)
    }
}

/// Whole seconds, as `Retry-After` has them: enough of them, and never none.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// A status from elsewhere; one that HTTP cannot carry, or that promises another kind of answer, becomes 500 (onion-requests §4).
fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Bytes as base64 in a header.
pub(super) fn base64_header(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_str(&STANDARD.encode(bytes)).expect("base64 is plain text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_is_never_too_short() {
        for (millis, expected) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected, "{millis}");
        }
    }

    #[test]
    fn statuses_that_http_cannot_carry_become_500() {
        for (status, expected) in [(200, 200), (421, 421), (599, 599), (0, 500), (101, 500), (65535, 500)] {
            assert_eq!(status_of(status).as_u16(), expected, "{status}");
        }
    }
}
