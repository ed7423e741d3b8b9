//! Receipts: what a plugin did with what it was granted, line by line, each line holding the hash of the one before it.
//!
//! # What the chain proves
//!
//! The hash of a line is the SHA-256 over the hash before it and the line's bytes, and stands in the next line. So a line that
//! was altered, taken out or put in is found, and so is a gap between the two files. Lines taken off the end, and a chain that
//! was computed anew from some line on, are not: against whoever may write the files, compare [`Verified::head`] with one noted
//! elsewhere. The oldest lines go when the files are full; the chain then begins with the first that is left.
//!
//! # What it costs
//!
//! [`Receipts::append`] touches no disk. Uses are gathered in a window and those alike, of the same import, grant, target and
//! outcome, become one line with a count, so that a guest that makes a million calls a second writes one line a second.
//! A window has at most [`KINDS`] kinds; what comes beyond is counted in one line for all. [`Receipts::tick`], which the owner
//! calls about once a second, writes a window that is over: one lasts a second, and after one that was full the next lasts
//! twice as long, up to a minute. The most that can be written is so about a line a second, whatever a guest does, and
//! hours of history stay in the files. What a process that dies takes with it is its last window.

mod line;
mod read;
mod window;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use self::line::Receipt;
pub use self::read::{AuditError, Verified, read, verify};
pub use self::window::KINDS;
use self::{line::Draft, window::Window};
use crate::{
    manifest::PluginName,
    segments::{self, Segments},
    signature::Digest,
};

/// The writing end of a plugin's receipts, shared by its calls. There is one at a time.
#[derive(Debug)]
pub struct Receipts {
    writer: Mutex<Writer>,
}

/// That a plugin asked something of its host.
#[derive(Debug, Clone)]
pub struct Use {
    /// When, Unix time in milliseconds.
    pub at_ms: u64,
    /// What it called, such as `kv.get`.
    pub import: &'static str,
    /// The permission that covered it, or the one that was missing; empty when it did not come so far.
    pub grant: String,
    /// With whom or what; empty when with nobody and nothing. It is kept shortened.
    pub target: String,
    /// What came of it: `ok`, `access-denied`, `quota-exceeded` and so on.
    pub outcome: &'static str,
}

#[derive(Debug)]
struct Writer {
    plugin: PluginName,
    segments: Segments,
    path: PathBuf,
    end: End,
    window: Window,
    /// Uses whose lines could not be written.
    lost: u64,
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// The number of the next line.
    next: u64,
    /// The hash of the last one.
    head: Digest,
}

impl Receipts {
    /// Continues the receipts in `path`, or begins them; together the two files hold at most `limit` bytes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path, limit: u64, plugin: PluginName) -> io::Result<Self> {
        let segments = Segments::open(path, limit)?;
        let end = end_of(path)?;
        let writer =
            Writer { plugin, segments, path: path.to_owned(), end, window: Window::default(), lost: 0 };
        Ok(Self { writer: Mutex::new(writer) })
    }

    /// Notes that a grant was used, or was missing. It touches no disk.
    pub fn append(&self, used: Use) {
        self.writer().window.record(used);
    }

    /// Writes the window if it is over. To be called about once a second, from where a disk may be waited for.
    ///
    /// # Errors
    /// What the operating system says. The lines are lost then, and their number is in the next one that can be written.
    pub fn tick(&self, now_ms: u64) -> io::Result<()> {
        let mut writer = self.writer();
        if writer.window.is_over(now_ms) { writer.write(now_ms) } else { Ok(()) }
    }

    /// Writes the window as it is: before the process ends, or before somebody reads.
    ///
    /// # Errors
    /// As [`tick`](Self::tick).
    pub fn flush(&self, now_ms: u64) -> io::Result<()> {
        self.writer().write(now_ms)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn write(&mut self, now_ms: u64) -> io::Result<()> {
        let drafts = self.window.close(now_ms, self.lost);
        let appended = drafts.iter().try_for_each(|draft| self.append(draft));
        match appended.and_then(|()| self.segments.flush()) {
            Ok(()) => {
                self.lost = 0;
                Ok(())
            }
            Err(error) => {
                self.lost = drafts.iter().fold(0, |sum, draft| sum.saturating_add(draft.count));
                // Some lines may have been written, and the chain goes on from the last of them.
                self.end = end_of(&self.path)?;
                Err(error)
            }
        }
    }

    fn append(&mut self, draft: &Draft) -> io::Result<()> {
        let line = draft.line(self.end.next, &self.plugin, self.end.head);
        self.segments.push(&line)?;
        self.end = End { next: self.end.next + 1, head: self.end.head.then(&line) };
        Ok(())
    }
}

/// Where the chain in these files ends.
fn end_of(path: &Path) -> io::Result<End> {
    let last = match segments::last_line(path)? {
        Some(line) => Some(line),
        None => segments::last_line(&segments::older(path))?,
    };
    // A last line that is none is found by whoever verifies; the chain begins anew behind it.
    let receipt = last.as_deref().and_then(|line| Some((line, Receipt::parse(line)?)));
    Ok(match receipt {
        Some((line, receipt)) => End { next: receipt.n + 1, head: receipt.previous.then(line) },
        None => End { next: 0, head: Digest::ZERO },
    })
}

#[cfg(test)]
mod tests;
