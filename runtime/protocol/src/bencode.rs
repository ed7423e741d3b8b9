//! Bencode with 64-bit integers and byte-sorted dict keys, as nodes speak it (storage-rpc §1.4).
//!
//! Reading is bounded by [`Limits`], because strangers choose what is read; writing is canonical. [`decode()`] reads what
//! the reference reader reads, including forms that nobody should write (leading zeros, unsorted keys, bytes behind the
//! value); [`decode_ascending`] refuses a dict whose keys are not strictly ascending, as config messages ask.

mod decode;
mod error;

use std::collections::BTreeMap;

pub use self::decode::{Limits, decode, decode_ascending, decode_prefix};
pub use self::error::DecodeError;

/// The pairs of a dict; the map's order is the order on the wire.
pub type Dict = BTreeMap<Vec<u8>, Value>;

/// One bencoded value.
///
/// The derived order puts integers before byte strings before lists before dicts, which is how sets are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A number. Readers accept −2⁶³ to 2⁶⁴−1; decoding gives nothing outside of that.
    Integer(i128),
    /// A byte string, which may hold text.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dict.
    Dict(Dict),
}

impl Value {
    /// The canonical encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// Appends the canonical encoding to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => {
                out.push(b'i');
                out.extend_from_slice(number.to_string().as_bytes());
                out.push(b'e');
            }
            Self::Bytes(bytes) => encode_bytes(bytes, out),
            Self::List(values) => {
                out.push(b'l');
                for value in values {
                    value.encode_into(out);
                }
                out.push(b'e');
            }
            Self::Dict(pairs) => encode_dict_into(pairs, out),
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if this is a byte string.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a byte string holding UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// The pairs, if this is a dict.
    #[must_use]
    pub const fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }
}

/// The canonical encoding of a dict.
#[must_use]
pub fn encode_dict(pairs: &Dict) -> Vec<u8> {
    let mut out = Vec::new();
    encode_dict_into(pairs, &mut out);
    out
}

/// Appends one byte string to `out`, for writers that build a list without holding its parts twice.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

fn encode_dict_into(pairs: &Dict, out: &mut Vec<u8>) {
    out.push(b'd');
    for (key, value) in pairs {
        encode_bytes(key, out);
        value.encode_into(out);
    }
    out.push(b'e');
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Self::Integer(i128::from(number))
            }
        }
    )*};
}
from_integer!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Self::List(values)
    }
}

impl From<Dict> for Value {
    fn from(pairs: Dict) -> Self {
        Self::Dict(pairs)
    }
}
