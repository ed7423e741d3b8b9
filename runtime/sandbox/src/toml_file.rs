//! TOML files beside the settings: `plugin.toml`, `operator.toml`, `plugins.lock`. Errors name the file, the line and the key.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::nearest::hint;

/// No file of this kind is longer, in bytes; beyond it something else is given.
pub const MAX_LEN: u64 = 256 * 1024;

/// Why a file was refused: one sentence that names the place and what was expected there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is missing, may not be read, or is not text.
    #[error("could not read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is longer than any such file.
    #[error("{} is longer than {} KiB", path.display(), MAX_LEN / 1024)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It is no TOML, or says something that it may not.
    #[error("{}:{line}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The key, and what was expected.
        problem: String,
    },
}

/// Reads the text of a file that is not too long.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::TooLong`].
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(MAX_LEN + 1).read_to_string(&mut text)).map_err(unreadable)?;
    let is_too_long = u64::try_from(text.len()).is_ok_and(|len| len > MAX_LEN);
    if is_too_long { Err(FileError::TooLong { path: path.to_owned() }) } else { Ok(text) }
}

/// Reads a `T` out of the text of a file; `path` is only for the error.
///
/// # Errors
/// [`FileError::Wrong`].
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| wrong(path, text, &error))
}

/// An error about a key that is well-formed by itself, such as one that does not go with another.
pub fn wrong_key(path: &Path, text: &str, key: &[&str], problem: impl Into<String>) -> FileError {
    let line = DeTable::parse(text).ok().and_then(|table| offset_of(table.get_ref(), key));
    FileError::Wrong {
        path: path.to_owned(),
        line: line_at(text, line.unwrap_or(0)),
        problem: problem.into(),
    }
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> FileError {
    let offset = error.span().map_or(0, |span| span.start);
    let key = DeTable::parse(text).map_or_else(|_| String::new(), |table| key_at(table.get_ref(), offset));
    let line = line_at(text, offset);
    FileError::Wrong { path: path.to_owned(), line, problem: sentence(&key, error.message()) }
}

/// The message of serde or of the parser, made to read on after the key.
fn sentence(key: &str, message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    if let Some((unknown, known)) = unknown_word(&message, "unknown field `") {
        // The span of an unknown key is the key itself.
        let key = if key.is_empty() { unknown } else { key };
        return format!("unknown key {key}{}", hint(unknown, known.iter().copied()));
    }
    if let Some((unknown, known)) = unknown_word(&message, "unknown variant `") {
        return format!("{key} has an unknown value {unknown:?}{}", hint(unknown, known.iter().copied()));
    }
    if let Some((missing, _)) = unknown_word(&message, "missing field `") {
        // The span is that of the whole table.
        return format!("the key {missing} is missing");
    }
    if key.is_empty() { message } else { format!("{key} is not right: {message}") }
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_word<'a>(message: &'a str, beginning: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (unknown, rest) = message.strip_prefix(beginning)?.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).collect()))
}

/// The whole key whose value holds the byte at `offset`; empty when that is outside of all.
fn key_at(table: &DeTable<'_>, offset: usize) -> String {
    for (key, value) in table {
        let name = key.get_ref();
        if key.span().contains(&offset) {
            return name.to_string();
        }
        let inner = within(value, offset);
        if let Some(inner) = inner {
            return format!("{name}{inner}");
        }
    }
    String::new()
}

/// What has to be added to the key of `value` to name what stands at `offset`; `None` when it stands elsewhere.
fn within(value: &Spanned<DeValue<'_>>, offset: usize) -> Option<String> {
    let is_here = value.span().contains(&offset);
    match value.get_ref() {
        // The table of a header spans the header alone, so its keys are looked through in any case.
        DeValue::Table(table) => match key_at(table, offset) {
            key if !key.is_empty() => Some(format!(".{key}")),
            _ => is_here.then(String::new),
        },
        DeValue::Array(items) => {
            let inner = items
                .iter()
                .enumerate()
                .find_map(|(index, item)| within(item, offset).map(|inner| format!("[{index}]{inner}")));
            inner.or_else(|| is_here.then(String::new))
        }
        _ => is_here.then(String::new),
    }
}

fn offset_of(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == *first)?;
    match value.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => offset_of(inner, rest),
        _ => Some(key.span().start),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::permission::Grants;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is of interest")]
    struct Sample {
        name: String,
        #[serde(default)]
        grants: Grants,
        limits: Option<Limits>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        memory: u32,
        level: Option<Level>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        High,
        Low,
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = parse::<Sample>(Path::new("a/plugin.toml"), text).expect_err("must be refused");

        assert_eq!(error.to_string(), format!("a/plugin.toml:{expected}"));
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_key() {
        refused("name = \"x\"\nlimit = 1\n", "2: unknown key limit; did you mean limits?");
        refused(
            "name = \"x\"\n[limits]\n\nmemroy = 1\n",
            "4: unknown key limits.memroy; did you mean memory?",
        );
        refused(
            "name = \"x\"\n[limits]\nlevel = \"hihg\"\n",
            "3: limits.level has an unknown value \"hihg\"; did you mean high?",
        );
        refused("name = 7\n", "1: name is not right: invalid type: integer `7`, expected a string");
        refused(
            "name = \"x\"\ngrants = [\n  \"log\",\n  \"kvv\",\n]\n",
            "4: grants[1] is not right: unknown permission \"kvv\"; did you mean kv?",
        );
        refused("grants = []\n", "1: the key name is missing");
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        let error = parse::<Sample>(Path::new("x"), "name = \"x\"\nlimits = [\n").unwrap_err().to_string();

        assert!(error.starts_with("x:"), "{error}");
    }

    #[test]
    fn an_error_about_two_keys_points_at_one() {
        let text = "name = \"x\"\n[limits]\nmemory = 1\n";

        let error = wrong_key(Path::new("p"), text, &["limits", "memory"], "limits.memory is odd");

        assert_eq!(error.to_string(), "p:3: limits.memory is odd");
    }

    #[test]
    fn a_file_is_read_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.toml");
        std::fs::write(&path, "#".repeat(usize::try_from(MAX_LEN).unwrap() + 1)).unwrap();

        assert!(matches!(read_text(&path), Err(FileError::TooLong { .. })));
        assert!(matches!(read_text(&folder.path().join("none")), Err(FileError::Unreadable { .. })));
    }
}
