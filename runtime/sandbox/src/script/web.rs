//! The web servers of a script: exchanges that must be made in order.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::pattern::{Pattern, quoted};
use crate::{
    bytes_text::BytesText,
    call::{FetchResponse, HostError},
};

/// A request that is expected, and what it is answered.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    method: Option<Pattern>,
    url: Option<Pattern>,
    headers: BTreeMap<String, Pattern>,
    body: Option<Pattern>,
    pub(super) answer: Answer,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Response(FetchResponse),
    Fails(HostError),
    /// It waits until the deadline of the call.
    Hangs,
}

/// A request as it would leave: with secrets in place.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    expect: RawRequest,
    answer: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRequest {
    method: Option<Value>,
    url: Option<Value>,
    headers: BTreeMap<String, Value>,
    body: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResponse {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
}

fn ok() -> u16 {
    200
}

impl Exchange {
    /// Reads one; `place` names it in a refusal.
    pub(super) fn parse(value: &Value, place: &str) -> Result<Self, String> {
        let Raw { expect, answer } = Raw::deserialize(value).map_err(|error| format!("{place}: {error}"))?;
        let pattern = |value: Option<Value>, key: &str| {
            value.map(|value| Pattern::parse(&value, &format!("{place}.expect.{key}"))).transpose()
        };
        let headers = expect.headers.iter().map(|(name, value)| {
            let pattern = Pattern::parse(value, &format!("{place}.expect.headers.{name}"))?;
            Ok::<_, String>((name.to_ascii_lowercase(), pattern))
        });
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            method: pattern(expect.method, "method")?,
            url: pattern(expect.url, "url")?,
            body: pattern(expect.body, "body")?,
            answer: parse_answer(&answer, &format!("{place}.answer"))?,
        })
    }

    /// What is wrong with a request, if anything.
    pub(super) fn difference(&self, request: &Request) -> Option<String> {
        let texts = [("method", &self.method, &request.method), ("url", &self.url, &request.url)];
        for (what, pattern, text) in texts {
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.holds(text)) {
                return Some(format!("{what}: expected {pattern}, came {}", quoted(text)));
            }
        }
        for (name, pattern) in &self.headers {
            let mut values = request.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
            if !values.clone().any(|(_, value)| pattern.holds(value)) {
                let came = values.next().map_or_else(|| "none".to_owned(), |(_, value)| quoted(value));
                return Some(format!("header {name}: expected {pattern}, came {came}"));
            }
        }
        let body = self.body.as_ref().filter(|pattern| !pattern.holds_bytes(&request.body))?;
        Some(format!("body: expected {body}, came {}", quoted(&String::from_utf8_lossy(&request.body))))
    }
}

fn parse_answer(value: &Value, place: &str) -> Result<Answer, String> {
    match value {
        Value::String(word) if word == "timeout" => {
            Ok(Answer::Fails(HostError::Other("the server did not answer in time".to_owned())))
        }
        Value::String(word) if word == "hang" => Ok(Answer::Hangs),
        Value::Object(_) => {
            let RawResponse { status, headers, body } =
                RawResponse::deserialize(value).map_err(|error| format!("{place}: {error}"))?;
            let body = parse_body(&body, &format!("{place}.body"))?;
            Ok(Answer::Response(FetchResponse { status, headers: headers.into_iter().collect(), body }))
        }
        other => Err(format!(
            "{place} is {other}: expected an object with status, headers and body, or timeout, or hang"
        )),
    }
}

fn parse_body(value: &Value, place: &str) -> Result<BytesText, String> {
    let refuse = || format!("{place} is {value}: expected a text, {{ \"base64\": … }} or {{ \"json\": … }}");
    match value {
        Value::Null => Ok(BytesText::default()),
        Value::String(text) => Ok(text.as_str().into()),
        Value::Object(object) if object.len() == 1 => match (object.get("json"), object.get("base64")) {
            (Some(value), _) => Ok(value.to_string().into_bytes().into()),
            (_, Some(Value::String(text))) => {
                BASE64_STANDARD.decode(text).map(BytesText).map_err(|_| refuse())
            }
            _ => Err(refuse()),
        },
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        Request {
            method: "POST".to_owned(),
            url: "https://api.example.org/v1?q=1".to_owned(),
            headers: vec![("Authorization".to_owned(), "Bearer abc".to_owned())],
            body: b"{\"n\": 1}".to_vec(),
        }
    }

    #[test]
    fn a_request_is_compared_part_by_part() {
        let check = |expect: Value, difference: Option<&str>| {
            let exchange = Exchange::parse(&json!({ "expect": expect, "answer": {} }), "http[0]").unwrap();
            assert_eq!(exchange.difference(&request()).as_deref(), difference);
        };
        check(json!({}), None);
        check(
            json!({ "method": "POST", "url": { "contains": "/v1" }, "headers": { "authorization": "Bearer abc" }, "body": { "json": { "n": 1 } } }),
            None,
        );
        check(json!({ "method": "GET" }), Some("method: expected \"GET\", came \"POST\""));
        check(json!({ "headers": { "x-a": "1" } }), Some("header x-a: expected \"1\", came none"));
        check(json!({ "body": "x" }), Some("body: expected \"x\", came \"{\\\"n\\\": 1}\""));
    }

    #[test]
    fn an_answer_may_be_text_json_bytes_or_none() {
        let answer =
            |value| Exchange::parse(&json!({ "answer": value }), "http[0]").map(|exchange| exchange.answer);
        let body = |value| match answer(value) {
            Ok(Answer::Response(response)) => (response.status, response.body.0),
            other => panic!("{other:?}"),
        };

        assert_eq!(body(json!({ "status": 204 })), (204, Vec::new()));
        assert_eq!(body(json!({ "body": { "json": { "a": 1 } } })), (200, b"{\"a\":1}".to_vec()));
        assert_eq!(body(json!({ "body": { "base64": "/wA=" } })), (200, b"\xff\0".to_vec()));
        assert!(matches!(answer(json!("timeout")), Ok(Answer::Fails(_))));
        assert!(matches!(answer(json!("hang")), Ok(Answer::Hangs)));
        let refused = answer(json!("later")).unwrap_err();
        assert!(refused.starts_with("http[0].answer is \"later\": expected an object"), "{refused}");
    }
}
