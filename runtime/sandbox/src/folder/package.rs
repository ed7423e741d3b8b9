//! A plugin as it is shipped: `plugin.toml`, its component, and perhaps a signature.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{COMPONENT, SIGNATURE};
use crate::{
    manifest::{self, Manifest},
    signature::{self, Digest},
    toml_file::{self, FileError},
};

/// The longest component, in bytes; those of scripting languages bring their interpreter along.
pub const MAX_COMPONENT: u64 = 128 << 20;

/// A plugin, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// What its author says of it.
    pub manifest: Manifest,
    /// The same, as it was written.
    pub manifest_text: String,
    /// The component.
    pub component: Vec<u8>,
    /// Its signature, if it has one.
    pub signature: Option<String>,
}

/// Why there is no plugin where one was looked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// It has no `plugin.toml`, or a wrong one.
    #[error(transparent)]
    Manifest(#[from] FileError),
    /// The path leads to something that is no plugin.
    #[error("{} is no plugin: expected a folder with a plugin.toml, or a .wasm beside one", path.display())]
    NoPlugin {
        /// What was given.
        path: PathBuf,
    },
    /// There is no component.
    #[error("there is no component {}: build the plugin first", path.display())]
    NoComponent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("could not read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is longer than any of its kind.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The longest there may be.
        limit: u64,
    },
    /// The file is no component.
    #[error("{} is {what}, not a WebAssembly component: {advice}", path.display())]
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

impl Package {
    /// Reads a plugin from a folder with a `plugin.toml`, or from a `.wasm` beside one. What it holds is not verified yet.
    ///
    /// # Errors
    /// [`PackageError`], which names the file.
    pub fn read(source: &Path) -> Result<Self, PackageError> {
        if source.is_dir() {
            let (manifest, manifest_text) = read_manifest(source)?;
            let component = source.join(manifest.component_file());
            return Self::assemble(manifest, manifest_text, &component);
        }
        match source.parent() {
            Some(folder) if source.extension().is_some_and(|extension| extension == "wasm") => {
                let (manifest, manifest_text) = read_manifest(folder)?;
                Self::assemble(manifest, manifest_text, source)
            }
            _ => Err(PackageError::NoPlugin { path: source.to_owned() }),
        }
    }

    /// Reads what was installed in a folder, whatever its component was called before.
    pub(super) fn read_installed(folder: &Path) -> Result<Self, PackageError> {
        let (manifest, manifest_text) = read_manifest(folder)?;
        Self::assemble(manifest, manifest_text, &folder.join(COMPONENT))
    }

    fn assemble(manifest: Manifest, manifest_text: String, path: &Path) -> Result<Self, PackageError> {
        let component = match read(path, MAX_COMPONENT)? {
            Some(component) => component,
            None => return Err(PackageError::NoComponent { path: path.to_owned() }),
        };
        check_kind(path, &component)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".minisig");
        let beside = PathBuf::from(beside);
        let limit = u64::try_from(signature::MAX_LEN).unwrap_or(u64::MAX);
        let signature = read(&beside, limit)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Self { manifest, manifest_text, component, signature })
    }

    /// The digest of the component.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.component)
    }

    /// The files that it is installed as.
    pub(super) fn files(&self) -> [(&'static str, Option<&[u8]>); 3] {
        [
            (manifest::FILE_NAME, Some(self.manifest_text.as_bytes())),
            (COMPONENT, Some(&self.component)),
            (SIGNATURE, self.signature.as_ref().map(String::as_bytes)),
        ]
    }
}

fn read_manifest(folder: &Path) -> Result<(Manifest, String), PackageError> {
    let path = folder.join(manifest::FILE_NAME);
    let text = toml_file::read_text(&path)?;
    Ok((Manifest::parse(&path, &text)?, text))
}

/// The bytes of a file that is not too long; nothing when it is not there.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PackageError> {
    let unreadable = |source| PackageError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match u64::try_from(bytes.len()) {
        Ok(len) if len <= limit => Ok(Some(bytes)),
        _ => Err(PackageError::TooLong { path: path.to_owned(), limit }),
    }
}

/// A WebAssembly file says in its first eight bytes what it is.
///
/// # Errors
/// [`PackageError::NotAComponent`].
pub fn check_kind(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let refused = |what, advice| Err(PackageError::NotAComponent { path: path.to_owned(), what, advice });
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            refused("a core module", "build it for wasm32-wasip2, or make a component of it")
        }
        _ => refused("another kind of file", "expected what `starling plugin build` makes"),
    }
}
