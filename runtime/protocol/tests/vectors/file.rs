//! Vector files, and entries that must be read to the last field.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// The files of which others hold sets of their own; none of these is replaced by our copy in silence.
const FOREIGN: [&str; 6] =
    ["identity", "message_hash", "onion", "session_protocol", "storage_signatures", "swarm_mapping"];

/// The directory that `STARLING_VECTORS` names, if it does.
fn foreign() -> Option<PathBuf> {
    env::var_os("STARLING_VECTORS").map(PathBuf::from)
}

/// Reads `NAME.json` from the directory in `STARLING_VECTORS`, or from the copy beside this file.
pub(crate) fn load(name: &str) -> Entry {
    let file = format!("{name}.json");
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"));
    let path = match foreign() {
        Some(directory) if FOREIGN.contains(&name) || directory.join(&file).exists() => directory.join(file),
        _ => own.join(file),
    };
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("vector file {} cannot be read: {error}", path.display()));
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("vector file {} is not JSON: {error}", path.display()));
    Entry::new(value)
}

/// One object of a vector file; [`Entry::finish`] fails when a field was not looked at.
pub(crate) struct Entry {
    fields: Map<String, Value>,
    label: String,
}

impl Entry {
    /// Takes an object.
    #[track_caller]
    pub(crate) fn new(value: Value) -> Self {
        let label = value.get("name").unwrap_or(&value).to_string().chars().take(120).collect();
        match value {
            Value::Object(fields) => Self { fields, label },
            other => panic!("a vector entry is not an object: {other}"),
        }
    }

    /// Takes a field out.
    #[track_caller]
    pub(crate) fn field(&mut self, name: &str) -> Value {
        self.maybe(name).unwrap_or_else(|| panic!("field {name} is missing from {}", self.label))
    }

    /// Takes a field out that some entries lack.
    pub(crate) fn maybe(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// Takes out a list of objects; ours hold at least one each.
    #[track_caller]
    pub(crate) fn entries(&mut self, name: &str) -> Vec<Entry> {
        let Value::Array(entries) = self.field(name) else { panic!("{name} is not a list") };
        assert!(!entries.is_empty() || foreign().is_some(), "{name} holds no vector");
        entries.into_iter().map(Entry::new).collect()
    }

    /// Fails if anything but remarks is left, so that no field goes unchecked.
    #[track_caller]
    pub(crate) fn finish(self) {
        let left: Vec<_> = self
            .fields
            .keys()
            .filter(|name| !["source", "note", "about", "name"].contains(&name.as_str()))
            .collect();
        assert!(left.is_empty(), "fields {left:?} of {} were not checked", self.label);
    }
}
