//! One request and its answer over one connection: HTTP/1.1 (onion-requests §5.2).

use std::pin::pin;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use starling_contracts::{
    node::COMPATIBLE_VERSION,
    transport::{Error, WebAnswer, WebHost},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{budget::Body, purse::Purse};

/// A head of an answer that is longer, in bytes or lines, is none.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 128;

/// A request, ready to be sent.
pub(super) struct Question(Request<Full<Bytes>>);

impl Question {
    /// # Errors
    /// A host or target that has no place in a request.
    pub(super) fn new(tls: bool, host: &WebHost, port: u16, target: &str, body: Body) -> Result<Self, Error> {
        let host = host_header(tls, host, port)?;
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
            true => Ok(Self(request)),
            false => Err(Error::BadAddress),
        }
    }
}

fn host_header(tls: bool, host: &WebHost, port: u16) -> Result<HeaderValue, Error> {
    let mut text = match host {
        WebHost::Name(name) => name.clone(),
        WebHost::Address(std::net::IpAddr::V4(address)) => address.to_string(),
        WebHost::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
    };
    if port != if tls { 443 } else { 80 } {
        text = format!("{text}:{port}");
    }
    HeaderValue::from_str(&text).map_err(|_| Error::BadAddress)
}

/// Asks, and reads an answer of at most `limit` bytes, all of which `purse` pays for.
///
/// # Errors
/// As the contract says.
pub(super) async fn exchange<S>(
    stream: S,
    question: Question,
    limit: usize,
    purse: &Purse,
) -> Result<WebAnswer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shaken = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = shaken.map_err(|error| broken(&error))?;
    let conversation = async {
        let response = sender.send_request(question.0).await.map_err(|error| broken(&error))?;
        read(response, limit, purse).await
    };
    match select(pin!(conversation), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection is done; what it brought may still have to be read.
        Either::Right((_, conversation)) => conversation.await,
    }
}

/// Reads a body piece by piece, so that no more than `limit` is ever held.
async fn read(response: Response<Incoming>, limit: usize, purse: &Purse) -> Result<WebAnswer, Error> {
    let too_large = |size| Error::TooLarge { what: "answer", size, limit };
    let status = response.status();
    if status.is_redirection() && response.headers().contains_key(LOCATION) {
        return Err(Error::Redirected);
    }
    let mut body = response.into_body();
    let announced = hyper::body::Body::size_hint(&body).lower();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(announced));
    }
    let mut expense = purse.expense();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        let size = bytes.len() + chunk.len();
        if size > limit {
            return Err(too_large(size));
        }
        if !expense.extend(chunk.len()) {
            return Err(super::busy(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    // It counts until nobody here has it any more.
    Ok(WebAnswer { status: status.as_u16(), body: Bytes::from_owner(Body::kept(bytes, expense)) })
}

/// What to tell a caller, who must not learn the address from an error.
fn broken(error: &hyper::Error) -> Error {
    let what = match () {
        () if error.is_parse() => "the answer is no http",
        () if error.is_incomplete_message() || error.is_closed() => "the exchange ended early",
        () => "the exchange failed",
    };
    Error::Broken(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(tls: bool, host: &str, port: u16, target: &str) -> Result<Question, Error> {
        let body = Body::paid(Bytes::new(), &Purse::unshared(crate::budget::Budget::new(0))).unwrap();
        let host = match host.parse() {
            Ok(address) => WebHost::Address(address),
            Err(_) => WebHost::Name(host.to_owned()),
        };
        Question::new(tls, &host, port, target, body)
    }

    #[test]
    fn the_host_names_the_port_only_where_it_is_not_implied() {
        let host = |tls, host, port| {
            let question = question(tls, host, port, "/oxen/v4/lsrpc").unwrap();
            question.0.headers()[HOST].to_str().unwrap().to_owned()
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
}
