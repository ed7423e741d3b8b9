//! Every effective key with its value and its origin.

use std::fmt;

use config::{Value, ValueKind};

use crate::config::origin::{Origin, Origins};

/// One effective key.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The whole key, from the root: `section.key`.
    pub key: String,
    /// The value in force, as TOML.
    pub value: toml::Value,
    /// Where it was written.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

/// Lists the keys of `effective`, looking up in `merged` who set them.
pub(super) fn settings(effective: &toml::Table, merged: &Value, origins: &Origins) -> Vec<Setting> {
    let mut found = Vec::new();
    for (path, value) in leaves(effective) {
        let origin = written_at(&path, merged).map_or(Origin::Default, |value| origins.of(value));
        found.push(Setting { key: joined(&path), value: value.clone(), origin });
    }
    found
}

/// Everything in a table that is not itself a table with something in it, with the path to it.
pub(super) fn leaves(table: &toml::Table) -> Vec<(Vec<String>, &toml::Value)> {
    let mut found = Vec::new();
    collect(table, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(
    table: &'a toml::Table,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, &'a toml::Value)>,
) {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => collect(inner, path, found),
            leaf => found.push((path.clone(), leaf)),
        }
        path.pop();
    }
}

/// The value at the end of the path, or the undivided one that holds it; `None` when nobody wrote it.
fn written_at<'a>(path: &[String], merged: &'a Value) -> Option<&'a Value> {
    let mut value = merged;
    for key in path {
        match &value.kind {
            ValueKind::Table(table) => value = table.get(key)?,
            _ => return Some(value),
        }
    }
    Some(value)
}

/// A path as it is written in TOML: parts that are not bare words in quotes.
pub(super) fn joined(path: &[String]) -> String {
    let parts: Vec<_> = path.iter().map(|part| part_text(part)).collect();
    parts.join(".")
}

/// One part of a key as it is written in TOML.
pub(super) fn part_text(part: &str) -> String {
    let is_bare = !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { part.to_owned() } else { toml::Value::String(part.to_owned()).to_string() }
}
