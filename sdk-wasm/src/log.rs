//! The plugin's log.

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For who looks for a mistake.
    Debug,
    /// For who wants to know what goes on.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something has failed.
    Error,
}

/// The plugin's log, which the operator reads with `starling plugin logs`. Needs `log`.
///
/// Lines are cut at 4 KiB. A line that cannot be written is no reason to fail: only [`write`](Self::write) says so.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    backing: &'a Backing,
}

impl<'a> Log<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// Writes a line for who looks for a mistake.
    pub fn debug(&self, line: impl AsRef<str>) {
        let _ = self.write(Level::Debug, line.as_ref());
    }

    /// Writes a line for who wants to know what goes on.
    pub fn info(&self, line: impl AsRef<str>) {
        let _ = self.write(Level::Info, line.as_ref());
    }

    /// Writes that something is not as it should be.
    pub fn warn(&self, line: impl AsRef<str>) {
        let _ = self.write(Level::Warn, line.as_ref());
    }

    /// Writes that something has failed.
    pub fn error(&self, line: impl AsRef<str>) {
        let _ = self.write(Level::Error, line.as_ref());
    }

    /// Writes a line, and says when it could not be written.
    pub fn write(&self, level: Level, line: &str) -> Result<(), Error> {
        self.backing.log_write(level, line)
    }
}
