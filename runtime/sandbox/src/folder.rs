//! The folder that plugins are installed in: `<data folder>/plugins`.
//!
//! ```text
//! plugins.lock                       what is installed: version, digests, signer, time; TOML
//! cache/                             compiled code, which may be deleted at any time
//! NAME/plugin.toml, component.wasm   the version that runs; component.wasm.minisig where it is signed
//! NAME/previous/                     the version before it, for a rollback: the same files, and pin.toml
//! NAME/operator.toml                 what the operator granted and set: the keys of [plugins.NAME]
//! NAME/recording                     where the plugin's calls are to be recorded: an absolute path; mostly not there
//! NAME/log.jsonl, receipts.jsonl     see `journal` and `receipts`
//! NAME/next/                         a change on its way; not there when all is well
//! .guard                             held while somebody changes something, shared while somebody reads
//! ```
//!
//! # A change is whole or has not happened
//!
//! A new version is written into `NAME/.draft` together with a copy of the one it replaces, brought to the disk, and renamed to
//! `NAME/next`: that moment decides. What follows only repeats what lies in `next`, in steps that can be done twice: each file
//! is put in place by a rename, `previous` likewise, `plugins.lock` is written anew, and `next` is renamed away. Whoever opens the
//! folder and finds a `next` does these steps first. Readers see nothing in between, because they share the guard.

mod change;
mod disk;
mod error;
mod package;
mod pin;
mod stamp;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use self::error::FolderError;
pub use self::package::{MAX_COMPONENT, Package, PackageError, check_kind};
pub use self::pin::Pin;
pub use self::stamp::Stamp;
use self::{
    change::Change,
    disk::{Disk, Guard},
    pin::Pins,
};
use crate::{
    config::PluginConfig,
    manifest::{self, PluginName},
    permission::{Grants, Permission},
    signature::Digest,
    toml_file::{self, FileError},
};

/// Compiled versions, and nothing that could not be made anew.
const CACHE: &str = "cache";
const LOCK: &str = "plugins.lock";
const OPERATOR: &str = "operator.toml";
const PREVIOUS: &str = "previous";
const RECORDING: &str = "recording";
const COMPONENT: &str = "component.wasm";
const SIGNATURE: &str = "component.wasm.minisig";

/// The folder of installed plugins. All its functions wait for the disk, and for others who are changing something.
#[derive(Debug, Clone)]
pub struct PluginFolder {
    root: PathBuf,
    disk: Disk,
}

/// An installed version, as it lies on the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// What `plugins.lock` says of it.
    pub pin: Pin,
    /// The plugin itself; its digests are those of the pin.
    pub package: Package,
}

/// What an installation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The version that was there before.
    pub before: Option<Pin>,
    /// The one that is there now.
    pub now: Pin,
    /// What it asks for and was not granted: while there is anything, it does not start.
    pub missing: Vec<Permission>,
}

impl PluginFolder {
    /// The plugins of a data folder. Nothing is read or made yet.
    pub fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.join("plugins"), disk: Disk::default() }
    }

    /// Where compiled code is kept.
    pub fn cache(&self) -> PathBuf {
        self.root.join(CACHE)
    }

    /// The folder of one plugin, whether or not it is there.
    pub fn of(&self, name: &PluginName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// A plugin's log, see [`journal`](crate::journal).
    pub fn log(&self, name: &PluginName) -> PathBuf {
        self.of(name).join("log.jsonl")
    }

    /// A plugin's receipts, see [`receipts`](crate::receipts).
    pub fn receipts(&self, name: &PluginName) -> PathBuf {
        self.of(name).join("receipts.jsonl")
    }

    /// Makes the folder of one plugin, for its log and receipts: one whose source is elsewhere has them here all the same.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn make(&self, name: &PluginName) -> Result<PathBuf, FolderError> {
        let path = self.of(name);
        self.disk.make_folder(&path)?;
        Ok(path)
    }

    /// Which plugins there are in the folder: installed ones, and those that something was set for; sorted.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn names(&self) -> Result<Vec<PluginName>, FolderError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FolderError::disk("read", &self.root, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| FolderError::disk("read", &self.root, source))?.file_name();
            names.extend(name.to_str().and_then(|name| name.parse::<PluginName>().ok()));
        }
        names.retain(|name| self.of(name).is_dir());
        names.sort();
        Ok(names)
    }

    /// What is installed, by name.
    ///
    /// # Errors
    /// `plugins.lock` cannot be read, or was damaged.
    pub fn installed(&self) -> Result<Vec<(PluginName, Pin)>, FolderError> {
        let _guard = self.to_read()?;
        Ok(self.pins()?.into_iter().collect())
    }

    /// What is installed under that name; nothing when nothing is.
    ///
    /// # Errors
    /// [`FolderError::Altered`] when the files are not those that were installed.
    pub fn get(&self, name: &PluginName) -> Result<Option<Installed>, FolderError> {
        let _guard = self.to_read()?;
        match self.pins()?.remove(name) {
            Some(pin) => Ok(Some(Installed { package: self.checked(&self.of(name), &pin)?, pin })),
            None => Ok(None),
        }
    }

    /// The version that a rollback would bring back; nothing when there is none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn previous(&self, name: &PluginName) -> Result<Option<Installed>, FolderError> {
        let _guard = self.to_read()?;
        self.read_previous(name)
    }

    /// Puts a package in the place of what is installed under that name; the version that was there is kept for a rollback.
    ///
    /// Installing again what is installed changes nothing but the time. `granted` is what is granted to it at this time.
    ///
    /// # Errors
    /// What the operating system says; then either the old version is there as it was, or the new one.
    pub fn install(
        &self,
        name: &PluginName,
        package: &Package,
        pin: Pin,
        granted: &Grants,
    ) -> Result<Report, FolderError> {
        let missing = Grants::missing(&package.manifest.permissions, granted);
        let _guard = self.to_change()?;
        let before = self.pins()?.remove(name);
        let outgoing = match &before {
            // What is installed twice does not push out the version before it.
            Some(before) if before.is_same_as(&pin) => self.read_previous(name).ok().flatten(),
            Some(before) => self.worth_keeping(name, before),
            None => None,
        };
        let change = Change { incoming: Installed { pin: pin.clone(), package: package.clone() }, outgoing };
        change.write(&self.disk, &self.of(name))?;
        self.finish(name)?;
        Ok(Report { before, now: pin, missing })
    }

    /// Brings back the version before the one that is installed; a second time brings that one back.
    ///
    /// # Errors
    /// [`FolderError::NotInstalled`], [`FolderError::NoPrevious`]; otherwise as [`install`](Self::install).
    pub fn roll_back(&self, name: &PluginName, granted: &Grants) -> Result<Report, FolderError> {
        let _guard = self.to_change()?;
        let before = self.pins()?.remove(name).ok_or_else(|| FolderError::NotInstalled(name.clone()))?;
        let incoming = self.read_previous(name)?.ok_or_else(|| FolderError::NoPrevious(name.clone()))?;
        let missing = Grants::missing(&incoming.package.manifest.permissions, granted);
        let now = incoming.pin.clone();
        let outgoing = self.worth_keeping(name, &before);
        Change { incoming, outgoing }.write(&self.disk, &self.of(name))?;
        self.finish(name)?;
        Ok(Report { before: Some(before), now, missing })
    }

    /// Removes what is installed under that name, and what was granted to it: a plugin that is installed under the name later
    /// begins with nothing. Its log and its receipts stay.
    ///
    /// # Errors
    /// [`FolderError::NotInstalled`], and what the operating system says; then it may be there still, and without its grants.
    pub fn uninstall(&self, name: &PluginName) -> Result<Pin, FolderError> {
        let _guard = self.to_change()?;
        let mut pins = self.pins()?;
        let pin = pins.remove(name).ok_or_else(|| FolderError::NotInstalled(name.clone()))?;
        self.disk.remove_file(&self.of(name).join(OPERATOR))?;
        self.disk.replace(&self.root.join(LOCK), pin::text(&pins)?.as_bytes())?;
        change::clear(&self.disk, &self.of(name))?;
        Ok(pin)
    }

    /// What the operator set for it with commands; nothing when nothing was.
    ///
    /// # Errors
    /// `operator.toml` cannot be read, or says what it may not.
    pub fn operator(&self, name: &PluginName) -> Result<PluginConfig, FolderError> {
        let path = self.of(name).join(OPERATOR);
        match toml_file::read_text(&path) {
            Ok(text) => Ok(toml_file::parse(&path, &text)?),
            Err(FileError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(PluginConfig::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes what the operator set, and returns what it is now.
    ///
    /// # Errors
    /// As [`operator`](Self::operator), and what the operating system says; then it is as it was.
    pub fn change_operator(
        &self,
        name: &PluginName,
        change: impl FnOnce(&mut PluginConfig),
    ) -> Result<PluginConfig, FolderError> {
        let _guard = self.to_change()?;
        let mut operator = self.operator(name)?;
        change(&mut operator);
        let text = toml::to_string(&operator).map_err(FolderError::Unwritable)?;
        self.disk.make_folder(&self.of(name))?;
        self.disk.replace(&self.of(name).join(OPERATOR), text.as_bytes())?;
        Ok(operator)
    }

    /// Where the calls of a plugin are to be recorded; nowhere when nobody wants that.
    pub fn recording(&self, name: &PluginName) -> Option<PathBuf> {
        let written = fs::read_to_string(self.of(name).join(RECORDING)).ok()?;
        Some(PathBuf::from(written)).filter(|path| path.is_absolute())
    }

    /// Has the calls of a plugin recorded into a file that is not there yet, by its absolute path; or nowhere any more.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn record(&self, name: &PluginName, to: Option<&Path>) -> Result<(), FolderError> {
        let path = self.of(name).join(RECORDING);
        let _guard = self.to_change()?;
        match to {
            Some(to) => {
                self.disk.make_folder(&self.of(name))?;
                self.disk.replace(&path, to.as_os_str().as_encoded_bytes())
            }
            None => match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(FolderError::disk("remove", &path, source))
                }
                _ => Ok(()),
            },
        }
    }

    /// Something that is another after every change that concerns a plugin: an installation, a rollback, a grant. It is cheap and
    /// waits for nobody.
    pub fn stamp(&self, name: &PluginName) -> Stamp {
        let folder = self.of(name);
        Stamp::of(&[manifest::FILE_NAME, COMPONENT, OPERATOR, RECORDING].map(|file| folder.join(file)))
    }

    fn pins(&self) -> Result<Pins, FolderError> {
        pin::read(&self.root.join(LOCK))
    }

    fn read_previous(&self, name: &PluginName) -> Result<Option<Installed>, FolderError> {
        let folder = self.of(name).join(PREVIOUS);
        if !folder.is_dir() {
            return Ok(None);
        }
        let pin = pin::read_one(&folder)?;
        Ok(Some(Installed { package: self.checked(&folder, &pin)?, pin }))
    }

    /// What lies in a folder, if it is what was installed.
    fn checked(&self, folder: &Path, pin: &Pin) -> Result<Package, FolderError> {
        let package = Package::read_installed(folder)?;
        let altered = |file| FolderError::Altered {
            path: folder.join(file),
            has_previous: folder.join(PREVIOUS).is_dir(),
        };
        if package.digest() != pin.digest {
            return Err(altered(COMPONENT));
        }
        if Digest::of(package.manifest_text.as_bytes()) != pin.manifest {
            return Err(altered(manifest::FILE_NAME));
        }
        Ok(package)
    }

    /// The version to be kept for a rollback: the one that is replaced, or the one before it if that one was damaged, which must
    /// not keep it from being replaced.
    fn worth_keeping(&self, name: &PluginName, replaced: &Pin) -> Option<Installed> {
        match self.checked(&self.of(name), replaced) {
            Ok(package) => Some(Installed { pin: replaced.clone(), package }),
            Err(_) => self.read_previous(name).ok().flatten(),
        }
    }

    /// Shares the folder with other readers, after finishing what somebody left unfinished.
    fn to_read(&self) -> Result<Guard, FolderError> {
        loop {
            let guard = self.disk.share(&self.root)?;
            if self.unfinished()?.is_empty() {
                return Ok(guard);
            }
            drop(guard);
            drop(self.to_change()?);
        }
    }

    /// Has the folder alone, after finishing what somebody left unfinished.
    fn to_change(&self) -> Result<Guard, FolderError> {
        let guard = self.disk.hold(&self.root)?;
        for name in self.unfinished()? {
            self.finish(&name)?;
        }
        Ok(guard)
    }

    fn unfinished(&self) -> Result<Vec<PluginName>, FolderError> {
        let mut names = self.names()?;
        names.retain(|name| change::is_pending(&self.of(name)));
        Ok(names)
    }

    fn finish(&self, name: &PluginName) -> Result<(), FolderError> {
        change::finish(&self.disk, &self.root.join(LOCK), name, &self.of(name))
    }
}

#[cfg(test)]
mod tests;
