//! Requests, made ready to be sent: those that onion requests of others end in, and those of plugins.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
    http::uri::PathAndQuery,
};
use starling_contracts::{
    node::COMPATIBLE_VERSION,
    transport::{Error, MAX_REQUEST_HEADERS, WebHost, WebMethod},
};
use starling_protocol::web::MAX_URL;

use crate::budget::Body;

/// Who asks, where a plugin does not say so itself.
const USER_AGENT_OF_FETCHES: &str = concat!("starling/", env!("CARGO_PKG_VERSION"));
/// What a header costs beside its name and value (RFC 9113 §6.5.2).
const PER_HEADER: usize = 32;
/// So much of a name is told back.
const SHOWN_OF_A_NAME: usize = 64;

/// Headers that say where a request goes, where it ends, and what becomes of its connection; so does `proxy-…`.
const NOT_THE_CALLERS: [&str; 9] = [
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
];

/// Who is asked.
pub(super) struct Server {
    pub(super) tls: bool,
    pub(super) host: WebHost,
    pub(super) port: u16,
}

/// A request, ready to be sent.
pub(super) struct Question {
    pub(super) request: Request<Full<Bytes>>,
    pub(super) redirects: Redirects,
}

/// What a redirect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    /// No answer.
    Refused,
    /// An answer like any other.
    Told,
}

impl Question {
    /// What an onion request ends in.
    ///
    /// # Errors
    /// A host or target that has no place in a request.
    pub(super) fn post(server: &Server, target: &str, body: Body) -> Result<Self, Error> {
        let host = server.header()?;
        let [major, minor, patch] = COMPATIBLE_VERSION;
        let length = body.bytes.len();
        let request = Request::post(target)
            .header(HOST, host)
            .header(USER_AGENT, format!("Oxen Storage Server/{major}.{minor}.{patch}"))
            .header(ACCEPT, "*/*")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            // What it counts for is given back when the last byte has been sent.
            .body(Full::new(Bytes::from_owner(body)));
        let request = request.map_err(|_| Error::BadAddress)?;
        // Anything but a path would be a way around the filter on paths.
        let uri = request.uri();
        match uri.authority().is_none() && uri.path() == target && target.starts_with('/') {
            true => Ok(Self { request, redirects: Redirects::Refused }),
            false => Err(Error::BadAddress),
        }
    }

    /// What a plugin asks.
    ///
    /// # Errors
    /// A host, target or header that has no place in a request, or too many headers.
    pub(super) fn fetch(
        server: &Server,
        method: WebMethod,
        target: &str,
        headers: &[(String, String)],
        body: Body,
    ) -> Result<Self, Error> {
        let host = server.header()?;
        let target = read_target(target)?;
        let headers = read_headers(headers)?;
        let length = body.bytes.len();
        let takes_a_body = matches!(method, WebMethod::Post | WebMethod::Put | WebMethod::Patch);
        let mut request = Request::new(Full::new(Bytes::from_owner(body)));
        *request.method_mut() = method_of(method);
        *request.uri_mut() = target;
        let all = request.headers_mut();
        all.insert(HOST, host);
        for (name, value) in headers {
            all.append(name, value);
        }
        all.entry(USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT_OF_FETCHES));
        all.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if takes_a_body || length > 0 {
            all.insert(CONTENT_LENGTH, length.into());
        }
        Ok(Self { request, redirects: Redirects::Told })
    }
}

impl Server {
    fn header(&self) -> Result<HeaderValue, Error> {
        let Self { tls, host, port } = self;
        let mut text = match host {
            WebHost::Name(name) => name.clone(),
            WebHost::Address(std::net::IpAddr::V4(address)) => address.to_string(),
            WebHost::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        };
        if *port != if *tls { 443 } else { 80 } {
            text = format!("{text}:{port}");
        }
        HeaderValue::from_str(&text).map_err(|_| Error::BadAddress)
    }
}

const fn method_of(method: WebMethod) -> Method {
    match method {
        WebMethod::Get => Method::GET,
        WebMethod::Head => Method::HEAD,
        WebMethod::Post => Method::POST,
        WebMethod::Put => Method::PUT,
        WebMethod::Patch => Method::PATCH,
        WebMethod::Delete => Method::DELETE,
    }
}

fn read_target(text: &str) -> Result<Uri, Error> {
    if text.len() > MAX_URL || !text.starts_with('/') {
        return Err(Error::BadAddress);
    }
    let target: PathAndQuery = text.parse().map_err(|_| Error::BadAddress)?;
    // What the parser leaves out, such as what is behind `#`, the caller has not understood.
    match target.as_str() == text {
        true => Ok(target.into()),
        false => Err(Error::BadAddress),
    }
}

fn read_headers(headers: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len() + PER_HEADER).sum();
    let bad = |name: &str, problem| Error::BadHeader {
        name: name.chars().take(SHOWN_OF_A_NAME).collect(),
        problem,
    };
    let read = |(given, value): &(String, String)| {
        let name = HeaderName::from_bytes(given.as_bytes());
        let name = name.map_err(|_| bad(given, "expected a name of letters, digits and hyphens"))?;
        if NOT_THE_CALLERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
            return Err(bad(given, "it is set by whoever makes the connection"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes());
        let mut value = value.map_err(|_| bad(given, "expected a value without control characters"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    match size {
        ..=MAX_REQUEST_HEADERS => headers.iter().map(read).collect(),
        _ => Err(Error::TooLarge { what: "header list", size, limit: MAX_REQUEST_HEADERS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Budget, purse::Purse};

    fn body(bytes: &'static [u8]) -> Body {
        let purse = Purse::unshared(Budget::new(bytes.len()));
        Body::paid(Bytes::from_static(bytes), &purse).unwrap()
    }

    fn question(tls: bool, host: &str, port: u16, target: &str) -> Result<Question, Error> {
        let host = match host.parse() {
            Ok(address) => WebHost::Address(address),
            Err(_) => WebHost::Name(host.to_owned()),
        };
        Question::post(&Server { tls, host, port }, target, body(b""))
    }

    fn fetch(target: &str, headers: &[(&str, &str)]) -> Result<Question, Error> {
        let server = Server { tls: false, host: WebHost::Name("a.example".to_owned()), port: 80 };
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(own).collect();
        Question::fetch(&server, WebMethod::Get, target, &headers, body(b""))
    }

    #[track_caller]
    fn is_refused(name: &str, value: &str) {
        let error = fetch("/", &[(name, value)]).err().unwrap_or_else(|| panic!("{name:?} is taken"));
        assert!(matches!(error, Error::BadHeader { .. }), "{name:?}: {error}");
        assert!(value.len() < 3 || !error.to_string().contains(value), "{error}");
    }

    #[test]
    fn the_host_names_the_port_only_where_it_is_not_implied() {
        let host = |tls, host, port| {
            let question = question(tls, host, port, "/oxen/v4/lsrpc").unwrap();
            question.request.headers()[HOST].to_str().unwrap().to_owned()
        };

        assert_eq!(host(true, "a.example", 443), "a.example");
        assert_eq!(host(true, "a.example", 80), "a.example:80");
        assert_eq!(host(false, "a.example", 80), "a.example");
        assert_eq!(host(false, "2606:4700::1111", 18080), "[2606:4700::1111]:18080");
    }

    #[test]
    fn a_target_that_is_more_than_a_path_is_refused() {
        for target in ["", "*", "oxen", "http://other/oxen/v4/lsrpc", "//other/lsrpc?x", "/a b", "/a\r\nb: c"]
        {
            assert!(question(false, "a.example", 80, target).is_err(), "{target:?}");
        }
        assert!(question(false, "a.example\r\nb: c", 80, "/oxen/v4/lsrpc").is_err());
    }

    #[test]
    fn a_fetch_asks_for_a_path_and_a_query_and_nothing_else() {
        for target in ["/", "/a/b?c=d&e[]=%20", "//a/../b", "/?"] {
            let question = fetch(target, &[]).unwrap();
            assert_eq!(question.request.uri().to_string(), target);
        }
        let long = format!("/{}", "x".repeat(MAX_URL));
        for target in ["", "*", "x", "?x", "http://other/x", "other:80", "/a b", "/a#b", "/a\r\nb: c", &long]
        {
            assert!(matches!(fetch(target, &[]), Err(Error::BadAddress)), "{target:?}");
        }
    }

    #[test]
    fn headers_that_are_not_the_caller_s_and_such_as_are_none_are_refused_without_their_values() {
        for name in NOT_THE_CALLERS.into_iter().chain(["Host", "PROXY-Authorization", "proxy-connection"]) {
            is_refused(name, "a secret");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "\u{fc}"] {
            is_refused(name, "a secret");
        }
        for value in ["a secret\r\nhost: b", "a secret\n", "a secret\u{0}", "a secret\u{7f}"] {
            is_refused("x-given", value);
        }
    }

    #[test]
    fn a_name_in_an_error_is_no_longer_than_it_has_to_be() {
        let Err(Error::BadHeader { name, .. }) = fetch("/", &[("\u{fc}".repeat(1000).as_str(), "")]) else {
            panic!("no name has an umlaut");
        };

        assert_eq!(name, "\u{fc}".repeat(64));
    }

    #[test]
    fn headers_of_more_than_their_limit_are_refused() {
        let value = "x".repeat(MAX_REQUEST_HEADERS - 33);
        let value = value.as_str();
        let many = vec![("a", ""); MAX_REQUEST_HEADERS / 33 + 1];

        assert!(fetch("/", &[("a", value)]).is_ok());
        assert!(matches!(fetch("/", &[("ab", value)]), Err(Error::TooLarge { .. })));
        assert!(matches!(fetch("/", &many), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        let question = fetch("/", &[("authorization", "a secret"), ("x-key", "a secret")]).unwrap();

        assert!(!format!("{:?}", question.request).contains("secret"));
    }
}
