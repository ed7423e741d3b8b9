//! What a text is expected to be.

use std::fmt;

use regex_lite::Regex;
use serde_json::Value;

/// The longest part of a text that a report shows.
const SHOWN: usize = 400;

/// An expectation of a text.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Exactly(String),
    Contains(String),
    Matches(Regex),
    Json(Value),
}

impl Pattern {
    /// Reads one; `place` names it in a refusal.
    pub(super) fn parse(value: &Value, place: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{place} is {value}: expected a text, or an object with one of contains, matches and json"
            )
        };
        let object = match value {
            Value::String(text) => return Ok(Self::Exactly(text.clone())),
            Value::Object(object) if object.len() == 1 => object,
            _ => return Err(refuse()),
        };
        let (key, value) = object.iter().next().ok_or_else(refuse)?;
        match (key.as_str(), value) {
            ("contains", Value::String(part)) => Ok(Self::Contains(part.clone())),
            ("matches", Value::String(expression)) => Regex::new(expression)
                .map(Self::Matches)
                .map_err(|error| format!("{place}.matches is no regular expression: {error}")),
            ("json", value) => Ok(Self::Json(value.clone())),
            _ => Err(refuse()),
        }
    }

    /// Whether an object is meant as a pattern, and not as the parts of something.
    pub(super) fn is_pattern(value: &Value) -> bool {
        value.is_string()
            || value.as_object().is_some_and(|object| {
                object.len() == 1
                    && ["contains", "matches", "json"].iter().any(|key| object.contains_key(*key))
            })
    }

    /// Whether the text is as expected.
    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exactly(expected) => expected == text,
            Self::Contains(part) => text.contains(part),
            Self::Matches(expression) => expression.is_match(text),
            Self::Json(expected) => serde_json::from_str::<Value>(text).is_ok_and(|value| value == *expected),
        }
    }

    /// Whether the bytes are text, and that as expected.
    pub(super) fn holds_bytes(&self, bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).is_ok_and(|text| self.holds(text))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(text) => f.write_str(&quoted(text)),
            Self::Contains(part) => write!(f, "a text with {}", quoted(part)),
            Self::Matches(expression) => write!(f, "a text like /{expression}/"),
            Self::Json(value) => write!(f, "JSON {}", shortened(&value.to_string())),
        }
    }
}

/// A text in quotes, with what could steer a terminal escaped, and cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    shortened(&format!("{text:?}"))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pattern: Value, text: &str, holds: bool) {
        assert_eq!(Pattern::parse(&pattern, "body").unwrap().holds(text), holds, "{pattern} on {text:?}");
    }

    #[test]
    fn a_pattern_holds_for_what_it_describes() {
        check(json!("hello"), "hello", true);
        check(json!("hello"), "hello!", false);
        check(json!({ "contains": "ell" }), "hello", true);
        check(json!({ "contains": "elk" }), "hello", false);
        check(json!({ "matches": "^h.*o$" }), "hello", true);
        check(json!({ "matches": "^e" }), "hello", false);
        check(json!({ "json": { "a": [1, 2] } }), "{\"a\": [1,2]}", true);
        check(json!({ "json": { "a": 1 } }), "a: 1", false);
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_its_place() {
        for wrong in [json!(1), json!({}), json!({ "contains": 1 }), json!({ "contains": "a", "json": 1 })] {
            let refused = Pattern::parse(&wrong, "steps[2].expect[0].send.body").unwrap_err();
            assert!(refused.starts_with("steps[2].expect[0].send.body is "), "{refused}");
        }
        let refused = Pattern::parse(&json!({ "matches": "(" }), "body").unwrap_err();
        assert!(refused.starts_with("body.matches is no regular expression"), "{refused}");
    }
}
