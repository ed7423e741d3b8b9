//! What survives a restart: the node pool and the guards, in `paths.json`.
//!
//! A JSON object `{version, network, refreshed_at_ms, nodes, guards}`. `network` is a digest of the network's name and seeds:
//! what was learnt in one network is not used in another. The file is replaced as a whole and only its owner may read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};
use starling_contracts::node::ServiceNode;
use starling_protocol::crypto::{ed25519::PublicKey, hash::blake2b};
use thiserror::Error;

use super::node_list::is_usable;
use crate::config::Network;

/// Name of the file in the data folder.
pub(super) const FILE_NAME: &str = "paths.json";

const VERSION: u64 = 1;
/// Some ten times what the public network fills.
const MOST_BYTES: u64 = 16 << 20;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u64,
    network: PublicKey,
    /// When the node list was last fetched, Unix milliseconds.
    pub(super) refreshed_at_ms: u64,
    /// The pool.
    pub(super) nodes: Vec<ServiceNode>,
    /// The guards, those in use longest first.
    pub(super) guards: Vec<PublicKey>,
}

/// Only the version, which a file of any version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    /// A newer program wrote it.
    #[error("{file} is of version {found}, this program reads up to {VERSION}: a newer program wrote it")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: u64,
    },
    /// It is not what was written.
    #[error("{file} is damaged")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It cannot be read.
    #[error("{file} cannot be read")]
    Files {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The digest that binds a file to a network.
pub(super) fn fingerprint(network: &Network) -> PublicKey {
    let mut seeds: Vec<_> = network.seeds.iter().map(|seed| seed.url.as_str()).collect();
    seeds.sort_unstable();
    let text = serde_json::json!([network.name, seeds]).to_string();
    // A digest has the form of a key, and its text form is at hand.
    PublicKey(blake2b(&[text.as_bytes()]))
}

impl Saved {
    pub(super) fn new(
        network: PublicKey,
        refreshed_at_ms: u64,
        nodes: Vec<ServiceNode>,
        guards: Vec<PublicKey>,
    ) -> Self {
        Self { version: VERSION, network, refreshed_at_ms, nodes, guards }
    }

    /// Reads the file; `None` when there is none, or one of another network. Nodes that cannot be used are left out.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub(super) fn read(path: &Path, network: PublicKey) -> Result<Option<Self>, ReadError> {
        let file = || path.display().to_string();
        let files = |source| ReadError::Files { file: file(), source };
        let opened = match File::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(files(error)),
        };
        let mut bytes = Vec::new();
        opened.take(MOST_BYTES).read_to_end(&mut bytes).map_err(files)?;
        let damaged = |source| ReadError::Damaged { file: file(), source };
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(ReadError::Newer { file: file(), found: version });
        }
        let saved: Self = serde_json::from_slice(&bytes).map_err(damaged)?;
        if saved.network != network {
            return Ok(None);
        }
        let nodes = saved.nodes.into_iter().filter(is_usable).collect();
        Ok(Some(Self { nodes, ..saved }))
    }

    /// Replaces the file; a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("json.new");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{
        super::pool::tests::{key, node},
        *,
    };
    use crate::config::Seed;

    fn saved() -> Saved {
        Saved::new(key(9), 77, vec![node(1), node(2)], vec![key(2)])
    }

    #[test]
    fn what_was_written_is_read_and_only_the_owner_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper").join(FILE_NAME);
        assert!(Saved::read(&path, key(9)).unwrap().is_none());

        saved().write(&path).unwrap();
        saved().write(&path).unwrap();

        assert_eq!(Saved::read(&path, key(9)).unwrap(), Some(saved()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn the_file_of_another_network_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        saved().write(&path).unwrap();

        assert!(Saved::read(&path, key(8)).unwrap().is_none());
        let network = |name: &str, url: &str| Network {
            name: name.to_owned(),
            seeds: vec![Seed { url: url.to_owned(), certificates: Vec::new() }],
            ..Network::default()
        };
        let one = fingerprint(&network("devnet", "https://127.0.0.1:1"));
        assert_eq!(one, fingerprint(&network("devnet", "https://127.0.0.1:1")));
        assert_ne!(one, fingerprint(&network("devnet", "https://127.0.0.1:2")));
        assert_ne!(one, fingerprint(&network("other", "https://127.0.0.1:1")));
    }

    #[test]
    fn damage_and_a_newer_version_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        for damaged in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":"x"}"#] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(Saved::read(&path, key(9)), Err(ReadError::Damaged { .. })), "{damaged}");
        }

        fs::write(&path, r#"{"version":2,"what":"else"}"#).unwrap();

        let error = Saved::read(&path, key(9)).unwrap_err();
        assert!(error.to_string().contains("of version 2, this program reads up to 1"), "{error}");
    }

    #[test]
    fn nodes_that_cannot_be_used_are_not_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let mut with_wrong_key = saved();
        with_wrong_key.nodes[0].x25519 = node(3).x25519;
        with_wrong_key.write(&path).unwrap();

        let read = Saved::read(&path, key(9)).unwrap().unwrap();

        assert_eq!(read.nodes, [node(2)]);
    }
}
