//! The node list as seed nodes answer it to `/json_rpc` (storage-rpc §8).
//!
//! Pure: a [`Question`] is parsed from what a stranger sent, and answered from a [`NodeList`].

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use starling_contracts::{node_list::NodeListQuestion, staking::NodeList};
use starling_kernel::Entropy;

/// The names of the one call there is.
const METHODS: [&str; 3] = ["get_service_nodes", "get_n_service_nodes", "get_all_service_nodes"];

/// A JSON-RPC call for the node list.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    id: Value,
    asked: NodeListQuestion,
}

/// A call that is none, answered with a JSON-RPC error.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    id: Value,
    code: i32,
    message: Cow<'static, str>,
}

impl Refusal {
    const PARSE: i32 = -32700;
    const REQUEST: i32 = -32600;
    const METHOD: i32 = -32601;
    const PARAMS: i32 = -32602;

    /// The body that says so.
    pub fn encode(&self) -> Bytes {
        let error = json!({ "code": self.code, "message": self.message });
        Bytes::from(json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string())
    }
}

/// The longest body that is read as a call, in bytes. A call that names every field has a tenth of it, and parsed JSON takes many
/// times the memory of its text.
const MAX_CALL: usize = 16 << 10;

impl Question {
    /// Reads a request body.
    ///
    /// # Errors
    /// What JSON-RPC answers to a body that is no JSON, no call, a call of something else, or one with wrong parameters.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |id: &Value, code, message: &'static str| {
            Err(Refusal { id: id.clone(), code, message: message.into() })
        };
        if body.len() > MAX_CALL {
            return refuse(&Value::Null, Refusal::REQUEST, "Invalid Request: too long");
        }
        let Ok(call) = serde_json::from_slice::<Value>(body) else {
            return refuse(&Value::Null, Refusal::PARSE, "Parse error");
        };
        // An id that is no plain value is none (JSON-RPC §4); it would only be carried around.
        let id = call.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default();
        let Some(method) = call.get("method").and_then(Value::as_str) else {
            return refuse(&id, Refusal::REQUEST, "Invalid Request");
        };
        if !METHODS.contains(&method) {
            return refuse(&id, Refusal::METHOD, "Method not found");
        }
        let nothing = Map::new();
        let params = match call.get("params") {
            None | Some(Value::Null) => &nothing,
            Some(Value::Object(params)) => params,
            Some(_) => return refuse(&id, Refusal::PARAMS, "Invalid params: expected an object"),
        };
        match NodeListQuestion::parse(params) {
            Ok(asked) => Ok(Self { id, asked }),
            Err(error) => Err(Refusal { id, code: Refusal::PARAMS, message: error.to_string().into() }),
        }
    }

    /// The whole response body.
    pub fn answer(&self, list: &NodeList, entropy: &dyn Entropy) -> Bytes {
        let result = self.asked.answer(list, entropy);
        Bytes::from(json!({ "jsonrpc": "2.0", "id": self.id, "result": result }).to_string())
    }
}

#[cfg(test)]
mod tests;
