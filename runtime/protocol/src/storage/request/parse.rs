//! From bytes to a request: the envelope of HTTPS and onion requests, bare parameters of OxenMQ and QUIC, and the dicts
//! that members of a swarm pass on (storage-rpc §1, §5).

use serde_json::{Map, Value as Json};

use super::Request;
use super::batch::{Batch, BatchOrder};
use super::delete::{Delete, DeleteAll, DeleteBefore};
use super::error::{ParseError, RequestError};
use super::expire::{Expire, ExpireAll, GetExpiries};
use super::fields::{Params, Source};
use super::ifelse::IfElse;
use super::query::{GetSwarm, OxendRequest};
use super::retrieve::Retrieve;
use super::revocation::{RevokeSubaccount, RevokedSubaccounts, UnrevokeSubaccount};
use super::store::Store;
use crate::bencode::{self, Limits, Value as Bt};

/// Which form of account ids is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Network {
    /// Ids have their prefix.
    #[default]
    Mainnet,
    /// A bare key of 32 bytes is read as a `05` account too.
    Testnet,
}

/// How parameters were sent, and so how the answer has to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON.
    Json,
    /// Bencode.
    Bencode,
}

/// Reads requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Parser {
    network: Network,
}

impl Parser {
    /// A parser for a network.
    #[must_use]
    pub const fn new(network: Network) -> Self {
        Self { network }
    }

    /// Reads the body of an HTTPS request or the payload of an onion request, `{"method":…,"params":{…}}`.
    ///
    /// # Errors
    /// What to answer with status 400.
    pub fn envelope(&self, body: &[u8]) -> Result<Request, RequestError> {
        let body = parse_json(body).ok_or(RequestError::Json)?;
        let method = body.get("method").and_then(Json::as_str).ok_or(RequestError::NoMethod)?;
        let params = body.get("params").ok_or(RequestError::NoParams)?;
        self.rpc(method, params)
    }

    /// Reads a request whose method and parameters are already taken apart.
    ///
    /// # Errors
    /// What to answer with status 400.
    pub fn rpc(&self, method: &str, params: &Json) -> Result<Request, RequestError> {
        let params = params.as_object().ok_or(RequestError::NoParams)?;
        parse_method(method, &self.params(Source::Json(params)))
    }

    /// Reads the bare parameters of OxenMQ and QUIC: nothing, JSON, or bencode if the first byte says so.
    ///
    /// # Errors
    /// What to answer with status 400.
    pub fn params_of(&self, method: &str, bytes: &[u8]) -> Result<(Request, Encoding), RequestError> {
        if bytes.first() == Some(&b'd') {
            return Ok((self.bencoded(method, bytes)?, Encoding::Bencode));
        }
        let value: Json = match bytes {
            b"" => Json::Object(Map::new()),
            bytes => parse_json(bytes).ok_or(RequestError::Body)?,
        };
        // JSON that is no object has no fields, which the method then complains about.
        let empty = Map::new();
        let params = value.as_object().unwrap_or(&empty);
        Ok((parse_method(method, &self.params(Source::Json(params)))?, Encoding::Json))
    }

    /// Reads what a member of the swarm passed on.
    ///
    /// # Errors
    /// What to answer with status 400; among it methods that are not passed on.
    pub fn replicated(&self, method: &str, bytes: &[u8]) -> Result<Request, RequestError> {
        let (request, _) = self.params_of(method, bytes)?;
        if request.is_recursive() { Ok(request) } else { Err(RequestError::NotForwardable) }
    }

    fn bencoded(&self, method: &str, bytes: &[u8]) -> Result<Request, RequestError> {
        let value = bencode::decode(bytes, Limits::REQUEST)
            .map_err(|_| ParseError::Other("parameters are not a bencoded dict within the limits"))?;
        let Bt::Dict(dict) = value else {
            return Err(RequestError::Body);
        };
        parse_method(method, &self.params(Source::Bt(&dict)))
    }

    const fn params<'a>(&self, source: Source<'a>) -> Params<'a> {
        Params { source, network: self.network }
    }
}

/// [`Parser::envelope`] for the main network.
///
/// # Errors
/// As there.
pub fn parse_envelope(body: &[u8]) -> Result<Request, RequestError> {
    Parser::default().envelope(body)
}

/// [`Parser::rpc`] for the main network.
///
/// # Errors
/// As there.
pub fn parse_rpc(method: &str, params: &Json) -> Result<Request, RequestError> {
    Parser::default().rpc(method, params)
}

/// [`Parser::params_of`] for the main network.
///
/// # Errors
/// As there.
pub fn parse_params(method: &str, bytes: &[u8]) -> Result<(Request, Encoding), RequestError> {
    Parser::default().params_of(method, bytes)
}

/// Most values in a JSON request. As a tree they take up to a hundred times the bytes that were sent, and a stranger may
/// send ten million.
const MAX_JSON_ITEMS: usize = 50_000;

fn parse_json(text: &[u8]) -> Option<Json> {
    if text.len() > Limits::REQUEST.max_bytes || count_items(text) > MAX_JSON_ITEMS {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// Counts what opens or separates values outside of strings; on malformed text it counts something, which is enough.
fn count_items(text: &[u8]) -> usize {
    let (mut items, mut in_string, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' if !in_string => items += 1,
            _ => {}
        }
    }
    items
}

pub(super) fn parse_method(method: &str, params: &Params<'_>) -> Result<Request, RequestError> {
    let request = match method {
        "store" => Request::Store(Store::parse(params)?),
        "retrieve" => Request::Retrieve(Retrieve::parse(params)?),
        "delete" => Request::Delete(Delete::parse(params)?),
        "delete_all" => Request::DeleteAll(DeleteAll::parse(params)?),
        "delete_before" => Request::DeleteBefore(DeleteBefore::parse(params)?),
        "expire_all" => Request::ExpireAll(ExpireAll::parse(params)?),
        "expire" => Request::Expire(Expire::parse(params)?),
        "get_expiries" => Request::GetExpiries(GetExpiries::parse(params)?),
        "get_swarm" | "get_snodes_for_pubkey" => Request::GetSwarm(GetSwarm::parse(params)?),
        "oxend_request" => Request::OxendRequest(OxendRequest::parse(params)?),
        "info" => Request::Info,
        "revoke_subaccount" => Request::RevokeSubaccount(RevokeSubaccount::parse(params)?),
        "unrevoke_subaccount" => Request::UnrevokeSubaccount(UnrevokeSubaccount::parse(params)?),
        "revoked_subaccounts" => Request::RevokedSubaccounts(RevokedSubaccounts::parse(params)?),
        "active_nodes_bin" => Request::ActiveNodes,
        "batch" => Request::Batch(Batch::parse(BatchOrder::All, params)?),
        "sequence" => Request::Batch(Batch::parse(BatchOrder::UntilFailure, params)?),
        "ifelse" => Request::IfElse(Box::new(IfElse::parse(params)?)),
        unknown => return Err(RequestError::UnknownMethod(unknown.to_owned())),
    };
    Ok(request)
}
