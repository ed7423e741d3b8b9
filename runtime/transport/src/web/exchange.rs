//! One request and its answer over one connection: HTTP/1.1 (onion-requests §5.2).

use std::pin::pin;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Response, body::Incoming, client::conn::http1, header::LOCATION};
use hyper_util::rt::TokioIo;
use starling_contracts::transport::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::question::{Question, Redirects};
use crate::{budget::Body, purse::Purse};

/// A head of an answer that is longer, in bytes or lines, is none.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 128;

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// It counts until nobody has it any more.
    pub(super) body: Bytes,
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
) -> Result<Reply, Error>
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
        let response = sender.send_request(question.request).await.map_err(|error| broken(&error))?;
        let is_elsewhere = response.status().is_redirection() && response.headers().contains_key(LOCATION);
        match question.redirects {
            Redirects::Refused if is_elsewhere => Err(Error::Redirected),
            _ => read(response, limit, purse).await,
        }
    };
    match select(pin!(conversation), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection is done; what it brought may still have to be read.
        Either::Right((_, conversation)) => conversation.await,
    }
}

/// Reads a body piece by piece, so that no more than `limit` is ever held.
async fn read(response: Response<Incoming>, limit: usize, purse: &Purse) -> Result<Reply, Error> {
    let too_large = |size| Error::TooLarge { what: "answer", size, limit };
    let (head, mut body) = response.into_parts();
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
    let body = Bytes::from_owner(Body::kept(bytes, expense));
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
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
