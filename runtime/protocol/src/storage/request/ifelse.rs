//! `ifelse` (storage-rpc §4.15): one of two requests, by what the answering node is.

use serde_json::Value as Json;

use super::Request;
use super::encode::{Fields, Value};
use super::error::{ParseError, RequestError};
use super::fields::{Field, Params, Source};
use super::parse::parse_method;

/// A request that depends on the node.
#[derive(Debug, Clone, PartialEq)]
pub struct IfElse {
    /// What must hold, all of it.
    pub condition: Condition,
    /// What to do if it holds.
    pub then: Option<Request>,
    /// What to do if it does not.
    pub otherwise: Option<Request>,
}

/// Bounds on a node; those that are `None` do not count. At least one is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Condition {
    /// Lowest hard fork and soft fork.
    pub hf_at_least: Option<[i64; 2]>,
    /// Fork that is not yet reached.
    pub hf_before: Option<[i64; 2]>,
    /// Lowest version of the node.
    pub v_at_least: Option<[i64; 3]>,
    /// Version that is not yet reached.
    pub v_before: Option<[i64; 3]>,
    /// Lowest height of the chain.
    pub height_at_least: Option<i64>,
    /// Height that is not yet reached.
    pub height_before: Option<i64>,
}

/// What a condition asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeFacts {
    /// Hard fork and soft fork.
    pub hf: [i64; 2],
    /// The node's version.
    pub version: [i64; 3],
    /// The chain's height.
    pub height: i64,
}

impl Condition {
    /// Whether every bound that is set holds.
    #[must_use]
    pub fn holds(&self, node: &NodeFacts) -> bool {
        self.hf_at_least.is_none_or(|bound| node.hf >= bound)
            && self.hf_before.is_none_or(|bound| node.hf < bound)
            && self.v_at_least.is_none_or(|bound| node.version >= bound)
            && self.v_before.is_none_or(|bound| node.version < bound)
            && self.height_at_least.is_none_or(|bound| node.height >= bound)
            && self.height_before.is_none_or(|bound| node.height < bound)
    }

    fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let condition = Self {
            height_at_least: params.integer("height_at_least")?,
            height_before: params.integer("height_before")?,
            hf_at_least: params.integers("hf_at_least")?.and_then(filled),
            hf_before: params.integers("hf_before")?.and_then(filled),
            v_at_least: params.integers("v_at_least")?.and_then(filled),
            v_before: params.integers("v_before")?.and_then(filled),
        };
        if condition == Self::default() {
            return Err(ParseError::Other(
                "Invalid ifelse request: must specify at least one \"if\" condition",
            ));
        }
        Ok(condition)
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        let lists = [
            ("hf_at_least", self.hf_at_least.as_ref().map(<[i64; 2]>::as_slice)),
            ("hf_before", self.hf_before.as_ref().map(<[i64; 2]>::as_slice)),
            ("v_at_least", self.v_at_least.as_ref().map(<[i64; 3]>::as_slice)),
            ("v_before", self.v_before.as_ref().map(<[i64; 3]>::as_slice)),
        ];
        for (name, list) in lists {
            if let Some(list) = list {
                fields.add(
                    name,
                    Value::List(list.iter().map(|number| Value::Number((*number).into())).collect()),
                );
            }
        }
        for (name, height) in
            [("height_at_least", self.height_at_least), ("height_before", self.height_before)]
        {
            if let Some(height) = height {
                fields.add_number(name, height);
            }
        }
        fields
    }
}

/// Cuts or fills up with zeros; an empty list sets no bound.
fn filled<const N: usize>(numbers: Vec<i64>) -> Option<[i64; N]> {
    let mut filled = [0; N];
    for (place, number) in filled.iter_mut().zip(&numbers) {
        *place = *number;
    }
    (!numbers.is_empty()).then_some(filled)
}

impl IfElse {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let condition = match params.get("if") {
            Some(Field::Json(Json::Object(map))) => Source::Json(map),
            Some(Field::Bt(value)) => Source::Bt(value.as_dict().ok_or(NO_IF)?),
            _ => return Err(NO_IF),
        };
        let condition = Condition::parse(&Params { source: condition, network: params.network })?;
        let then = parse_branch(params, "then")?;
        let otherwise = parse_branch(params, "else")?;
        if then.is_none() && otherwise.is_none() {
            return Err(ParseError::Other(
                "Invalid ifelse request: at least one of \"then\"/\"else\" required",
            ));
        }
        Ok(Self { condition, then, otherwise })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.add("if", Value::Nested(self.condition.fields()));
        for (name, branch) in [("then", &self.then), ("else", &self.otherwise)] {
            if let Some(branch) = branch {
                fields.add(name, branch.nested());
            }
        }
        fields
    }
}

const NO_IF: ParseError = ParseError::Other("Invalid ifelse request: no valid \"if\" field");

fn parse_branch(params: &Params<'_>, branch: &'static str) -> Result<Option<Request>, ParseError> {
    let problem = |problem| ParseError::Branch { branch, problem };
    let Some(field) = params.get(branch) else { return Ok(None) };
    let (method, source) = match field {
        Field::Json(value) => {
            const KEYS: &str = "must have method/params keys";
            let part = value.as_object().ok_or(problem("must be an object"))?;
            let method = part.get("method").and_then(Json::as_str).ok_or(problem(KEYS))?;
            (method, Source::Json(part.get("params").and_then(Json::as_object).ok_or(problem(KEYS))?))
        }
        Field::Bt(value) => {
            let part = value.as_dict().ok_or(problem("must be a dict"))?;
            let method = part.get(b"method".as_slice()).and_then(|method| method.as_text());
            let inner = part.get(b"params".as_slice()).and_then(|inner| inner.as_dict());
            (method.ok_or(problem("missing method"))?, Source::Bt(inner.ok_or(problem("missing params"))?))
        }
    };
    match parse_method(method, &Params { source, network: params.network }) {
        Ok(request) => Ok(Some(request)),
        Err(RequestError::Parse(error)) => Err(error),
        Err(_) => Err(ParseError::BranchMethod(branch)),
    }
}
