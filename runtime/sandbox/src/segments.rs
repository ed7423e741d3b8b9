//! A file of lines that never outgrows a bound: when it is half as long as may be, it becomes the older of two and a new one
//! begins. `log.jsonl` is the newer, `log.1.jsonl` the older.
//!
//! Lines are gathered in memory and written by [`Segments::flush`] in one piece. They are then with the operating system, so
//! they survive the death of the process, though not that of the machine: what is written here is no one's only copy of
//! anything, and a wait for the disk at each call would cost more than it is worth.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// No line is longer, in bytes.
pub(crate) const MAX_LINE: usize = 64 * 1024;
/// So much is gathered at most before it is written without being asked.
const MAX_PENDING: usize = 64 * 1024;

/// The writing end.
#[derive(Debug)]
pub(crate) struct Segments {
    path: PathBuf,
    /// How long one of the two may become.
    limit: u64,
    file: File,
    /// How long the newer one is; what lies behind is torn.
    len: u64,
    pending: Vec<u8>,
}

impl Segments {
    /// Opens or makes the newer file. A torn last line, left by a process that died while writing, is cut off.
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let mut file = owners_alone().read(true).append(true).create(true).open(path)?;
        let mut len = whole_len(&mut file)?;
        file.set_len(len)?;
        if len > 0 && tail(&mut file, len)?.last() != Some(&b'\n') {
            // Something longer than any line, which is not ours: the next line is to be one of its own.
            file.write_all(b"\n")?;
            len += 1;
        }
        Ok(Self { path: path.to_owned(), limit: (limit / 2).max(1), file, len, pending: Vec::new() })
    }

    /// Adds a line, without its line break, which is added.
    pub(crate) fn push(&mut self, line: &[u8]) -> io::Result<()> {
        let grown = self.len.saturating_add(size(self.pending.len() + line.len() + 1));
        if grown > self.limit && (self.len > 0 || !self.pending.is_empty()) {
            self.flush()?;
            self.begin_anew()?;
        }
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
        if self.pending.len() >= MAX_PENDING { self.flush() } else { Ok(()) }
    }

    /// Writes what was gathered. What cannot be written is dropped, and the file left as it was.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        if let Err(error) = self.file.write_all(&pending) {
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += size(pending.len());
        Ok(())
    }

    /// One that cannot write, as on a full disk.
    #[cfg(test)]
    pub(crate) fn read_only(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), limit: u64::MAX, file, len, pending: Vec::new() })
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        match fs::rename(&self.path, older(&self.path)) {
            // Somebody removed it, or the last try went no further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        self.file = owners_alone().append(true).create(true).truncate(false).open(&self.path)?;
        self.len = self.file.metadata()?.len();
        Ok(())
    }
}

/// `log.1.jsonl` for `log.jsonl`.
pub(crate) fn older(path: &Path) -> PathBuf {
    let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
    path.with_extension(format!("1.{}", extension.unwrap_or_default()))
}

/// Both files, the older first, as they were at one moment: a reader is not disturbed by a change that comes later.
pub(crate) fn open_to_read(path: &Path) -> io::Result<Vec<(PathBuf, File)>> {
    loop {
        let newer = existing(path)?;
        let before = existing(&older(path))?;
        let is_settled = match &newer {
            Some(file) => is_still(file, path)?,
            None => !path.try_exists()?,
        };
        if is_settled {
            let both = [(older(path), before), (path.to_owned(), newer)];
            return Ok(both.into_iter().filter_map(|(path, file)| Some((path, file?))).collect());
        }
    }
}

/// Calls `each` with every whole line and its number, counted from 1. What has no line break yet is still being written.
pub(crate) fn for_each_line(file: File, mut each: impl FnMut(usize, &[u8])) -> io::Result<()> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // Others than this program may have written here: a line without end is cut into pieces that are no lines.
        let bound = size(MAX_LINE);
        reader.by_ref().take(bound).read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\n") {
            Some(whole) => each(number, whole),
            None if size(line.len()) == bound => each(number, &line),
            None => break,
        }
    }
    Ok(())
}

/// The last whole line of a file; nothing when it has none.
pub(crate) fn last_line(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = existing(path)? else { return Ok(None) };
    let len = whole_len(&mut file)?;
    let tail = tail(&mut file, len)?;
    let Some(lines) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let start = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(Some(lines[start..].to_vec()))
}

/// How long a file is up to its last line break.
fn whole_len(file: &mut File) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let tail = tail(file, len)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(len - size(tail.len() - whole))
}

/// The last bytes before `end`, as many as the longest line has and the break before it.
fn tail(file: &mut File, end: u64) -> io::Result<Vec<u8>> {
    let start = end.saturating_sub(size(MAX_LINE + 1));
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(end - start).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Is that file still the one of this name?
pub(crate) fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(named) => Ok(is_same(&file.metadata()?, &named)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Where files have no numbers, one that became shorter is another one.
#[cfg(not(unix))]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    other.len() >= one.len()
}

fn owners_alone() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for (_, file) in open_to_read(path).unwrap() {
            for_each_line(file, |_, line| found.push(String::from_utf8_lossy(line).into_owned())).unwrap();
        }
        found
    }

    fn total(path: &Path) -> u64 {
        [path.to_owned(), older(path)]
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum()
    }

    #[test]
    fn the_two_files_together_never_outgrow_the_bound_and_the_newest_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut segments = Segments::open(&path, 1_000).unwrap();

        for number in 0..500 {
            segments.push(format!("line {number}").as_bytes()).unwrap();
            segments.flush().unwrap();
            assert!(total(&path) <= 1_000);
        }

        let kept = lines(&path);
        assert_eq!(kept.last().unwrap(), "line 499");
        assert!(kept.len() > 50, "{}", kept.len());
        let first: usize = kept[0]["line ".len()..].parse().unwrap();
        assert_eq!(
            kept,
            (first..500).map(|number| format!("line {number}")).collect::<Vec<_>>(),
            "without a gap"
        );
    }

    #[test]
    fn a_file_that_was_removed_is_begun_anew_when_its_time_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut segments = Segments::open(&path, 100).unwrap();
        segments.push(b"one").unwrap();
        segments.flush().unwrap();

        fs::remove_file(&path).unwrap();
        for _ in 0..20 {
            segments.push(b"more").unwrap();
            segments.flush().unwrap();
        }

        assert!(lines(&path).len() > 5);
    }

    #[test]
    fn lines_are_written_when_asked_for_or_when_there_are_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut segments = Segments::open(&path, 1 << 20).unwrap();

        segments.push(b"one").unwrap();
        assert_eq!(lines(&path), [""; 0]);
        segments.flush().unwrap();
        assert_eq!(lines(&path), ["one"]);
        for _ in 0..MAX_PENDING / 1_000 + 1 {
            segments.push(&[b'x'; 1_000]).unwrap();
        }
        assert!(lines(&path).len() > MAX_PENDING / 1_000);
    }

    #[test]
    fn a_torn_last_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        for torn in ["", "t", "torn"] {
            fs::write(&path, format!("one\ntwo\n{torn}")).unwrap();

            let mut segments = Segments::open(&path, 1_000).unwrap();
            segments.push(b"three").unwrap();
            segments.flush().unwrap();

            assert_eq!(lines(&path), ["one", "two", "three"]);
        }
        fs::write(&path, "torn").unwrap();
        Segments::open(&path, 1_000).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn the_last_line_is_found_whatever_comes_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let check = |text: String, expected: Option<&str>| {
            fs::write(&path, text).unwrap();
            assert_eq!(last_line(&path).unwrap(), expected.map(|line| line.as_bytes().to_vec()));
        };

        assert_eq!(last_line(&path).unwrap(), None);
        check(String::new(), None);
        check("torn".to_owned(), None);
        check("one\n".to_owned(), Some("one"));
        check("one\ntwo\ntorn".to_owned(), Some("two"));
        check(format!("{}\ntwo\n", "x".repeat(3 * MAX_LINE)), Some("two"));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_plugin_did_is_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");

        Segments::open(&path, 1_000).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
