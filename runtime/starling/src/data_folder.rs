//! The folder that everything of one installation lies in: held by one process at a time, and of a known layout.
//!
//! ```text
//! lock       held while a process runs; holds its number
//! version    the layout of the folder, a decimal number
//! node.key   the node's key (see node_key)
//! *.redb     one file per actor, each with a schema version of its own
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{error::Error, private_file};

/// The layout that this program writes.
const LAYOUT: u32 = 1;
/// What the files of an installation end in.
const OURS: &[&str] = &["key", "redb", "pem", "json"];
/// Between taking the lock and writing its number into it, a process needs a moment.
const HOLDER_TRIES: usize = 10;
const HOLDER_PAUSE: Duration = Duration::from_millis(10);

/// A locked data folder. The lock goes with the value, or with the process.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Closing it releases the lock.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, locks it, and checks its layout.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Newer`], [`Error::Damaged`], [`Error::Disk`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        create_private(path).map_err(|source| disk("create data folder", path, source))?;
        let path = path.canonicalize().map_err(|source| disk("open data folder", path, source))?;
        let lock = lock(&path)?;
        check_layout(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a folder, and those above it, that only its owner may enter; one that is there already stays as it is.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let mut file = private_file::owners_alone()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| disk("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::InUse { path: folder.to_owned(), pid: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(disk("lock", &path, source)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|source| disk("write", &path, source))?;
    Ok(file)
}

/// The process that holds the lock, which may be writing its number just now.
fn holder(file: &mut File) -> Option<u32> {
    let mut tries = 0..HOLDER_TRIES;
    loop {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(16).read_to_string(&mut text).ok()?;
        match text.trim().parse() {
            Ok(pid) => return Some(pid),
            Err(_) => tries.next()?,
        };
        thread::sleep(HOLDER_PAUSE);
    }
}

fn check_layout(folder: &Path) -> Result<(), Error> {
    let path = folder.join("version");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write_layout(&path);
        }
        Err(source) => return Err(disk("read", &path, source)),
    };
    // Earlier programs wrote the file in two steps, and may have ended in between.
    if text.trim().is_empty() && is_new(folder).map_err(|source| disk("read", folder, source))? {
        return write_layout(&path);
    }
    match text.trim().parse::<u32>() {
        Ok(found) if found > LAYOUT => Err(Error::Newer { path: folder.to_owned(), found, known: LAYOUT }),
        Ok(_) => Ok(()),
        Err(_) => {
            let problem =
                format!("does not hold a layout number; write {LAYOUT} into it if this is a data folder");
            Err(Error::Damaged { path, problem })
        }
    }
}

fn write_layout(path: &Path) -> Result<(), Error> {
    private_file::write(path, format!("{LAYOUT}\n").as_bytes()).map_err(|source| disk("write", path, source))
}

/// Whether the folder holds nothing of an installation: no keys, certificates, databases or lists.
fn is_new(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| OURS.iter().any(|ours| extension == *ours)) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn disk(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Disk { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_holder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");

        let first = DataFolder::open(&path).unwrap();
        let refused = DataFolder::open(&path).unwrap_err();
        drop(first);

        let text = refused.to_string();
        assert!(
            text.contains(&format!("is in use by another process (pid {})", std::process::id())),
            "{text}"
        );
        assert!(DataFolder::open(&path).is_ok(), "free again once the holder is gone");
    }

    #[test]
    fn a_folder_of_a_newer_version_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("version"), "2\n").unwrap();

        let refused = DataFolder::open(folder.path()).unwrap_err();

        assert!(matches!(refused, Error::Newer { found: 2, known: LAYOUT, .. }), "{refused}");
        assert_eq!(fs::read_to_string(folder.path().join("version")).unwrap(), "2\n");
    }

    #[test]
    fn a_version_that_is_no_number_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("version"), "new\n").unwrap();

        let refused = DataFolder::open(folder.path()).unwrap_err().to_string();

        assert!(refused.contains("version does not hold a layout number"), "{refused}");
    }

    #[test]
    fn a_version_left_empty_is_written_again_if_there_is_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("version");
        fs::write(&version, "").unwrap();

        drop(DataFolder::open(folder.path()).unwrap());
        assert_eq!(fs::read_to_string(&version).unwrap(), "1\n");

        fs::write(&version, "").unwrap();
        fs::write(folder.path().join("node.key"), "").unwrap();
        let refused = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("version does not hold a layout number"), "{refused}");
        assert_eq!(fs::read_to_string(&version).unwrap(), "", "left alone");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");

        let folder = DataFolder::open(&path).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&path.join("lock")), 0o600);
        assert_eq!(mode(&path.join("version")), 0o600);
        assert_eq!(fs::read_to_string(path.join("version")).unwrap(), "1\n");
    }
}
