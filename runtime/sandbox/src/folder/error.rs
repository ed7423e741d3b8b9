//! Why the folder of plugins did not do as it was told.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::PackageError;
use crate::{manifest::PluginName, toml_file::FileError};

/// Why the folder of plugins did not do as it was told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The operating system refused something.
    #[error("could not {action} {}: {source}", path.display())]
    Disk {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of the folder's own was damaged, or written by hand and wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// An installed plugin cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file is not the one that was installed.
    #[error(
        "{} was altered after it was installed: install the plugin again{}",
        path.display(),
        if *has_previous { ", or roll it back" } else { "" }
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// Is there a version before it?
        has_previous: bool,
    },
    /// There is no such plugin.
    #[error("no plugin {0} is installed")]
    NotInstalled(PluginName),
    /// There is no version before this one.
    #[error("there is no version of {0} to roll back to")]
    NoPrevious(PluginName),
    /// Settings hold something that TOML cannot say.
    #[error("the settings cannot be written as TOML: {0}")]
    Unwritable(toml::ser::Error),
}

impl FolderError {
    pub(super) fn disk(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Disk { action, path: path.to_owned(), source }
    }
}
