//! `plugins.lock`: what exactly is installed.

use std::{collections::BTreeMap, io, path::Path};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{FolderError, Package};
use crate::{
    manifest::PluginName,
    signature::{Digest, Provenance, TrustedKey},
    toml_file::{self, FileError},
};

/// The pin of a version that lies in a folder of its own.
const OWN: &str = "pin.toml";
const HEAD: &str = "# What is installed here, exactly. Written by starling; changing it by hand keeps plugins from starting.\n\n";

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The version, as its author names it.
    pub version: Version,
    /// The SHA-256 of the component.
    pub digest: Digest,
    /// The SHA-256 of `plugin.toml`, which says what it asks for.
    pub manifest: Digest,
    /// Who signed the component, if anybody known did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<TrustedKey>,
    /// When it was installed, Unix time in milliseconds.
    pub installed_at: u64,
}

pub(super) type Pins = BTreeMap<PluginName, Pin>;

impl Pin {
    /// The pin of a package whose provenance was established.
    pub fn new(package: &Package, provenance: Provenance, installed_at: u64) -> Self {
        Self {
            version: package.manifest.version.clone(),
            digest: provenance.digest,
            manifest: Digest::of(package.manifest_text.as_bytes()),
            signer: provenance.signer,
            installed_at,
        }
    }

    /// Is it the same component with the same `plugin.toml`?
    pub fn is_same_as(&self, other: &Self) -> bool {
        (self.digest, self.manifest) == (other.digest, other.manifest)
    }
}

/// All pins; none where nothing was ever installed.
pub(super) fn read(path: &Path) -> Result<Pins, FolderError> {
    match toml_file::read_text(path) {
        Ok(text) => Ok(toml_file::parse(path, &text)?),
        Err(FileError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Pins::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// The text of `plugins.lock`.
pub(super) fn text(pins: &Pins) -> Result<String, FolderError> {
    let table = toml::to_string(pins).map_err(FolderError::Unwritable)?;
    Ok(format!("{HEAD}{table}"))
}

/// The pin beside the files of a version.
pub(super) fn read_one(folder: &Path) -> Result<Pin, FolderError> {
    let path = folder.join(OWN);
    Ok(toml_file::parse(&path, &toml_file::read_text(&path)?)?)
}

/// That pin, as a file: its name and text.
pub(super) fn own_file(pin: &Pin) -> Result<(&'static str, String), FolderError> {
    Ok((OWN, toml::to_string(pin).map_err(FolderError::Unwritable)?))
}
