//! Typed access to the parameters of a request, whether they came as JSON or as bencode.

use serde_json::{Map, Value as Json};

use super::error::ParseError;
use super::parse::Network;
use crate::account::{AccountId, Prefix};
use crate::bencode::{Dict, Value as Bt};
use crate::crypto::ed25519;
use crate::storage::limits::MIN_TIMESTAMP;
use crate::storage::{MessageHash, Namespace, NamespaceScope, base64_text};

/// The parameters of one request.
#[derive(Clone, Copy)]
pub(super) struct Params<'a> {
    pub(super) source: Source<'a>,
    pub(super) network: Network,
}

/// Where they came from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Json(&'a Map<String, Json>),
    Bt(&'a Dict),
}

/// One field as it was sent.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    Json(&'a Json),
    Bt(&'a Bt),
}

impl<'a> Params<'a> {
    /// The field, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        match self.source {
            Source::Json(map) => map.get(name).filter(|value| !value.is_null()).map(Field::Json),
            Source::Bt(dict) => dict.get(name.as_bytes()).map(Field::Bt),
        }
    }

    pub(super) const fn is_bencode(&self) -> bool {
        matches!(self.source, Source::Bt(_))
    }

    /// Text, or raw bytes where bencode has those.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a [u8]>, ParseError> {
        self.typed(name, "string", Field::text)
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, ParseError> {
        self.typed(name, "boolean", |field| match field {
            Field::Json(value) => value.as_bool(),
            Field::Bt(value) => match value.as_integer()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        })
    }

    pub(super) fn integer(&self, name: &'static str) -> Result<Option<i64>, ParseError> {
        self.typed(name, "integer", |field| field.integer()?.try_into().ok())
    }

    pub(super) fn unsigned(&self, name: &'static str) -> Result<Option<u64>, ParseError> {
        self.typed(name, "positive integer", |field| field.integer()?.try_into().ok())
    }

    /// A number that may also be given as text, in JSON only: old clients send `store`'s times so.
    pub(super) fn integer_or_text<T: std::str::FromStr>(
        &self,
        name: &'static str,
        otherwise: impl FnOnce(&Self) -> Result<Option<T>, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        let Some(Field::Json(Json::String(text))) = self.get(name) else {
            return otherwise(self);
        };
        // `parse` alone would take a plus.
        let number = text.parse().ok().filter(|_| !text.starts_with('+'));
        let refused = || ParseError::NumberText { field: name, text: Json::from(text.as_str()).to_string() };
        number.ok_or_else(refused).map(Some)
    }

    /// A time in milliseconds, refused when it looks like seconds.
    pub(super) fn timestamp(&self, name: &'static str) -> Result<Option<i64>, ParseError> {
        let time = self.typed(name, "integer timestamp (in milliseconds)", |field| {
            u64::try_from(field.integer()?).ok()
        })?;
        time.map(|time| {
            let time = i64::try_from(time).unwrap_or(-1);
            if time < MIN_TIMESTAMP { Err(ParseError::NotMilliseconds(name)) } else { Ok(time) }
        })
        .transpose()
    }

    /// One time or a list of them; these are not checked for seconds.
    pub(super) fn timestamps(&self, name: &'static str) -> Result<Option<Vec<i64>>, ParseError> {
        self.typed(name, "timestamp array", |field| {
            field.one_or_many(|item| {
                u64::try_from(item.integer()?).ok().and_then(|time| i64::try_from(time).ok())
            })
        })
    }

    /// One number or a list of them; numbers beyond 64 bits are cut to the nearest.
    pub(super) fn integers(&self, name: &'static str) -> Result<Option<Vec<i64>>, ParseError> {
        self.typed(name, "integer array", |field| field.one_or_many(|item| item.integer()?.try_into().ok()))
    }

    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<&'a [u8]>>, ParseError> {
        self.typed(name, "string array", |field| field.one_or_many(Field::text))
    }

    /// Message hashes; at least one, each of the right form.
    pub(super) fn hashes(&self, messages: Option<Vec<&'a [u8]>>) -> Result<Vec<MessageHash>, ParseError> {
        let messages = messages.ok_or(ParseError::Missing("messages"))?;
        if messages.is_empty() {
            return Err(ParseError::Other("messages does not contain any message hashes"));
        }
        let parse = |text: &&[u8]| {
            MessageHash::from_bytes(text)
                .map_err(|_| ParseError::MessageHash(String::from_utf8_lossy(text).into_owned()))
        };
        messages.iter().map(parse).collect()
    }

    pub(super) fn namespace(&self, name: &'static str) -> Result<Option<Namespace>, ParseError> {
        self.namespace_number(name, "16-bit integer")
    }

    /// A namespace or `"all"`.
    pub(super) fn scope(&self, name: &'static str) -> Result<Option<NamespaceScope>, ParseError> {
        const EXPECTED: &str = "integer or \"all\"";
        match self.get(name).and_then(Field::text) {
            Some(b"all") => Ok(Some(NamespaceScope::All)),
            Some(_) => Err(ParseError::Type { field: name, expected: EXPECTED }),
            None => Ok(self.namespace_number(name, EXPECTED)?.map(NamespaceScope::One)),
        }
    }

    fn namespace_number(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<Namespace>, ParseError> {
        let Some(number) = self.typed(name, expected, Field::integer)? else { return Ok(None) };
        match i16::try_from(number) {
            Ok(number) => Ok(Some(Namespace(number))),
            Err(_) if self.is_bencode() => Err(ParseError::Type { field: name, expected }),
            Err(_) => Err(ParseError::NamespaceRange(name)),
        }
    }

    /// The account of an already loaded field: 66 hex characters, or 33 bytes in bencode.
    pub(super) fn account(&self, text: Option<&[u8]>) -> Result<AccountId, ParseError> {
        let text = text.ok_or(ParseError::Missing("pubkey"))?;
        self.parse_account(text).ok_or(ParseError::Other("Pubkey must be 66 hex digits (33 bytes) long"))
    }

    pub(super) fn parse_account(&self, text: &[u8]) -> Option<AccountId> {
        let raw = self.is_bencode();
        match (text.len(), self.network) {
            (66, _) => AccountId::parse_any(std::str::from_utf8(text).ok()?).ok(),
            (33, _) if raw => AccountId::from_bytes_any(text).ok(),
            // On the test network a bare key means a user.
            (64, Network::Testnet) => standard(&hex::decode(text).ok()?),
            (32, Network::Testnet) if raw => standard(text),
            _ => None,
        }
    }

    /// An Ed25519 signature of an already loaded field.
    pub(super) fn signature(
        &self,
        text: &[u8],
        not_base64: &'static str,
    ) -> Result<ed25519::Signature, ParseError> {
        if self.is_bencode() {
            return ed25519::Signature::from_slice(text)
                .ok_or(ParseError::Other("invalid signature: expected 64-byte Ed25519 signature"));
        }
        // `decode` takes 86 characters, or 88 with whole padding; nothing else makes 64 bytes.
        base64_text::decode_array(text).map(ed25519::Signature).ok_or(ParseError::Other(not_base64))
    }

    fn typed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(Field<'a>) -> Option<T>,
    ) -> Result<Option<T>, ParseError> {
        match self.get(name) {
            None => Ok(None),
            Some(field) => read(field).map(Some).ok_or(ParseError::Type { field: name, expected }),
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Json(value) => value.as_str().map(str::as_bytes),
            Self::Bt(value) => value.as_bytes(),
        }
    }

    fn integer(self) -> Option<i128> {
        match self {
            Self::Json(value) => value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)),
            Self::Bt(value) => value.as_integer(),
        }
    }

    fn one_or_many<T>(self, read: impl Fn(Field<'a>) -> Option<T>) -> Option<Vec<T>> {
        match self {
            Self::Json(Json::Array(items)) => items.iter().map(|item| read(Field::Json(item))).collect(),
            Self::Bt(Bt::List(items)) => items.iter().map(|item| read(Field::Bt(item))).collect(),
            single => read(single).map(|item| vec![item]),
        }
    }
}

fn standard(key: &[u8]) -> Option<AccountId> {
    Some(AccountId::new(Prefix::Standard, key.try_into().ok()?))
}

/// Exactly one of two names for the same field.
pub(super) fn one_name<T>(
    (name, value): (&'static str, Option<T>),
    (alias, other): (&'static str, Option<T>),
) -> Result<Option<T>, ParseError> {
    match (value, other) {
        (Some(_), Some(_)) => Err(ParseError::Both(name, alias)),
        (value, other) => Ok(value.or(other)),
    }
}
