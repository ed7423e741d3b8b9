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
}

impl Place {
    /// Takes `given` if it is empty or not there yet; makes a folder for temporary files when nothing is given.
    pub(crate) fn open(given: Option<&Path>, keep: bool) -> Result<Self, Failure> {
        let path = given.map_or_else(temporary, Path::to_owned);
        let refuse = |action: &str, error: io::Error| {
            Failure::machine(format!("could not {action} {}: {error}", path.display()))
        };
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
                create(&path).map_err(|error| refuse("create", error))?;
                true
            }
            Err(error) => return Err(refuse("read", error)),
        };
        let path = path.canonicalize().map_err(|error| refuse("open", error))?;
        Ok(Self { path, keep, is_ours })
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

    /// Removes everything that came into the folder since it was opened, and the folder if it was made here.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        if self.keep {
            return Ok(());
        }
        let clear = || {
            if self.is_ours {
                return fs::remove_dir_all(&self.path);
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

/// Fails if somebody else made it in the meantime.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
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
    fn a_folder_with_something_in_it_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();

        let refused = Place::open(Some(folder.path()), false).unwrap_err();

        assert!(refused.to_string().contains("is not empty"), "{refused}");
        assert!(folder.path().join("thesis.txt").exists());
    }
}
