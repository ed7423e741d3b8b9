//! Whether files are still as they were, without reading them.

use std::{fs, path::PathBuf, time::SystemTime};

/// What the file system says of some files; another after each of them was replaced, changed, made or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<Mark>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    len: u64,
    modified: Option<SystemTime>,
    /// A file that replaces another has another number, even where time is measured coarsely.
    number: u64,
}

impl Stamp {
    /// The stamp of these files, there or not.
    pub fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|path| fs::metadata(path).ok().map(|found| Mark::of(&found))).collect())
    }
}

impl Mark {
    fn of(found: &fs::Metadata) -> Self {
        Self { len: found.len(), modified: found.modified().ok(), number: number(found) }
    }
}

#[cfg(unix)]
fn number(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}
