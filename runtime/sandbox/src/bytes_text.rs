//! Bytes that are readable in JSON: text where they are text, base64 where they are not.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes of a guest. As JSON a string when they are UTF-8, else `{"base64": "…"}`; either form is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BytesText(pub Vec<u8>);

impl From<Vec<u8>> for BytesText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for BytesText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(std::borrow::Cow<'a, str>),
    Encoded { base64: String },
}

impl Serialize for BytesText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Form::Text(text.into()),
            Err(_) => Form::Encoded { base64: BASE64_STANDARD.encode(&self.0) },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BytesText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Form::Encoded { base64 } => BASE64_STANDARD
                .decode(base64)
                .map(Self)
                .map_err(|error| D::Error::custom(format!("no base64: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_json_whatever_they_are() {
        for bytes in [&b""[..], b"text", b"\xff\x00", "\u{1f426}".as_bytes()] {
            let json = serde_json::to_string(&BytesText(bytes.to_vec())).unwrap();

            assert_eq!(serde_json::from_str::<BytesText>(&json).unwrap().0, bytes, "{json}");
        }
        assert_eq!(serde_json::to_string(&BytesText::from("hi")).unwrap(), "\"hi\"");
        assert!(serde_json::from_str::<BytesText>("{\"base64\":\"?\"}").is_err());
    }
}
