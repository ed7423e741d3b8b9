//! An answer as a value, before it is known in which encoding it goes out (storage-rpc §1.4).

use serde_json::{Map, Value as Json};

use crate::bencode::Value as Bt;
use crate::storage::base64_text;

/// Quotes, commas and the like around a value, for [`ReplyValue::weight`].
const AROUND: usize = 4;

/// The fields of an answer.
pub type Fields = Vec<(String, ReplyValue)>;

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyValue {
    /// A truth value; bencode has numbers for it.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// Text, the same in both encodings.
    Text(String),
    /// Bytes: padded base64 in JSON, raw in bencode.
    Binary(Vec<u8>),
    /// A list.
    List(Vec<ReplyValue>),
    /// An object.
    Object(Fields),
    /// Something that came as JSON, such as the daemon's answer.
    Json(Json),
}

impl ReplyValue {
    /// An object out of its fields.
    #[must_use]
    pub fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.clone().into_json()
    }

    /// As JSON, without a second copy of what is large.
    #[must_use]
    pub fn into_json(self) -> Json {
        match self {
            Self::Bool(flag) => Json::from(flag),
            Self::Integer(number) => Json::from(number),
            Self::Text(text) => Json::from(text),
            Self::Binary(bytes) => Json::from(base64_text::encode(&bytes)),
            Self::List(values) => values.into_iter().map(Self::into_json).collect(),
            Self::Object(fields) => Json::Object(
                fields.into_iter().map(|(name, value)| (name, value.into_json())).collect::<Map<_, _>>(),
            ),
            Self::Json(value) => value,
        }
    }

    /// As bencode.
    #[must_use]
    pub fn to_bencode(&self) -> Bt {
        self.clone().into_bencode()
    }

    /// As bencode, without a second copy of what is large.
    #[must_use]
    pub fn into_bencode(self) -> Bt {
        match self {
            Self::Bool(flag) => Bt::from(flag),
            Self::Integer(number) => Bt::from(number),
            Self::Text(text) => Bt::from(text),
            Self::Binary(bytes) => Bt::from(bytes),
            Self::List(values) => values.into_iter().map(Self::into_bencode).collect::<Vec<_>>().into(),
            Self::Object(fields) => Bt::Dict(
                fields.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bencode())).collect(),
            ),
            Self::Json(value) => json_to_bencode(&value),
        }
    }

    /// About how many bytes it has on the wire.
    #[must_use]
    pub fn weight(&self) -> usize {
        AROUND
            + match self {
                Self::Bool(_) => 1,
                Self::Integer(_) => 13,
                Self::Text(text) => text.len(),
                Self::Binary(bytes) => bytes.len().saturating_mul(4) / 3,
                Self::List(values) => values.iter().map(Self::weight).sum(),
                Self::Object(fields) => fields.iter().map(|(name, value)| name.len() + value.weight()).sum(),
                Self::Json(value) => json_weight(value),
            }
    }
}

fn json_weight(value: &Json) -> usize {
    AROUND
        + match value {
            Json::Null | Json::Bool(_) => 1,
            Json::Number(_) => 13,
            Json::String(text) => text.len(),
            Json::Array(values) => values.iter().map(json_weight).sum(),
            Json::Object(map) => map.iter().map(|(name, value)| name.len() + json_weight(value)).sum(),
        }
}

/// Fractions become text and null becomes an empty string, for which bencode has no kinds of its own.
fn json_to_bencode(value: &Json) -> Bt {
    match value {
        Json::Null => Bt::from(""),
        Json::Bool(flag) => Bt::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Bt::from(number),
            (None, Some(number)) => Bt::from(number),
            (None, None) => Bt::from(number.to_string()),
        },
        Json::String(text) => Bt::from(text.as_str()),
        Json::Array(values) => values.iter().map(json_to_bencode).collect::<Vec<_>>().into(),
        Json::Object(map) => Bt::Dict(
            map.iter().map(|(name, value)| (name.as_bytes().to_vec(), json_to_bencode(value))).collect(),
        ),
    }
}

impl From<bool> for ReplyValue {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for ReplyValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Vec<ReplyValue>> for ReplyValue {
    fn from(values: Vec<ReplyValue>) -> Self {
        Self::List(values)
    }
}

impl From<&str> for ReplyValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ReplyValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
