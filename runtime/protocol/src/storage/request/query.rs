//! `get_swarm` and `oxend_request` (storage-rpc §4.10, §4.11): unsigned questions that any node answers.

use serde_json::{Map, Value as Json};

use super::encode::{Fields, Value};
use super::error::ParseError;
use super::fields::{Field, Params, one_name};
use crate::account::AccountId;

/// Which nodes keep an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GetSwarm {
    /// Whose swarm.
    pub account: AccountId,
}

/// A question to the chain's daemon, passed through.
#[derive(Debug, Clone, PartialEq)]
pub struct OxendRequest {
    /// Which call.
    pub endpoint: OxendEndpoint,
    /// Its parameters, as sent; `Null` for none. An object in every request that means something.
    pub params: Json,
}

/// The daemon's calls that clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OxendEndpoint {
    /// The node list.
    GetServiceNodes,
    /// A name's encrypted value.
    OnsResolve,
}

impl OxendEndpoint {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetServiceNodes => "get_service_nodes",
            Self::OnsResolve => "ons_resolve",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Self::GetServiceNodes, Self::OnsResolve]
            .into_iter()
            .find(|endpoint| endpoint.name().as_bytes() == name)
    }
}

impl GetSwarm {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let old_name = params.text("pubKey")?;
        let pubkey = params.text("pubkey")?;
        let pubkey =
            one_name(("pubkey", pubkey), ("pubKey", old_name))?.ok_or(ParseError::Missing("pubkey"))?;
        // This method alone words it with a slash.
        let account = params
            .parse_account(pubkey)
            .ok_or(ParseError::Other("Pubkey must be 66 hex digits/33 bytes long"))?;
        Ok(Self { account })
    }

    pub(super) fn fields(&self) -> Fields {
        Fields::new(&self.account)
    }
}

impl OxendRequest {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let name = params.text("endpoint")?.ok_or(ParseError::Missing("endpoint"))?;
        let endpoint = OxendEndpoint::parse(name)
            .ok_or_else(|| ParseError::OxendEndpoint(String::from_utf8_lossy(name).into_owned()))?;
        let inner = match params.get("params") {
            None => Json::Null,
            Some(Field::Json(value)) => value.clone(),
            Some(Field::Bt(value)) => {
                let text =
                    value.as_bytes().ok_or(ParseError::Type { field: "params", expected: "string" })?;
                serde_json::from_slice(text).map_err(|_| {
                    ParseError::Other("oxend_request params field does not contain valid json")
                })?
            }
        };
        Ok(Self { endpoint, params: inner })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.add("endpoint", Value::Text(self.endpoint.name().to_owned()));
        match &self.params {
            Json::Null => {}
            Json::Object(object) => fields.add("params", Value::Object(object.clone())),
            // Nothing else has a meaning for the daemon, so nothing else is passed on.
            _ => fields.add("params", Value::Object(Map::new())),
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use crate::storage::request::{Network, OxendRequest, Parser, Request};

    #[test]
    fn a_number_in_the_ledger_s_parameters_is_the_same_but_for_its_last_digit_when_it_is_read_again() {
        let parser = Parser::new(Network::Mainnet);
        let number = |request: &Request| match request {
            Request::OxendRequest(OxendRequest { params, .. }) => params["x"].as_f64().unwrap(),
            other => panic!("{other:?}"),
        };

        let json = br#"{"endpoint":"ons_resolve","params":{"x":1000013411031718699088101}}"#;
        let (request, _) = parser.params_of("oxend_request", json).unwrap();
        let (again, _) = parser.params_of("oxend_request", &request.to_bencode()).unwrap();

        assert!((number(&request) / number(&again) - 1.0).abs() < 1e-15);
    }
}
