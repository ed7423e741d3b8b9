//! The reading end of the receipts, which may be in another process.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::line::Receipt;
use crate::{segments, signature::Digest};

/// A chain without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are.
    pub lines: u64,
    /// The number of the first that is left; nothing when there is none.
    pub first: Option<u64>,
    /// The hash of the last line: as long as it stays the same or is in the chain, nothing before it was changed.
    pub head: Digest,
}

/// Why receipts cannot be relied on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// They could not be read.
    #[error("could not read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The chain is broken.
    #[error("{}:{line}: {problem}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: &'static str,
    },
}

/// Verifies all receipts that are left. None at all are without a fault.
///
/// # Errors
/// The first line that is not as it was written.
pub fn verify(path: &Path) -> Result<Verified, AuditError> {
    let mut chain = Chain::default();
    walk(path, |path, line, bytes| chain.add(path, line, bytes))?;
    chain.outcome()
}

/// The receipts since then, Unix time in milliseconds; the oldest first. Lines that are none are left out: see [`verify`].
///
/// # Errors
/// [`AuditError::Unreadable`].
pub fn read(path: &Path, since_ms: u64) -> Result<Vec<Receipt>, AuditError> {
    let mut found = Vec::new();
    walk(path, |_, _, bytes| {
        let is_since = |receipt: &Receipt| receipt.until_ms.unwrap_or(receipt.at_ms) >= since_ms;
        found.extend(Receipt::parse(bytes).filter(is_since));
    })?;
    Ok(found)
}

fn walk(path: &Path, mut each: impl FnMut(&Path, usize, &[u8])) -> Result<(), AuditError> {
    let unreadable = |path: &Path, source| AuditError::Unreadable { path: path.to_owned(), source };
    let files: Vec<(PathBuf, File)> =
        segments::open_to_read(path).map_err(|source| unreadable(path, source))?;
    for (path, file) in files {
        segments::for_each_line(file, |line, bytes| each(&path, line, bytes))
            .map_err(|source| unreadable(&path, source))?;
    }
    Ok(())
}

#[derive(Default)]
struct Chain {
    lines: u64,
    first: Option<u64>,
    last: Option<(u64, Digest)>,
    fault: Option<AuditError>,
}

impl Chain {
    fn add(&mut self, path: &Path, line: usize, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        match self.link(bytes) {
            Ok(()) => self.lines += 1,
            Err(problem) => {
                self.fault = Some(AuditError::Broken { path: path.to_owned(), line, problem });
            }
        }
    }

    fn link(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let receipt = Receipt::parse(bytes).ok_or("this line is no receipt")?;
        match self.last {
            Some((n, _)) if receipt.n != n + 1 => {
                return Err("a line is missing before this one, or too many are there");
            }
            Some((_, head)) if receipt.previous != head => {
                return Err("the line before this one is not the one that was written");
            }
            None if receipt.n == 0 && receipt.previous != Digest::ZERO => {
                return Err("the first line does not begin a chain");
            }
            _ => {}
        }
        self.first.get_or_insert(receipt.n);
        self.last = Some((receipt.n, receipt.previous.then(bytes)));
        Ok(())
    }

    fn outcome(self) -> Result<Verified, AuditError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                let head = self.last.map_or(Digest::ZERO, |(_, head)| head);
                Ok(Verified { lines: self.lines, first: self.first, head })
            }
        }
    }
}
