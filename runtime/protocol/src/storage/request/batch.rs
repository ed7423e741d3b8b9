//! `batch` and `sequence` (storage-rpc §4.15).

use serde_json::Value as Json;

use super::Request;
use super::encode::{Fields, Value};
use super::error::{ParseError, RequestError};
use super::fields::{Field, Params, Source};
use super::parse::parse_method;
use crate::storage::limits::MAX_BATCH;

/// Several requests in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Whether a failure stops the rest.
    pub order: BatchOrder,
    /// One to [`MAX_BATCH`] requests, none of them a batch or an `ifelse`.
    pub requests: Vec<Request>,
}

/// How the parts of a batch are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchOrder {
    /// `batch`: all of them.
    All,
    /// `sequence`: one after the other, until one has a status outside 200 to 299; that one is included.
    UntilFailure,
}

impl BatchOrder {
    /// The method's name.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::All => "batch",
            Self::UntilFailure => "sequence",
        }
    }
}

impl Batch {
    pub(super) fn parse(order: BatchOrder, params: &Params<'_>) -> Result<Self, ParseError> {
        const NO_REQUESTS: ParseError =
            ParseError::Other("Invalid batch request: no valid \"requests\" field");
        let parts: Vec<Field<'_>> = match params.get("requests").ok_or(NO_REQUESTS)? {
            Field::Json(Json::Array(parts)) if !parts.is_empty() => parts.iter().map(Field::Json).collect(),
            Field::Bt(value) => value.as_list().ok_or(NO_REQUESTS)?.iter().map(Field::Bt).collect(),
            Field::Json(_) => return Err(NO_REQUESTS),
        };
        if parts.is_empty() {
            return Err(ParseError::Other("Invalid batch request: empty \"requests\" list"));
        }
        if parts.len() > MAX_BATCH {
            return Err(ParseError::Other("Invalid batch request: subrequest limit exceeded"));
        }
        let requests = parts.into_iter().map(|part| parse_part(params, part)).collect::<Result<_, _>>()?;
        Ok(Self { order, requests })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.add("requests", Value::List(self.requests.iter().map(Request::nested).collect()));
        fields
    }
}

fn parse_part(params: &Params<'_>, part: Field<'_>) -> Result<Request, ParseError> {
    let (method, inner) = match part {
        Field::Json(part) => {
            let part = part
                .as_object()
                .ok_or(ParseError::Other("Invalid batch request: requests must be objects"))?;
            let keys =
                part.get("method").and_then(Json::as_str).zip(part.get("params").and_then(Json::as_object));
            let (method, inner) = keys.ok_or(ParseError::Other(
                "Invalid batch request: subrequests must have method/params keys",
            ))?;
            (method, Some(Source::Json(inner)))
        }
        Field::Bt(part) => {
            let part =
                part.as_dict().ok_or(ParseError::Other("Invalid batch request: requests must be dicts"))?;
            let method = part.get(b"method".as_slice()).and_then(|method| method.as_bytes());
            let method =
                method.ok_or(ParseError::Other("Invalid batch request: subrequests must have a method"))?;
            let method = std::str::from_utf8(method)
                .map_err(|_| ParseError::BatchMethod(String::from_utf8_lossy(method).into_owned()))?;
            (method, part.get(b"params".as_slice()).and_then(|inner| inner.as_dict()).map(Source::Bt))
        }
    };
    if matches!(method, "batch" | "sequence" | "ifelse") {
        return Err(ParseError::Other("Invalid batch subrequest: subrequests may not contain meta-requests"));
    }
    if !super::METHODS.contains(&method) {
        return Err(ParseError::BatchMethod(method.to_owned()));
    }
    let source =
        inner.ok_or(ParseError::Other("Invalid batch request: subrequests must have a params dict"))?;
    match parse_method(method, &Params { source, network: params.network }) {
        Ok(request) => Ok(request),
        Err(RequestError::Parse(error)) => Err(error),
        Err(_) => Err(ParseError::BatchMethod(method.to_owned())),
    }
}
