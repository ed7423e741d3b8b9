//! One layer of settings, however it was written, as values that know their origin.

use std::path::Path;

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::config::{
    error::Error,
    origin::{Form, Origin, Origins, Tag, is_text},
};

/// The key that tells alternatives of one setting apart.
const ALTERNATIVE: &str = "type";

/// A table to be laid over those before it.
#[derive(Debug, Clone)]
pub(super) struct Layer(Value);

impl Layer {
    /// A table without origin: the program's own.
    pub(super) fn from_defaults(table: &toml::Table) -> Self {
        Self(untagged(&toml::Value::Table(table.clone())))
    }

    /// A table whose values all come from one place.
    pub(super) fn from_table(table: toml::Table, tag: Tag) -> Self {
        Self(tagged(toml::Value::Table(table), tag))
    }

    /// One key, set to bare text.
    pub(super) fn from_text(path: &[String], text: &str, tag: Tag) -> Self {
        Self::from_leaf(path, tag.with_form(Form::Text).value(text), tag)
    }

    /// One key, set to bare text or to a text in quotes, as a file would have it.
    pub(super) fn from_assignment(path: &[String], value: &str, tag: Tag) -> Self {
        match unquoted(value) {
            Some(text) => Self::from_leaf(path, tag.value(text), tag),
            None => Self::from_text(path, value, tag),
        }
    }

    fn from_leaf(path: &[String], leaf: Value, tag: Tag) -> Self {
        let nest = |inner: Value, key: &String| tag.value(Map::from_iter([(key.clone(), inner)]));
        Self(path.iter().rev().fold(leaf, nest))
    }

    /// The text of a file.
    pub(super) fn from_file(path: &Path, text: &str, origins: &mut Origins) -> Result<Self, Error> {
        let lines = Lines::new(text);
        let table = DeTable::parse(text).map_err(|error| Error::Syntax {
            path: path.to_owned(),
            line: lines.at(error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        let mut reading = Reading { path, lines, origins };
        let root = reading.tag(0);
        Ok(Self(reading.table(table.get_ref(), root)))
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        self.0.clone().into_table()
    }

    fn collect_to(&self, cache: &mut Value) -> Result<(), ConfigError> {
        lay_over(cache, self.0.clone());
        Ok(())
    }
}

/// What stands between the quotes, if the whole is one text in quotes.
fn unquoted(value: &str) -> Option<String> {
    if !value.starts_with(['"', '\'']) {
        return None;
    }
    match value.parse::<toml::Value>() {
        Ok(toml::Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The value that TOML text stands for; `None` when it is not TOML.
pub(super) fn parse_text(text: &str, like: &Value) -> Option<Value> {
    let parsed = text.parse::<toml::Value>().ok()?;
    let value = match Tag::of(like) {
        Some(tag) => tagged(parsed, tag.with_form(Form::Typed)),
        None => untagged(&parsed),
    };
    Some(value)
}

/// Puts `over` on top of `base`: tables are merged, everything else is replaced.
fn lay_over(base: &mut Value, over: Value) {
    let over = match (&base.kind, &over.kind) {
        // In bare text a whole table may be given, where there is a table.
        (ValueKind::Table(_), ValueKind::String(text)) if is_text(&over) => {
            parse_text(text, &over).filter(is_table).unwrap_or(over)
        }
        _ => over,
    };
    let tag = Tag::of(&over);
    let (ValueKind::Table(below), ValueKind::Table(above)) = (&mut base.kind, &over.kind) else {
        *base = over;
        return;
    };
    if is_other_alternative(below, above) {
        *base = over;
        return;
    }
    for (key, value) in above {
        match below.get_mut(key) {
            Some(there) => lay_over(there, value.clone()),
            None => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
    let merged = ValueKind::Table(std::mem::take(below));
    *base = match tag {
        Some(tag) => tag.value(merged),
        None => Value::new(None, merged),
    };
}

fn is_table(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Table(_))
}

fn is_other_alternative(below: &Map<String, Value>, above: &Map<String, Value>) -> bool {
    match (below.get(ALTERNATIVE), above.get(ALTERNATIVE)) {
        (Some(below), Some(above)) => below.kind != above.kind,
        _ => false,
    }
}

fn untagged(value: &toml::Value) -> Value {
    let nested = |value: &toml::Value| untagged(value);
    let kind = match value {
        toml::Value::Table(table) => {
            ValueKind::Table(table.iter().map(|(key, value)| (key.clone(), nested(value))).collect())
        }
        toml::Value::Array(items) => ValueKind::Array(items.iter().map(nested).collect()),
        scalar => scalar_kind(scalar),
    };
    Value::new(None, kind)
}

fn tagged(value: toml::Value, tag: Tag) -> Value {
    match value {
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key, tagged(value, tag)));
            tag.value(ValueKind::Table(entries.collect()))
        }
        toml::Value::Array(items) => {
            tag.value(ValueKind::Array(items.into_iter().map(|value| tagged(value, tag)).collect()))
        }
        scalar => tag.value(scalar_kind(&scalar)),
    }
}

fn scalar_kind(value: &toml::Value) -> ValueKind {
    match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(*flag),
        other => ValueKind::String(other.to_string()),
    }
}

/// A file on its way from spans to tagged values.
struct Reading<'a> {
    path: &'a Path,
    lines: Lines,
    origins: &'a mut Origins,
}

impl Reading<'_> {
    fn tag(&mut self, offset: usize) -> Tag {
        let line = self.lines.at(offset);
        self.origins.add(Origin::File { path: self.path.to_owned(), line })
    }

    fn table(&mut self, table: &DeTable<'_>, tag: Tag) -> Value {
        let mut entries = Map::new();
        for (key, value) in table {
            // The line of the key: a value that spans lines is looked for where it begins.
            let tag = self.tag(key.span().start);
            entries.insert(key.get_ref().to_string(), self.value(value, tag));
        }
        tag.value(ValueKind::Table(entries))
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, tag: Tag) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, tag),
            DeValue::Array(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items.iter() {
                    let tag = self.tag(item.span().start);
                    values.push(self.value(item, tag));
                }
                tag.value(ValueKind::Array(values))
            }
            DeValue::String(text) => tag.value(text.to_string()),
            DeValue::Boolean(flag) => tag.value(*flag),
            DeValue::Integer(number) => tag.value(integer(number.as_str(), number.radix())),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) => tag.value(number),
                Err(_) => tag.value(number.as_str()),
            },
            DeValue::Datetime(moment) => tag.value(moment.to_string()),
        }
    }
}

/// A number as large as it was written, so that the refusal can name it.
fn integer(digits: &str, radix: u32) -> ValueKind {
    match i64::from_str_radix(digits, radix) {
        Ok(number) => ValueKind::I64(number),
        Err(_) => match u64::from_str_radix(digits, radix) {
            Ok(number) => ValueKind::U64(number),
            Err(_) => ValueKind::String(digits.to_owned()),
        },
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The line of a byte, counted from 1.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset) + 1
    }
}
