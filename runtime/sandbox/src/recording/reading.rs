//! Reading a recording.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use thiserror::Error;

use super::format::{CONTRACT, FORMAT, Header, Take};

/// No call is longer, in bytes; beyond it something else is in the file.
const MAX_LINE: u64 = 64 << 20;

/// Why a recording cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file could not be read.
    #[error("could not read the recording: {0}")]
    Unreadable(#[from] io::Error),
    /// The first line is not that of a recording.
    #[error("this is no recording of a plugin: its first line is not that of one")]
    NotOne,
    /// It was written by a later version.
    #[error(
        "the recording has format {found} of contract {contract}; this version of starling reads format {FORMAT} of {CONTRACT}"
    )]
    Foreign {
        /// Its format.
        found: u32,
        /// Its contract.
        contract: String,
    },
    /// A line in the middle is broken.
    #[error("line {line} of the recording is broken: {reason}")]
    Broken {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// A recording that is being read, call by call.
pub struct Recording<R> {
    header: Header,
    lines: R,
    read: u64,
}

impl Recording<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        Self::read(BufReader::new(File::open(path)?))
    }
}

impl<R: BufRead> Recording<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`RecordingError`], but for broken calls.
    pub fn read(mut lines: R) -> Result<Self, RecordingError> {
        let Line::Whole(line) = next_line(&mut lines)? else { return Err(RecordingError::NotOne) };
        let header: Header = serde_json::from_slice(&line).map_err(|_| RecordingError::NotOne)?;
        if header.format != FORMAT || header.contract != CONTRACT {
            return Err(RecordingError::Foreign { found: header.format, contract: header.contract });
        }
        Ok(Self { header, lines, read: 1 })
    }

    /// Of what it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next call; nothing at the end. A last line without its end was torn off by a crash, and is none.
    ///
    /// # Errors
    /// [`RecordingError::Broken`], [`RecordingError::Unreadable`].
    pub fn next_take(&mut self) -> Result<Option<Take>, RecordingError> {
        let line = next_line(&mut self.lines)?;
        self.read += 1;
        let broken = |reason: String| RecordingError::Broken { line: self.read, reason };
        match line {
            Line::End => Ok(None),
            Line::TooLong => Err(broken(format!("it is longer than {MAX_LINE} bytes"))),
            Line::Whole(line) => {
                serde_json::from_slice(&line).map(Some).map_err(|error| broken(error.to_string()))
            }
        }
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

fn next_line(lines: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    lines.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        Some(b'\n') => Line::Whole(line),
        Some(_) if u64::try_from(line.len()).is_ok_and(|len| len >= MAX_LINE) => Line::TooLong,
        _ => Line::End,
    })
}
