//! The reading end of a plugin's log, which may be in another process.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::Entry;
use crate::segments;

/// So much is read in one go.
const CHUNK: u64 = 256 * 1024;

/// All lines that are left, the oldest first. What is no line of a log is left out.
///
/// # Errors
/// What the operating system says.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (_, file) in segments::open_to_read(path)? {
        segments::for_each_line(file, |_, line| entries.extend(parse(line)))?;
    }
    Ok(entries)
}

fn parse(line: &[u8]) -> Option<Entry> {
    serde_json::from_slice(line).ok()
}

/// Reads a log that is still being written.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl Follower {
    /// Follows a log from here on. The file need not be there yet.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn from_now(path: &Path) -> io::Result<Self> {
        let mut follower = Self { path: path.to_owned(), file: None, rest: Vec::new() };
        if let Some((_, mut file)) =
            segments::open_to_read(path)?.into_iter().find(|(found, _)| found == path)
        {
            file.seek(SeekFrom::End(0))?;
            follower.file = Some(file);
        }
        Ok(follower)
    }

    /// The lines that are there already, and a follower of those to come: none is told twice or left out.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn from_start(path: &Path) -> io::Result<(Vec<Entry>, Self)> {
        let mut follower = Self { path: path.to_owned(), file: None, rest: Vec::new() };
        let mut entries = Vec::new();
        for (_, file) in segments::open_to_read(path)? {
            follower.file = Some(file);
            while follower.read_chunk(&mut entries)? {}
        }
        follower.file.take_if(|file| !segments::is_still(file, path).unwrap_or(false));
        Ok((entries, follower))
    }

    /// What was written since the last time. It does not wait.
    ///
    /// If the log began anew more than once in between, the lines that are gone already are left out.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn poll(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let is_over = match &self.file {
            Some(file) => !segments::is_still(file, &self.path)?,
            None => true,
        };
        // Whatever was written before the file lost its name is there to be read now.
        while self.read_chunk(&mut entries)? {}
        if is_over {
            self.rest.clear();
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            while self.read_chunk(&mut entries)? {}
        }
        Ok(entries)
    }

    /// Says whether there may be more.
    fn read_chunk(&mut self, entries: &mut Vec<Entry>) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        let read = file.take(CHUNK).read_to_end(&mut self.rest)?;
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            entries.extend(parse(&line));
        }
        if self.rest.len() > segments::MAX_LINE {
            // No line of ours.
            self.rest.clear();
        }
        Ok(read > 0)
    }
}
