//! A plugin's log, `log.jsonl`: what it writes, what it prints, and what the host has to say about it.

mod follow;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use starling_kernel::Clock;

pub use self::follow::{Follower, read};
use crate::{call::LogLevel, quota::Bucket, segments::Segments};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was written, Unix time in milliseconds.
    pub at_ms: u64,
    /// How important it is.
    pub level: LogLevel,
    /// The text, at most [`MAX_LINE`] bytes of it.
    pub line: String,
    /// Who wrote it.
    pub source: Source,
}

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The plugin, through `log.write`.
    Plugin,
    /// The plugin, to its standard output or error.
    Output,
    /// The host.
    Host,
}

/// What a line is cut at, in bytes.
pub const MAX_LINE: usize = 4 * 1024;
/// What stands for the rest of a line.
const CUT: &str = "…";
/// The host writes a line about a call that failed, and a plugin can fail as often as it likes.
const HOST_LINES_PER_MINUTE: u32 = 120;

/// The writing end of a plugin's log, shared by its calls. There is one at a time.
///
/// Lines are gathered, and written by [`flush`](Self::flush), which the owner calls about once a second.
pub struct Journal {
    clock: Arc<dyn Clock>,
    writer: Mutex<Writer>,
}

struct Writer {
    segments: Segments,
    of_plugin: Bucket,
    of_host: Bucket,
    left_out: u64,
    failure: Option<io::Error>,
}

impl Journal {
    /// Continues the log in `path`, or begins it; together the two files hold at most `limit` bytes, and the plugin may write so
    /// many lines a minute.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path, limit: u64, lines_per_minute: u32, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let writer = Writer {
            segments: Segments::open(path, limit)?,
            of_plugin: Bucket::new(lines_per_minute),
            of_host: Bucket::new(HOST_LINES_PER_MINUTE),
            left_out: 0,
            failure: None,
        };
        Ok(Self { clock, writer: Mutex::new(writer) })
    }

    /// Writes a line; one too many is counted and left out. Says whether it was written.
    pub fn write(&self, at_ms: u64, level: LogLevel, source: Source, line: &str) -> bool {
        let now = self.clock.elapsed();
        let mut writer = self.writer();
        let bucket = if source == Source::Host { &mut writer.of_host } else { &mut writer.of_plugin };
        if bucket.take(now).is_err() {
            writer.left_out += 1;
            return false;
        }
        self.tell_left_out(&mut writer, now, at_ms);
        writer.push(at_ms, level, source, line);
        true
    }

    /// Sets how many lines a minute the plugin may write from now on.
    pub fn allow(&self, lines_per_minute: u32) {
        let mut writer = self.writer();
        if writer.of_plugin.per_minute() != lines_per_minute {
            writer.of_plugin = Bucket::new(lines_per_minute);
        }
    }

    /// Writes what was gathered to the file.
    ///
    /// # Errors
    /// What the operating system says; the lines are lost then.
    pub fn flush(&self) -> io::Result<()> {
        let mut writer = self.writer();
        self.tell_left_out(&mut writer, self.clock.elapsed(), self.clock.now_ms());
        let flushed = writer.segments.flush();
        match writer.failure.take() {
            Some(earlier) => Err(earlier),
            None => flushed,
        }
    }

    fn tell_left_out(&self, writer: &mut Writer, now: Duration, at_ms: u64) {
        if writer.left_out == 0 || writer.of_host.take(now).is_err() {
            return;
        }
        let left_out = std::mem::take(&mut writer.left_out);
        let line = format!("{left_out} lines were left out: too many in a minute");
        writer.push(at_ms, LogLevel::Warn, Source::Host, &line);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn push(&mut self, at_ms: u64, level: LogLevel, source: Source, line: &str) {
        let kept = cut(line, MAX_LINE);
        let line = if kept.len() < line.len() { format!("{kept}{CUT}") } else { kept.to_owned() };
        let entry = serde_json::to_vec(&Entry { at_ms, level, line, source });
        let entry = entry.expect("texts and numbers are always JSON");
        if let Err(error) = self.segments.push(&entry) {
            // Nobody who writes a line can do anything about it; whoever flushes is told.
            self.failure = Some(error);
        }
    }
}

/// The beginning of a text, at most so many bytes, without half a character.
fn cut(text: &str, len: usize) -> &str {
    &text[..text.floor_char_boundary(len)]
}

#[cfg(test)]
mod tests;
