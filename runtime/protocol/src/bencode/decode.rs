//! The reader: one pass, recursion no deeper than the limit, nothing allocated that was not sent.

use super::{DecodeError, Dict, Value};

/// What a reader puts up with from a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the whole input, in bytes.
    pub max_bytes: usize,
    /// Nested lists and dicts; 1 allows a flat list.
    pub max_depth: usize,
    /// Values and dict keys together. An item takes some 50 bytes of memory for as little as two bytes sent.
    pub max_items: usize,
}

impl Limits {
    /// A client's request: as long as the edge takes (10 MiB), room for a batch of twenty within an `ifelse`, each
    /// with some two thousand hashes. A dict costs most: a third of a kilobyte for its first pair.
    pub const REQUEST: Self = Self { max_bytes: 10 << 20, max_depth: 24, max_items: 50_000 };

    /// What a listed node sends, who is answerable for it: 9 MB of messages of the least size, each a list of seven.
    pub const TRANSFER: Self = Self { max_bytes: 10 << 20, max_depth: 3, max_items: 700_000 };

    /// A flat list or dict with a body in it, such as a forwarded onion layer or a v4 payload.
    pub const FLAT: Self = Self { max_bytes: 10 << 20, max_depth: 2, max_items: 64 };
}

/// Reads one value, tolerating what the reference reader tolerates; bytes behind the value are ignored.
///
/// Of a doubled dict key the first counts.
///
/// # Errors
/// Malformed input, or input beyond `limits`.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Value, DecodeError> {
    decode_prefix(bytes, limits).map(|(value, _)| value)
}

/// As [`decode`], and tells how many bytes the value took.
///
/// # Errors
/// As [`decode`].
pub fn decode_prefix(bytes: &[u8], limits: Limits) -> Result<(Value, usize), DecodeError> {
    Reader::new(bytes, limits, KeyOrder::Any)?.whole()
}

/// As [`decode`], but every dict must have strictly ascending keys.
///
/// # Errors
/// As [`decode`], and [`DecodeError::KeyOrder`].
pub fn decode_ascending(bytes: &[u8], limits: Limits) -> Result<Value, DecodeError> {
    Reader::new(bytes, limits, KeyOrder::Ascending)?.whole().map(|(value, _)| value)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyOrder {
    Any,
    Ascending,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    items: usize,
    limits: Limits,
    order: KeyOrder,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], limits: Limits, order: KeyOrder) -> Result<Self, DecodeError> {
        if bytes.len() > limits.max_bytes {
            return Err(DecodeError::TooLong { got: bytes.len(), max: limits.max_bytes });
        }
        Ok(Self { bytes, at: 0, items: 0, limits, order })
    }

    fn whole(mut self) -> Result<(Value, usize), DecodeError> {
        let value = self.value(0)?;
        Ok((value, self.at))
    }

    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        self.count_item()?;
        match self.peek()? {
            b'i' => self.integer(),
            b'0'..=b'9' => Ok(Value::Bytes(self.string()?.to_vec())),
            b'l' => self.list(self.deeper(depth)?),
            b'd' => self.dict(self.deeper(depth)?),
            _ => Err(DecodeError::UnknownType { at: self.at }),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, DecodeError> {
        self.at += 1;
        let mut values = Vec::new();
        while self.peek()? != b'e' {
            values.push(self.value(depth)?);
        }
        self.at += 1;
        Ok(Value::List(values))
    }

    fn dict(&mut self, depth: usize) -> Result<Value, DecodeError> {
        self.at += 1;
        let mut pairs = Dict::new();
        while self.peek()? != b'e' {
            let at = self.at;
            self.count_item()?;
            if !self.peek()?.is_ascii_digit() {
                return Err(DecodeError::Key { at });
            }
            let key = self.string()?;
            let is_ascending = pairs.last_key_value().is_none_or(|(last, _)| last.as_slice() < key);
            if self.order == KeyOrder::Ascending && !is_ascending {
                return Err(DecodeError::KeyOrder { at });
            }
            let value = self.value(depth)?;
            pairs.entry(key.to_vec()).or_insert(value);
        }
        self.at += 1;
        Ok(Value::Dict(pairs))
    }

    fn integer(&mut self) -> Result<Value, DecodeError> {
        let at = self.at;
        self.at += 1;
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let digits = self.digits()?;
        if self.peek()? != b'e' {
            return Err(DecodeError::Integer { at });
        }
        self.at += 1;
        let magnitude = parse_digits(digits).ok_or(DecodeError::Integer { at })?;
        let number = if is_negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        if number < i128::from(i64::MIN) {
            return Err(DecodeError::Integer { at });
        }
        Ok(Value::Integer(number))
    }

    fn string(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        let digits = self.digits()?;
        if self.peek()? != b':' {
            return Err(DecodeError::Length { at });
        }
        self.at += 1;
        let len = parse_digits(digits)
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(DecodeError::Length { at })?;
        let end = self.at.checked_add(len).ok_or(DecodeError::Length { at })?;
        let string = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated)?;
        self.at = end;
        Ok(string)
    }

    fn digits(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        while self.peek()?.is_ascii_digit() {
            self.at += 1;
        }
        Ok(&self.bytes[start..self.at])
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        self.bytes.get(self.at).copied().ok_or(DecodeError::Truncated)
    }

    fn count_item(&mut self) -> Result<(), DecodeError> {
        self.items += 1;
        if self.items > self.limits.max_items {
            return Err(DecodeError::TooManyItems { max: self.limits.max_items });
        }
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, DecodeError> {
        if depth >= self.limits.max_depth {
            return Err(DecodeError::TooDeep { max: self.limits.max_depth });
        }
        Ok(depth + 1)
    }
}

/// A decimal number of any number of digits that fits; `None` for no digits at all.
fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { max_bytes: 64, max_depth: 3, max_items: 8 };

    #[test]
    fn each_limit_is_kept() {
        assert_eq!(decode(&[b'i'; 65], SMALL), Err(DecodeError::TooLong { got: 65, max: 64 }));
        assert_eq!(decode(b"lllleeee", SMALL), Err(DecodeError::TooDeep { max: 3 }));
        assert!(decode(b"llleee", SMALL).is_ok());
        assert_eq!(decode(b"li0ei0ei0ei0ei0ei0ei0ei0ee", SMALL), Err(DecodeError::TooManyItems { max: 8 }));
        assert!(decode(b"li0ei0ei0ei0ei0ei0ei0ee", SMALL).is_ok());
    }

    #[test]
    fn a_length_that_overflows_is_refused_without_allocating() {
        assert_eq!(decode(b"18446744073709551615:x", SMALL), Err(DecodeError::Length { at: 0 }));
        assert_eq!(decode(b"9999999999:x", SMALL), Err(DecodeError::Truncated));
    }

    #[test]
    fn the_end_of_a_value_is_told() {
        assert_eq!(decode_prefix(b"le3:abc", SMALL), Ok((Value::List(vec![]), 2)));
    }
}
