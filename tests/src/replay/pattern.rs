//! What an answer has to look like.
//!
//! A pattern is JSON. Objects must have exactly the keys of their pattern, lists the same length and order, and anything else
//! must be equal; `true` and `false` also match 1 and 0, because bencode has no others. An object with one key that begins
//! with `$` is a pattern; `tests/interop/README.md` lists them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};
use starling_protocol::crypto::ed25519;

use super::signing::plain;

/// The first place where an answer is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "body" } else { &self.path };
        write!(f, "{path}: expected {}, got {}", self.expected, self.got)
    }
}

impl Difference {
    /// A difference in that place.
    pub fn new(path: &str, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), expected: shortened(expected), got: shortened(got) }
    }
}

/// A line is to stay a line.
fn shortened(shown: impl fmt::Display) -> String {
    const LONGEST: usize = 300;
    let text = shown.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What patterns may ask of the node that answered.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// Ed25519 keys of the swarm that the asked node is in.
    pub members: Vec<String>,
}

/// The object around a value, with the key under which it lies itself.
#[derive(Clone, Copy)]
struct Around<'a> {
    key: &'a str,
    fields: &'a Map<String, Json>,
}

/// Compares an answer with its pattern.
///
/// # Errors
/// The first difference.
pub fn compare(pattern: &Json, got: &Json, scene: &Scene) -> Result<(), Difference> {
    Comparison { scene }.value(pattern, got, "", None)
}

struct Comparison<'a> {
    scene: &'a Scene,
}

type Compared = Result<(), Difference>;

impl Comparison<'_> {
    fn value(&self, pattern: &Json, got: &Json, path: &str, around: Option<Around<'_>>) -> Compared {
        match (pattern, got) {
            (Json::Object(fields), _) if special(fields).is_some() => {
                let (name, argument) = special(fields).expect("just seen");
                self.special(name, argument, got, path, around)
            }
            (Json::Object(fields), Json::Object(there)) => self.fields(fields, there, path, around),
            (Json::Array(items), Json::Array(there)) => self.items(items, there, path, around),
            (Json::Bool(flag), Json::Number(number)) if number.as_i64() == Some(i64::from(*flag)) => Ok(()),
            _ if pattern == got => Ok(()),
            _ => Err(Difference::new(path, pattern, got)),
        }
    }

    fn fields(
        &self,
        pattern: &Map<String, Json>,
        got: &Map<String, Json>,
        path: &str,
        around: Option<Around<'_>>,
    ) -> Compared {
        self.open_fields(pattern, got, path, around)?;
        match got.keys().find(|name| !pattern.contains_key(*name)) {
            Some(name) => Err(Difference::new(&format!("{path}/{name}"), "nothing", &got[name])),
            None => Ok(()),
        }
    }

    /// As `fields`, but the answer may have more.
    fn open_fields(
        &self,
        pattern: &Map<String, Json>,
        got: &Map<String, Json>,
        path: &str,
        around: Option<Around<'_>>,
    ) -> Compared {
        // Inside, the object itself is around; its own key stays known to signatures.
        let around = Around { key: around.map_or("", |around| around.key), fields: got };
        for (name, pattern) in pattern {
            let path = format!("{path}/{name}");
            match (got.get(name), special_of(pattern)) {
                (Some(value), Some(("$maybe", inner))) => self.value(inner, value, &path, Some(around))?,
                (Some(value), _) => self.value(pattern, value, &path, Some(around))?,
                (None, Some(("$maybe", _))) => {}
                (None, _) => return Err(Difference::new(&path, pattern, "nothing")),
            }
        }
        Ok(())
    }

    fn items(&self, pattern: &[Json], got: &[Json], path: &str, around: Option<Around<'_>>) -> Compared {
        if pattern.len() != got.len() {
            let (expected, got) = (Json::from(pattern), Json::from(got));
            return Err(Difference::new(path, expected, got));
        }
        let mut pairs = pattern.iter().zip(got).enumerate();
        pairs.try_for_each(|(index, (pattern, got))| {
            self.value(pattern, got, &format!("{path}/{index}"), around)
        })
    }

    fn special(
        &self,
        name: &str,
        argument: &Json,
        got: &Json,
        path: &str,
        around: Option<Around<'_>>,
    ) -> Compared {
        let differs = |expected: &dyn fmt::Display| Err(Difference::new(path, expected, got));
        match name {
            "$any" => Ok(()),
            "$type" if argument == type_name(got) => Ok(()),
            "$type" => differs(&format_args!("a value of type {argument}")),
            "$near" => {
                let (middle, within) = (argument[0].as_i64(), argument[1].as_i64().unwrap_or(0));
                let near = middle.zip(got.as_i64()).is_some_and(|(a, b)| (a - b).abs() <= within);
                if near { Ok(()) } else { differs(&format_args!("{} ± {within}", argument[0])) }
            }
            "$regex" => {
                let pattern = argument.as_str().unwrap_or_default();
                let regex = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
                let matches = regex.is_ok_and(|regex| got.as_str().is_some_and(|text| regex.is_match(text)));
                if matches { Ok(()) } else { differs(&format_args!("text that matches {pattern}")) }
            }
            "$open" => match (argument, got) {
                (Json::Object(pattern), Json::Object(got)) => self.open_fields(pattern, got, path, around),
                _ => differs(argument),
            },
            "$each" => match got {
                Json::Array(items) if !items.is_empty() => {
                    let mut items = items.iter().enumerate();
                    items.try_for_each(|(index, item)| {
                        self.value(argument, item, &format!("{path}/{index}"), around)
                    })
                }
                _ => differs(&"a list that is not empty"),
            },
            "$set" => self.set(argument, got, path, around),
            "$sorted" => {
                let mut sorted = argument.as_array().cloned().unwrap_or_default();
                sorted.sort_by_key(plain);
                self.value(&Json::from(sorted), got, path, around)
            }
            "$swarm" => self.swarm(argument, got, path),
            "$signed" => self.signed(argument, got, path, around),
            other => differs(&format_args!("the unknown pattern {other}")),
        }
    }

    /// The same elements in any order.
    fn set(&self, argument: &Json, got: &Json, path: &str, around: Option<Around<'_>>) -> Compared {
        let (Some(expected), Some(there)) = (argument.as_array(), got.as_array()) else {
            return Err(Difference::new(path, argument, got));
        };
        let mut left: Vec<&Json> = there.iter().collect();
        for pattern in expected {
            let found = left.iter().position(|item| self.value(pattern, item, path, around).is_ok());
            let Some(found) = found else {
                return Err(Difference::new(path, format_args!("an element {pattern}"), got));
            };
            left.swap_remove(found);
        }
        match left.first() {
            Some(more) => Err(Difference::new(path, "no further element", more)),
            None => Ok(()),
        }
    }

    /// One entry for each member of the swarm, none of them a failure.
    fn swarm(&self, argument: &Json, got: &Json, path: &str) -> Compared {
        let entries = got.as_object().ok_or_else(|| Difference::new(path, "one entry per member", got))?;
        for member in &self.scene.members {
            let path = format!("{path}/{member}");
            let entry = entries.get(member).ok_or_else(|| Difference::new(&path, "an entry", "nothing"))?;
            self.value(argument, entry, &path, Some(Around { key: member, fields: entries }))?;
        }
        match entries.keys().find(|key| !self.scene.members.contains(key)) {
            Some(stranger) => {
                Err(Difference::new(&format!("{path}/{stranger}"), "members only", &entries[stranger]))
            }
            None => Ok(()),
        }
    }

    /// Signed by the member whose entry this is, over the parts; `@name` stands for the field of that name beside it.
    fn signed(&self, parts: &Json, got: &Json, path: &str, around: Option<Around<'_>>) -> Compared {
        let Some(around) = around else { return Err(Difference::new(path, "an entry around", got)) };
        let mut text = Vec::new();
        for part in parts.as_array().into_iter().flatten() {
            match part.as_str() {
                Some(name) if name.starts_with('@') => match around.fields.get(&name[1..]) {
                    Some(field) => text.extend(flattened(field).into_bytes()),
                    None => return Err(Difference::new(path, format_args!("{name} beside it"), "nothing")),
                },
                Some(token) if token.starts_with('#') => {
                    text.extend(STANDARD.decode(&token[1..]).unwrap_or_default());
                }
                _ => text.extend(flattened(part).into_bytes()),
            }
        }
        let signature = got.as_str().and_then(super::wire::from_base64);
        let signature = signature.and_then(|bytes| ed25519::Signature::from_slice(&bytes));
        let key: Option<ed25519::PublicKey> = around.key.parse().ok();
        let good = key.zip(signature).is_some_and(|(key, signature)| key.verify(&text, &signature));
        let text = String::from_utf8_lossy(&text);
        match good {
            true => Ok(()),
            false => {
                Err(Difference::new(path, format_args!("the signature of {} over {text}", around.key), got))
            }
        }
    }
}

/// The one key of a special pattern, and what it says.
fn special(fields: &Map<String, Json>) -> Option<(&str, &Json)> {
    let mut pairs = fields.iter();
    match (pairs.next(), pairs.next()) {
        (Some((name, argument)), None) if name.starts_with('$') => Some((name, argument)),
        _ => None,
    }
}

fn special_of(pattern: &Json) -> Option<(&str, &Json)> {
    pattern.as_object().and_then(special)
}

/// A field as nodes sign it: hashes of all namespaces sorted together, unchanged hashes each with its expiry.
fn flattened(value: &Json) -> String {
    match value {
        Json::Array(items) => items.iter().map(flattened).collect(),
        Json::Object(fields) if fields.values().all(Json::is_array) => {
            let mut hashes: Vec<_> =
                fields.values().filter_map(Json::as_array).flatten().map(plain).collect();
            hashes.sort();
            hashes.concat()
        }
        Json::Object(fields) => {
            let mut pairs: Vec<_> = fields.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            pairs.into_iter().map(|(key, value)| format!("{key}{}", plain(value))).collect()
        }
        other => plain(other),
    }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pattern: Json, got: Json, expected: Result<(), &str>) {
        let compared = compare(&pattern, &got, &Scene { members: vec!["aa".to_owned()] });

        let path = compared.as_ref().map(drop).map_err(|difference| difference.path.as_str());
        assert_eq!(path, expected, "{pattern} and {got}: {compared:?}");
    }

    #[test]
    fn what_is_not_a_pattern_must_be_equal() {
        check(json!({"a": [1, "x"]}), json!({"a": [1, "x"]}), Ok(()));
        check(json!({"a": [1, "x"]}), json!({"a": [1, "y"]}), Err("/a/1"));
        check(json!({"a": [1]}), json!({"a": [1, 2]}), Err("/a"));
        check(json!({"a": 1}), json!({"a": 1, "b": 2}), Err("/b"));
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), Err("/b"));
        check(json!(true), json!(1), Ok(()));
        check(json!(true), json!(0), Err(""));
    }

    #[test]
    fn each_pattern_accepts_what_it_says_and_nothing_else() {
        check(json!({"$near": [100, 5]}), json!(95), Ok(()));
        check(json!({"$near": [100, 5]}), json!(94), Err(""));
        check(json!({"$near": [100, 5]}), json!("100"), Err(""));
        check(json!({"$regex": "[a-z]+"}), json!("abc"), Ok(()));
        check(json!({"$regex": "[a-z]+"}), json!("abc1"), Err(""));
        check(json!({"$type": "text"}), json!(""), Ok(()));
        check(json!({"$type": "text"}), json!(1), Err(""));
        check(json!({"$set": [1, 2]}), json!([2, 1]), Ok(()));
        check(json!({"$set": [1, 2]}), json!([2, 2]), Err(""));
        check(json!({"$set": [1]}), json!([1, 1]), Err(""));
        check(json!({"$sorted": ["b", "a"]}), json!(["a", "b"]), Ok(()));
        check(json!({"$sorted": ["b", "a"]}), json!(["b", "a"]), Err("/0"));
        check(json!({"$open": {"a": 1}}), json!({"a": 1, "b": 2}), Ok(()));
        check(json!({"$open": {"a": 1}}), json!({"b": 2}), Err("/a"));
        check(json!({"a": {"$maybe": 1}}), json!({}), Ok(()));
        check(json!({"a": {"$maybe": 1}}), json!({"a": 2}), Err("/a"));
        check(json!({"$each": {"$type": "number"}}), json!([1, "x"]), Err("/1"));
        check(json!({"$each": {"$any": true}}), json!([]), Err(""));
        check(json!({"$swarm": {"a": 1}}), json!({"aa": {"a": 1}}), Ok(()));
        check(json!({"$swarm": {"a": 1}}), json!({}), Err("/aa"));
        check(json!({"$swarm": {"a": 1}}), json!({"aa": {"a": 1}, "bb": {"a": 1}}), Err("/bb"));
        check(json!({"$unheard": 1}), json!(1), Err(""));
    }

    #[test]
    fn a_signature_is_checked_with_the_key_of_its_entry() {
        let key = ed25519::SecretKey::from_seed([1; 32]);
        let name = key.public().to_string();
        let signed = |text: &[u8]| STANDARD.encode(key.sign(text).0);
        let scene = Scene { members: vec![name.clone()] };
        let pattern =
            json!({"$swarm": {"deleted": {"$any": 1}, "signature": {"$signed": ["acct", 7, "@deleted"]}}});
        let answer = |signature: String| json!({ &name: {"deleted": {"0": ["b"], "2": ["a"]}, "signature": signature} });

        assert_eq!(compare(&pattern, &answer(signed(b"acct7ab")), &scene), Ok(()));
        assert!(compare(&pattern, &answer(signed(b"acct7ba")), &scene).is_err());
    }
}
