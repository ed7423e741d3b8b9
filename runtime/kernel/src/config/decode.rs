//! Turns merged values into the program's own type, and says exactly where it could not.
//!
//! The `config` crate's own deserializer is lenient (`"5"` is a number, `1` is true) and forgets where a value stood. This
//! one takes what a file says as it is typed there; only bare text, from the environment or `-O`, is read as whatever
//! type the key has.

use std::fmt;

use config::{Value, ValueKind};
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess,
        VariantAccess, Visitor,
    },
};

use crate::config::{
    layer::parse_text,
    origin::{Tag, is_text},
    refusal::{Problem, Refusal, Spot},
    setting::part_text,
};

/// Makes a `T` of a table.
pub(super) fn decode<T: DeserializeOwned>(table: &Value) -> Result<T, Refusal> {
    T::deserialize(Input { value: table, key: &Key::Root })
}

/// The way from the root to a value.
enum Key<'a> {
    Root,
    Named(&'a Key<'a>, &'a str),
    Numbered(&'a Key<'a>, usize),
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Root => Ok(()),
            Key::Named(Key::Root, name) => f.write_str(&part_text(name)),
            Key::Named(parent, name) => write!(f, "{parent}.{}", part_text(name)),
            Key::Numbered(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[derive(Clone, Copy)]
struct Input<'a> {
    value: &'a Value,
    key: &'a Key<'a>,
}

impl<'a> Input<'a> {
    fn is_text(self) -> bool {
        is_text(self.value)
    }

    /// Adds the place to a refusal that has none yet.
    fn locate<T>(self, outcome: Result<T, Refusal>) -> Result<T, Refusal> {
        outcome.map_err(|refusal| match refusal.at {
            Some(_) => refusal,
            None => Refusal { at: Some(Box::new(self.spot(&refusal.problem))), ..refusal },
        })
    }

    /// Where the problem is: serde reads the alternatives of a `type` through a buffer, so what is wrong inside them is
    /// reported for the table as a whole and has to be looked up.
    fn spot(self, problem: &Problem) -> Spot {
        let inner = match (&self.value.kind, problem) {
            (ValueKind::Table(table), Problem::UnknownKey { key, .. }) => table.get_key_value(key),
            (ValueKind::Table(table), Problem::UnknownVariant { variant, .. }) => {
                table.iter().find(|(_, value)| value.kind == ValueKind::String(variant.clone()))
            }
            _ => None,
        };
        match inner {
            Some((name, value)) => Spot { key: Key::Named(self.key, name).to_string(), value: value.clone() },
            None => Spot { key: self.key.to_string(), value: self.value.clone() },
        }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.value.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(flag) => visitor.visit_bool(*flag),
            ValueKind::I64(number) => visitor.visit_i64(*number),
            ValueKind::I128(number) => visitor.visit_i128(*number),
            ValueKind::U64(number) => visitor.visit_u64(*number),
            ValueKind::U128(number) => visitor.visit_u128(*number),
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::Table(table) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(name, value)| (Tag::of(value), *name));
                visitor.visit_map(Entries { rest: entries.into_iter(), current: None, key: self.key })
            }
            ValueKind::Array(items) => {
                visitor.visit_seq(Items { rest: items.iter().enumerate(), key: self.key })
            }
        }
    }

    /// Reads bare text as TOML if it is some, and as itself otherwise.
    fn visit_as_toml<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let parsed = match &self.value.kind {
            ValueKind::String(text) if self.is_text() => parse_text(text, self.value),
            _ => None,
        };
        match parsed {
            Some(value) => self.locate(Input { value: &value, key: self.key }.visit(visitor)),
            None => self.locate(self.visit(visitor)),
        }
    }
}

/// For the types that bare text has to be read as.
macro_rules! read_as_toml {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            self.visit_as_toml(visitor)
        }
    )*};
}

/// For the types that take bare text as it is.
macro_rules! read_as_is {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            self.locate(self.visit(visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Input<'_> {
    type Error = Refusal;

    read_as_toml! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_seq deserialize_map deserialize_unit
        deserialize_ignored_any
    }

    read_as_is! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => self.locate(visitor.visit_some(self)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.locate(visitor.visit_newtype_struct(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.visit_as_toml(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.visit_as_toml(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.visit_as_toml(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.visit_as_toml(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let parsed = match &self.value.kind {
            ValueKind::String(text) if self.is_text() && text.starts_with('{') => {
                parse_text(text, self.value)
            }
            _ => None,
        };
        if let Some(value) = parsed {
            return Input { value: &value, key: self.key }.deserialize_enum(name, variants, visitor);
        }
        let outcome = match &self.value.kind {
            ValueKind::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            ValueKind::Table(table) => match newest(table) {
                Some((variant, value)) => visitor.visit_enum(Variant { variant, value, key: self.key }),
                None => Err(Problem::Other(format!("expects one of {}", variants.join(", "))).into()),
            },
            _ => Err(Problem::Other(format!("expects one of {}", variants.join(", "))).into()),
        };
        self.locate(outcome)
    }
}

/// The variant that was written last, if one layer does not name two: a table of the default variant may lie below.
fn newest(table: &config::Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, value) = table.iter().max_by_key(|(_, value)| Tag::of(value))?;
    Some((name.as_str(), value))
}

struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a String, &'a Value)>,
    current: Option<(&'a String, &'a Value)>,
    key: &'a Key<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        self.current = self.rest.next();
        let Some((name, value)) = self.current else { return Ok(None) };
        let key = Key::Named(self.key, name);
        let outcome = seed.deserialize(name.as_str().into_deserializer());
        Input { value, key: &key }.locate(outcome).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let Some((name, value)) = self.current.take() else {
            return Err(Problem::Other("was asked for without its key".to_owned()).into());
        };
        let key = Key::Named(self.key, name);
        let input = Input { value, key: &key };
        input.locate(seed.deserialize(input))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    key: &'a Key<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let key = Key::Numbered(self.key, index);
        let input = Input { value, key: &key };
        input.locate(seed.deserialize(input)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant that has settings of its own: `{ variant = settings }`.
struct Variant<'a> {
    variant: &'a str,
    value: &'a Value,
    key: &'a Key<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        let key = Key::Named(self.key, self.variant);
        let outcome = seed.deserialize(self.variant.into_deserializer());
        let variant = Input { value: self.value, key: &key }.locate(outcome)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        let problem = format!("takes no settings: write \"{}\"", self.variant);
        let key = Key::Named(self.key, self.variant);
        Input { value: self.value, key: &key }.locate(Err(Problem::Other(problem).into()))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        let key = Key::Named(self.key, self.variant);
        let input = Input { value: self.value, key: &key };
        input.locate(seed.deserialize(input))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        let key = Key::Named(self.key, self.variant);
        Input { value: self.value, key: &key }.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let key = Key::Named(self.key, self.variant);
        Input { value: self.value, key: &key }.deserialize_struct(self.variant_name(), fields, visitor)
    }
}

impl Variant<'_> {
    /// serde wants a name it never uses here.
    fn variant_name(&self) -> &'static str {
        "variant"
    }
}
