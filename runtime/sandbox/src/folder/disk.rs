//! What is done to the disk, in steps that can each be the last one: a test lets every single one of them fail.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use super::FolderError;

/// What stands behind a file's name while it is being written.
const DRAFT: &str = ".new";
/// Held by whoever reads or changes something.
const GUARD: &str = ".guard";

/// The way to the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) life: Option<std::sync::Arc<std::sync::atomic::AtomicUsize>>,
}

/// Goes with the value, or with the process.
#[derive(Debug)]
pub(super) struct Guard(#[expect(dead_code, reason = "closing it releases the lock")] File);

impl Disk {
    /// Waits until nobody changes anything.
    pub(super) fn share(&self, root: &Path) -> Result<Guard, FolderError> {
        let (file, path) = self.guard(root)?;
        file.lock_shared().map_err(|source| FolderError::disk("lock", &path, source))?;
        Ok(Guard(file))
    }

    /// Waits until nobody reads or changes anything.
    pub(super) fn hold(&self, root: &Path) -> Result<Guard, FolderError> {
        let (file, path) = self.guard(root)?;
        file.lock().map_err(|source| FolderError::disk("lock", &path, source))?;
        Ok(Guard(file))
    }

    fn guard(&self, root: &Path) -> Result<(File, std::path::PathBuf), FolderError> {
        self.make_folder(root)?;
        let path = root.join(GUARD);
        let open = owners_alone().read(true).write(true).create(true).truncate(false).open(&path);
        Ok((open.map_err(|source| FolderError::disk("open", &path, source))?, path))
    }

    /// Makes a folder, and those above it, that only its owner may enter; one that is there stays as it is.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), FolderError> {
        self.step("create", path, || {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::DirBuilderExt as _;
                builder.mode(0o700);
            }
            builder.create(path)
        })
    }

    /// Writes a new file, which is on the disk when this returns.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
        let write = |bytes: &[u8]| {
            let mut file = owners_alone().write(true).create(true).truncate(true).open(path)?;
            file.write_all(bytes)?;
            bring_to_disk(&file)
        };
        self.half("write", path, || write(&bytes[..bytes.len() / 2]))?;
        self.step("write", path, || write(bytes))
    }

    /// Replaces a file as a whole, or makes it.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(DRAFT);
        let draft = Path::new(&draft);
        self.write(draft, bytes)?;
        self.rename(draft, path)?;
        self.sync_parent(path)
    }

    /// Gives a file another name beside its own, or copies it where that cannot be.
    pub(super) fn link(&self, from: &Path, to: &Path) -> Result<(), FolderError> {
        self.remove_file(to)?;
        self.step("create", to, || match fs::hard_link(from, to) {
            Ok(()) => Ok(()),
            Err(_) => fs::copy(from, to).and_then(|_| bring_to_disk(&File::open(to)?)),
        })
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), FolderError> {
        self.step("rename", from, || fs::rename(from, to))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove_file(&self, path: &Path) -> Result<(), FolderError> {
        self.step("remove", path, || if_there(fs::remove_file(path)))
    }

    /// Removes a folder and all that is in it, if it is there.
    pub(super) fn remove_folder(&self, path: &Path) -> Result<(), FolderError> {
        self.step("remove", path, || if_there(fs::remove_dir_all(path)))
    }

    /// Brings the names in a folder to the disk.
    pub(super) fn sync(&self, folder: &Path) -> Result<(), FolderError> {
        self.step("write", folder, || bring_to_disk(&File::open(folder)?))
    }

    fn sync_parent(&self, path: &Path) -> Result<(), FolderError> {
        path.parent().map_or(Ok(()), |folder| self.sync(folder))
    }

    fn step(
        &self,
        action: &'static str,
        path: &Path,
        does: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), FolderError> {
        self.live().and_then(|()| does()).map_err(|source| FolderError::disk(action, path, source))
    }

    /// In tests, does what a process leaves behind that ends in the middle of the step that follows.
    #[cfg(test)]
    fn half(
        &self,
        action: &'static str,
        path: &Path,
        does: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), FolderError> {
        match self.live() {
            Ok(()) => Ok(()),
            Err(death) => {
                if self.was_alive() {
                    does().map_err(|source| FolderError::disk(action, path, source))?;
                }
                Err(FolderError::disk(action, path, death))
            }
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "its other form needs it")]
    fn half(&self, _: &'static str, _: &Path, _: impl FnOnce() -> io::Result<()>) -> Result<(), FolderError> {
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "its other form needs it")]
    fn live(&self) -> io::Result<()> {
        Ok(())
    }

    /// In tests, ends a life that is over.
    #[cfg(test)]
    fn live(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering;
        let Some(life) = &self.life else { return Ok(()) };
        match life.load(Ordering::Relaxed) {
            DEAD => Err(io::Error::other("dead")),
            0 => {
                life.store(DYING, Ordering::Relaxed);
                Err(io::Error::other("dying"))
            }
            DYING => {
                life.store(DEAD, Ordering::Relaxed);
                Err(io::Error::other("dead"))
            }
            left => {
                life.store(left - 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    #[cfg(test)]
    fn was_alive(&self) -> bool {
        let life = self.life.as_ref().map(|life| life.load(std::sync::atomic::Ordering::Relaxed));
        life == Some(DYING)
    }
}

#[cfg(test)]
const DEAD: usize = usize::MAX;
#[cfg(test)]
const DYING: usize = usize::MAX - 1;

/// Tests end processes and not machines, so they need not wait for this.
fn bring_to_disk(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
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
