//! The folder of a private network.
//!
//! ```text
//! network.toml   what clients need: seeds and keys
//! nodes.json     the signed node list that the nodes follow
//! nodes/03/      one node: node.toml, log, and its data folder
//! alice/ bob/    data folders of the two accounts
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use starling::kernel::{Entropy, SystemEntropy};

use crate::exit::Failure;

/// The folder; emptied by [`Place::clear`], unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    keep: bool,
    is_ours: bool,
    /// The folders above it that were not there, the nearest first.
    parents: Vec<PathBuf>,
}

impl Place {
    /// Takes `given` if it is empty or not there yet; makes a folder for temporary files when nothing is given.
    pub(crate) fn open(given: Option<&Path>, keep: bool) -> Result<Self, Failure> {
        let path = given.map_or_else(temporary, Path::to_owned);
        let refuse = |action: &str, error: io::Error| {
            Failure::machine(format!("could not {action} {}: {error}", path.display()))
        };
        let mut parents = Vec::new();
        let is_ours = match fs::read_dir(&path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(Failure::usage(format!(
                        "--dir {}: the folder is not empty; name another one",
                        path.display()
                    )));
                }
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                parents = create(&path).map_err(|error| refuse("create", error))?;
                true
            }
            Err(error) => return Err(refuse("read", error)),
        };
        let path = path.canonicalize().map_err(|error| refuse("open", error))?;
        Ok(Self { path, keep, is_ours, parents })
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What clients need.
    pub(crate) fn network_file(&self) -> PathBuf {
        self.path.join("network.toml")
    }

    /// The signed node list.
    pub(crate) fn node_list(&self) -> PathBuf {
        self.path.join("nodes.json")
    }

    /// The folder of a node.
    pub(crate) fn node(&self, index: usize) -> PathBuf {
        self.path.join(format!("nodes/{index:02}"))
    }

    /// The data folder of an account.
    pub(crate) fn account(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes everything that came into the folder since it was opened, the folder if it was made here, and those above it that
    /// were made here and are empty again.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        if self.keep {
            return Ok(());
        }
        let clear = || {
            if self.is_ours {
                fs::remove_dir_all(&self.path)?;
                remove_empty(&self.parents);
                return Ok(());
            }
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?
                } else {
                    fs::remove_file(entry.path())?
                }
            }
            Ok(())
        };
        clear().map_err(|error: io::Error| {
            Failure::machine(format!(
                "could not remove the files of the network in {}: {error}",
                self.path.display()
            ))
        })
    }
}

fn temporary() -> PathBuf {
    let entropy: &dyn Entropy = &SystemEntropy;
    std::env::temp_dir().join(format!("starling-devnet-{}", hex::encode(entropy.bytes::<6>())))
}

/// Returns the folders above that had to be made, the nearest first. Fails if somebody else made it in the meantime.
fn create(path: &Path) -> io::Result<Vec<PathBuf>> {
    // What ends in `..` is made by making something else.
    let missing: Vec<_> = path
        .ancestors()
        .skip(1)
        .filter(|parent| parent.file_name().is_some() && matches!(parent.try_exists(), Ok(false)))
        .collect();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let parents = missing.iter().map(|parent| parent.canonicalize()).collect::<io::Result<Vec<_>>>()?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).inspect_err(|_| remove_empty(&parents))?;
    Ok(parents)
}

/// Removes folders in their order, up to the first that somebody else uses.
fn remove_empty(folders: &[PathBuf]) {
    let _ = folders.iter().try_for_each(fs::remove_dir);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_there_is_emptied_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(Some(folder.path()), false).unwrap();
        fs::create_dir_all(place.node(3)).unwrap();
        fs::write(place.network_file(), "").unwrap();

        place.clear().unwrap();

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_was_made_goes_unless_it_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("network");

        let kept = Place::open(Some(&path), true).unwrap();
        kept.clear().unwrap();
        assert!(path.is_dir(), "kept");

        fs::remove_dir(&path).unwrap();
        let not_kept = Place::open(Some(&path), false).unwrap();
        not_kept.clear().unwrap();
        assert!(!path.exists(), "not kept");
    }

    #[test]
    fn folders_above_that_were_made_go_too_unless_somebody_uses_them() {
        let parent = tempfile::tempdir().unwrap();
        let (outer, inner) = (parent.path().join("a"), parent.path().join("a/b"));

        Place::open(Some(&inner.join("network")), false).unwrap().clear().unwrap();
        assert!(!outer.exists() && parent.path().is_dir());

        let place = Place::open(Some(&inner.join("network")), false).unwrap();
        fs::write(outer.join("thesis.txt"), "years of work").unwrap();
        place.clear().unwrap();
        assert!(!inner.exists(), "made and empty");
        assert!(outer.join("thesis.txt").exists(), "made, but in use");

        fs::create_dir(&inner).unwrap();
        Place::open(Some(&inner.join("network")), false).unwrap().clear().unwrap();
        assert!(inner.is_dir(), "not made here");
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();

        let refused = Place::open(Some(folder.path()), false).unwrap_err();

        assert!(refused.to_string().contains("is not empty"), "{refused}");
        assert!(folder.path().join("thesis.txt").exists());
    }
}
