//! What `cargo metadata` says of a workspace, as far as the floors need it.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::tool::cargo;

/// A workspace: its own packages only.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// The members.
    pub packages: Vec<Package>,
    /// The folder that the members' manifests lie below.
    pub workspace_root: String,
}

/// A member of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Where its `Cargo.toml` is.
    pub manifest_path: String,
    /// What it imports directly, for whatever purpose.
    pub dependencies: Vec<Dependency>,
}

/// One import.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// The package's real name, whatever it is renamed to.
    pub name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub kind: Option<String>,
}

impl Metadata {
    /// Asks cargo about the workspace around the current folder; needs no network.
    ///
    /// # Errors
    /// Cargo cannot read the manifests.
    pub fn read() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("cargo metadata could not be run")?;
        anyhow::ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self::parse(&output.stdout)
    }

    /// Reads what cargo printed.
    ///
    /// # Errors
    /// It is not the metadata of a workspace.
    pub fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("cargo metadata printed something unexpected")
    }

    /// The folder of a member, from the root of the workspace.
    pub fn folder<'a>(&self, package: &'a Package) -> &'a str {
        let path = package.manifest_path.strip_prefix(&self.workspace_root).unwrap_or(&package.manifest_path);
        path.trim_start_matches('/').trim_end_matches("Cargo.toml").trim_end_matches('/')
    }
}
