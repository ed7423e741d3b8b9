//! What each key means, made into an annotated example file.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Serialize, de::DeserializeOwned};

use crate::config::{
    error::Error,
    loader::Loader,
    setting::{joined, leaves, part_text},
};

/// What one key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    key: &'static str,
    text: &'static str,
    sample: Option<&'static str>,
}

impl Note {
    /// A key that the defaults have. The text may have several lines.
    pub const fn new(key: &'static str, text: &'static str) -> Self {
        Self { key, text, sample: None }
    }

    /// A key that is absent by default; `sample` is a value in TOML, shown as a comment.
    pub const fn optional(key: &'static str, text: &'static str, sample: &'static str) -> Self {
        Self { key, text, sample: Some(sample) }
    }
}

/// The notes of a whole configuration.
///
/// Each actor declares those of its own section; the program puts them together:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use starling_kernel::{Bounds, config::{Note, Notes}};
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields, default)]
/// struct Swarm { depth: u32, bounds: Bounds }
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields, default)]
/// struct Settings { swarm: Swarm }
///
/// let notes = Notes::new()
///     .section("swarm", "The map of accounts to swarms.", &[Note::new("depth", "How far back a list may reach.")])
///     .section("swarm.bounds", "", Bounds::NOTES);
/// let example = notes.example(&Settings::default())?;
/// assert!(example.contains("[swarm]\n# How far back a list may reach.\ndepth = 0\n"));
/// # Ok::<(), starling_kernel::config::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Notes {
    sections: BTreeMap<String, &'static str>,
    keys: BTreeMap<String, Note>,
    /// Optional keys by section, in the order they were declared.
    absent: BTreeMap<String, Vec<Note>>,
    /// What stands at the end.
    appendices: Vec<&'static str>,
}

impl Notes {
    /// No notes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the notes of a section; the empty prefix is the root. An empty text says nothing about the section itself.
    pub fn section(mut self, prefix: &str, text: &'static str, notes: &[Note]) -> Self {
        if !text.is_empty() {
            self.sections.insert(prefix.to_owned(), text);
        }
        for note in notes {
            if note.sample.is_some() {
                self.absent.entry(prefix.to_owned()).or_default().push(*note);
            }
            self.keys.insert(below(prefix, note.key), *note);
        }
        self
    }

    /// Adds a text to the end, every line of which is a comment: for sections whose names are the operator's to choose.
    pub fn appendix(mut self, text: &'static str) -> Self {
        self.appendices.push(text);
        self
    }

    /// `value` as an annotated file: every key with what it means, optional ones commented out.
    ///
    /// # Errors
    /// A key without a note, a note without a key, an optional key that the type does not have.
    pub fn example<T>(&self, value: &T) -> Result<String, Error>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let table = toml::Table::try_from(value).map_err(Error::Defaults)?;
        self.check::<T>(&table)?;
        let mut text = String::new();
        self.write_table(&mut text, "", &table);
        for appendix in &self.appendices {
            separate(&mut text);
            write_comment(&mut text, appendix);
        }
        Ok(text)
    }

    fn check<T>(&self, table: &toml::Table) -> Result<(), Error>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let existing: Vec<_> = leaves(table).into_iter().map(|(path, _)| joined(&path)).collect();
        let undocumented: Vec<_> =
            existing.iter().filter(|key| !self.keys.contains_key(*key)).cloned().collect();
        if !undocumented.is_empty() {
            return Err(Error::Undocumented { keys: undocumented });
        }
        let mut stale = Vec::new();
        for (key, note) in &self.keys {
            match note.sample {
                _ if existing.contains(key) => {}
                None => stale.push(key.clone()),
                Some(sample) => {
                    Loader::new().set(format!("{key}={}", bare(sample))).load::<T>()?;
                }
            }
        }
        if stale.is_empty() { Ok(()) } else { Err(Error::StaleNotes { keys: stale }) }
    }

    fn write_table(&self, text: &mut String, prefix: &str, table: &toml::Table) {
        let (sections, keys): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| is_section(value));
        let absent = self.absent.get(prefix).map_or(&[][..], Vec::as_slice);
        let absent: Vec<_> = absent.iter().filter(|note| !table.contains_key(note.key)).collect();
        let about = self.sections.get(prefix);
        if !prefix.is_empty() && (about.is_some() || !keys.is_empty() || !absent.is_empty()) {
            separate(text);
            write_comment(text, about.copied().unwrap_or_default());
            line(text, &format!("[{prefix}]"));
        } else if let Some(about) = about {
            write_comment(text, about);
            line(text, "");
        }
        for (key, value) in keys {
            let note = self.keys.get(&below(prefix, &part_text(key)));
            write_comment(text, note.map_or("", |note| note.text));
            line(text, &format!("{} = {value}", part_text(key)));
        }
        for note in absent {
            write_comment(text, note.text);
            line(text, &format!("# {} = {}", note.key, note.sample.unwrap_or_default()));
        }
        for (key, value) in sections {
            if let toml::Value::Table(inner) = value {
                self.write_table(text, &below(prefix, &part_text(key)), inner);
            }
        }
    }
}

/// Tells in which keys the text of a file differs from `expected`: keys it lacks, and keys it sets to something else.
///
/// For tests of shipped files: a complete one that says what the defaults say gives an empty list.
///
/// # Errors
/// The text is not a valid configuration.
pub fn differences<T>(path: &std::path::Path, expected: &T) -> Result<Vec<String>, Error>
where
    T: Default + Serialize + DeserializeOwned,
{
    let loaded = Loader::new().file(path).load::<T>()?;
    let expected = toml::Table::try_from(expected).map_err(Error::Defaults)?;
    let wanted: BTreeMap<_, _> =
        leaves(&expected).into_iter().map(|(path, value)| (joined(&path), value)).collect();
    let mut found = Vec::new();
    for setting in loaded.origins() {
        if setting.origin == crate::config::Origin::Default {
            found.push(format!("{} is not there", setting.key));
        }
        match wanted.get(&setting.key) {
            Some(value) if **value == setting.value => {}
            Some(value) => found.push(format!("{} is {}, expected {value}", setting.key, setting.value)),
            None => found.push(format!("{} is {}, expected none", setting.key, setting.value)),
        }
    }
    for (key, value) in wanted {
        if !loaded.origins().iter().any(|setting| setting.key == key) {
            found.push(format!("{key} is not there, expected {value}"));
        }
    }
    Ok(found)
}

fn is_section(value: &toml::Value) -> bool {
    value.as_table().is_some_and(|table| !table.is_empty())
}

/// A sample as it would stand after `-O`: a text without its quotes.
fn bare(sample: &str) -> String {
    match sample.parse::<toml::Value>() {
        Ok(toml::Value::String(text)) => text,
        _ => sample.to_owned(),
    }
}

fn below(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

fn separate(text: &mut String) {
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
}

fn write_comment(text: &mut String, comment: &str) {
    for comment_line in comment.lines() {
        line(text, format!("# {comment_line}").trim_end());
    }
}

fn line(text: &mut String, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}
