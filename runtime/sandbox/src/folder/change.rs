//! A change from one installed version to another, in steps that can be done twice.

use std::path::Path;

use super::{COMPONENT, FolderError, Installed, PREVIOUS, SIGNATURE, disk::Disk, pin};
use crate::manifest::{self, PluginName};

/// What was decided and is not done yet.
const NEXT: &str = "next";
/// What is not decided yet.
const DRAFT: &str = ".draft";
/// What is done.
const DONE: &str = ".done";
/// A file or folder on its way to its place.
const PLACING: &str = ".placing";
const FILES: [&str; 3] = [manifest::FILE_NAME, COMPONENT, SIGNATURE];

pub(super) struct Change {
    /// The version to be put in place.
    pub(super) incoming: Installed,
    /// The one to be kept for a rollback.
    pub(super) outgoing: Option<Installed>,
}

/// Was something decided for this plugin's folder that is not done yet?
pub(super) fn is_pending(folder: &Path) -> bool {
    folder.join(NEXT).is_dir()
}

impl Change {
    /// Writes down what is to be done. When it returns, it is decided; when it fails, it is not.
    pub(super) fn write(&self, disk: &Disk, folder: &Path) -> Result<(), FolderError> {
        disk.make_folder(folder)?;
        let draft = folder.join(DRAFT);
        disk.remove_folder(&draft)?;
        write_version(disk, &draft, &self.incoming)?;
        if let Some(outgoing) = &self.outgoing {
            write_version(disk, &draft.join(PREVIOUS), outgoing)?;
            disk.sync(&draft)?;
        }
        disk.rename(&draft, &folder.join(NEXT))?;
        disk.sync(folder)
    }
}

fn write_version(disk: &Disk, folder: &Path, version: &Installed) -> Result<(), FolderError> {
    disk.make_folder(folder)?;
    for (file, bytes) in version.package.files() {
        if let Some(bytes) = bytes {
            disk.write(&folder.join(file), bytes)?;
        }
    }
    let (file, text) = pin::own_file(&version.pin)?;
    disk.write(&folder.join(file), text.as_bytes())?;
    disk.sync(folder)
}

/// Does what was decided. May be called again after it was broken off anywhere.
pub(super) fn finish(disk: &Disk, lock: &Path, name: &PluginName, folder: &Path) -> Result<(), FolderError> {
    let next = folder.join(NEXT);
    for file in FILES {
        place_file(disk, &next, folder, file)?;
    }
    place_previous(disk, &next, folder)?;
    disk.sync(folder)?;
    let mut pins = pin::read(lock)?;
    pins.insert(name.clone(), pin::read_one(&next)?);
    disk.replace(lock, pin::text(&pins)?.as_bytes())?;
    let done = folder.join(DONE);
    disk.remove_folder(&done)?;
    disk.rename(&next, &done)?;
    disk.sync(folder)?;
    // From here on nothing depends on it, so what cannot be removed is left to the next change.
    let _ = disk.remove_folder(&done);
    Ok(())
}

/// Removes the files of a version that is no longer installed, and of the one before it.
pub(super) fn clear(disk: &Disk, folder: &Path) -> Result<(), FolderError> {
    for file in FILES {
        disk.remove_file(&folder.join(file))?;
    }
    disk.remove_folder(&folder.join(PREVIOUS))?;
    disk.sync(folder)
}

fn place_file(disk: &Disk, next: &Path, folder: &Path, file: &str) -> Result<(), FolderError> {
    let (from, placing, to) = (next.join(file), folder.join(PLACING), folder.join(file));
    if !from.is_file() {
        return disk.remove_file(&to);
    }
    disk.link(&from, &placing)?;
    disk.rename(&placing, &to)?;
    // Where both are the same file already, a rename leaves the other name.
    disk.remove_file(&placing)
}

fn place_previous(disk: &Disk, next: &Path, folder: &Path) -> Result<(), FolderError> {
    let (from, placing, to) = (next.join(PREVIOUS), folder.join(".previous"), folder.join(PREVIOUS));
    disk.remove_folder(&placing)?;
    if !from.is_dir() {
        return disk.remove_folder(&to);
    }
    disk.make_folder(&placing)?;
    let (own, _) = pin::own_file(&pin::read_one(&from)?)?;
    for file in FILES.into_iter().chain([own]).filter(|file| from.join(file).is_file()) {
        disk.link(&from.join(file), &placing.join(file))?;
    }
    disk.sync(&placing)?;
    disk.remove_folder(&to)?;
    disk.rename(&placing, &to)
}
