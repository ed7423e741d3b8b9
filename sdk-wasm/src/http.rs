//! Asking web servers.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// Asking web servers. Needs `http` for the origin: scheme, host and port.
///
/// Redirects are not followed. A request leaves at once, and is not undone when the call fails later.
///
/// ```
/// use serde_json::{Value, json};
/// use starling_plugin::{Response, mock::MockHost};
///
/// let mock = MockHost::new();
/// mock.answer("POST", "https://api.example.org/notes", Response::new(201).with_body(r#"{"id": 7}"#));
/// mock.call(|host| {
///     let answer = host
///         .http()
///         .post("https://api.example.org/notes")
///         .secret_header("authorization", "Bearer ", "api-key")
///         .json(&json!({ "text": "buy milk" }))?
///         .send()?;
///     assert!(answer.is_success());
///     assert_eq!(answer.json::<Value>()?["id"], 7);
///     Ok(())
/// })
/// .expect("the answer is JSON");
/// ```
#[derive(Clone, Copy)]
pub struct Http<'a> {
    backing: &'a Backing,
}

impl<'a> Http<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// A `GET` request; it leaves with [`send`](RequestBuilder::send).
    pub fn get(&self, url: &str) -> RequestBuilder<'a> {
        self.request("GET", url)
    }

    /// A `POST` request; it leaves with [`send`](RequestBuilder::send).
    pub fn post(&self, url: &str) -> RequestBuilder<'a> {
        self.request("POST", url)
    }

    /// A request with one of the methods `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder<'a> {
        let request =
            Request { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() };
        RequestBuilder { backing: self.backing, request }
    }
}

/// A request that has not left yet.
#[must_use = "a request leaves with `send`"]
pub struct RequestBuilder<'a> {
    backing: &'a Backing,
    request: Request,
}

impl RequestBuilder<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push((name.to_owned(), Header::Text(value.to_owned())));
        self
    }

    /// Adds a header whose value is `prefix`, such as `Bearer `, and behind it the secret of that name, which this code never
    /// sees. Needs `secret` for the name.
    pub fn secret_header(mut self, name: &str, prefix: &str, secret: &str) -> Self {
        let value = Header::Secret { prefix: prefix.to_owned(), name: secret.to_owned() };
        self.request.headers.push((name.to_owned(), value));
        self
    }

    /// Sets the body; at most 256 KiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self
    }

    /// Sets the body to a value, as JSON, and the header that says so.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::malformed(format!("the body for {}", self.request.url), error))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sends it and waits for the whole answer, at most until the deadline of the call. Any status is an answer.
    pub fn send(self) -> Result<Response, Error> {
        self.backing.http_fetch(self.request)
    }
}

/// A request, as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers, beside those of the connection itself.
    pub headers: Vec<(String, Header)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a header of a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// This text.
    Text(String),
    /// A secret, which the host puts there.
    Secret {
        /// What comes before it.
        prefix: String,
        /// Which secret.
        name: String,
    },
}

/// A web server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An empty answer of that status, for tests.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The same with this body, for tests.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header, for tests.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether the status is one from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|error| Error::malformed("the answer's body", error))
    }

    /// The body as a type of the author's, from JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::malformed("the answer's body", error))
    }
}
