//! The file itself: its form, its signature, its place on disk.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use starling_contracts::{node::ServiceNode, staking::NodeList};
use starling_protocol::{
    bencode::{Dict, Value, encode_dict},
    crypto::{ed25519, x25519},
    swarm::SwarmId,
};

use super::FileError;

/// A longer file is not read: some 100,000 nodes would fit.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

const FORMAT: u64 = 1;
const SIGNED_PREFIX: &[u8] = b"starling node list 1\n";

/// A node list of a private network, signed or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeListFile {
    /// Version of the format.
    version: u64,
    /// Version of the list: a later one is greater.
    pub height: u64,
    /// Hard fork and soft fork, answered to clients as `hf`.
    pub hardfork: [u16; 2],
    /// Seeds the assignment of swarms, as a block's hash does on the chain.
    #[serde(with = "hex_hash")]
    pub block_hash: [u8; 32],
    #[serde(with = "node_entries")]
    nodes: Vec<ServiceNode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<ed25519::Signature>,
}

impl NodeListFile {
    /// A list that nobody has signed yet.
    ///
    /// # Errors
    /// Two nodes of one key, or an X25519 key that is not the image of the Ed25519 key beside it.
    pub fn new(
        height: u64,
        hardfork: [u16; 2],
        block_hash: [u8; 32],
        nodes: Vec<ServiceNode>,
    ) -> Result<Self, FileError> {
        let list = Self { version: FORMAT, height, hardfork, block_hash, nodes, signature: None };
        list.check_keys()?;
        Ok(list)
    }

    /// The nodes, in the order of the list.
    pub fn nodes(&self) -> &[ServiceNode] {
        &self.nodes
    }

    /// Signs the list as the network's authority, in place of any signature there was.
    #[must_use]
    pub fn sign(mut self, authority: &ed25519::SecretKey) -> Self {
        self.signature = Some(authority.sign(&self.signed_bytes()));
        self
    }

    /// Checks the format version, the signature, and that every node's keys belong together.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn verify(&self, authority: &ed25519::PublicKey) -> Result<(), FileError> {
        if self.version != FORMAT {
            return Err(FileError::Version { got: self.version, expected: FORMAT });
        }
        let signature = self.signature.as_ref().ok_or(FileError::Unsigned)?;
        if !authority.verify(&self.signed_bytes(), signature) {
            return Err(FileError::Signature { authority: *authority });
        }
        self.check_keys()
    }

    /// The list as actors pass it around.
    pub fn into_list(self) -> NodeList {
        NodeList::new(self.height, self.hardfork, self.block_hash, self.nodes)
    }

    /// Reads a file; it may not be trusted before [`NodeListFile::verify`].
    ///
    /// # Errors
    /// No file, an unreadable, overlong or malformed one.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, &read_bounded(path)?)
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        serde_json::from_slice(bytes).map_err(|source| FileError::Malformed { file: path.to_owned(), source })
    }

    /// Writes the file so that a reader finds either the whole old one or the whole new one, also after a crash.
    ///
    /// # Errors
    /// What the operating system refused.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let io_error = |source| FileError::Io { file: path.to_owned(), source };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other).map_err(io_error)?;
        bytes.push(b'\n');
        replace(path, &bytes).map_err(io_error)
    }

    fn check_keys(&self) -> Result<(), FileError> {
        let mut seen = HashSet::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if node.ed25519.to_x25519() != Some(node.x25519) {
                return Err(FileError::X25519 { index });
            }
            if !seen.insert(node.ed25519) {
                return Err(FileError::Duplicate { index });
            }
        }
        Ok(())
    }

    /// Bencode, because it has one form only: spaces and the order of keys in the JSON do not matter.
    fn signed_bytes(&self) -> Vec<u8> {
        let list = |numbers: &[u16]| Value::List(numbers.iter().map(|number| Value::from(*number)).collect());
        let node = |node: &ServiceNode| {
            dict([
                ("libp2p_port", node.libp2p_port.into()),
                ("pubkey_ed25519", node.ed25519.as_bytes().as_slice().into()),
                ("pubkey_x25519", node.x25519.as_bytes().as_slice().into()),
                ("public_ip", node.public_ip.octets().as_slice().into()),
                ("requested_unlock_height", node.requested_unlock_height.into()),
                ("service_node_pubkey", node.legacy.as_bytes().as_slice().into()),
                ("storage_lmq_port", node.omq_port.into()),
                ("storage_port", node.storage_port.into()),
                ("storage_server_version", list(&node.version)),
                ("swarm_id", node.swarm.0.into()),
            ])
        };
        let fields = dict([
            ("block_hash", self.block_hash.as_slice().into()),
            ("hardfork", list(&self.hardfork)),
            ("height", self.height.into()),
            ("nodes", self.nodes.iter().map(node).collect::<Vec<_>>().into()),
            ("version", self.version.into()),
        ]);
        let Value::Dict(fields) = fields else { return Vec::new() };
        [SIGNED_PREFIX, &encode_dict(&fields)].concat()
    }
}

fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Dict(pairs.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect::<Dict>())
}

/// The bytes of a file that somebody else may be replacing, or filling without end.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, FileError> {
    let io_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { file: path.to_owned() },
        _ => FileError::Io { file: path.to_owned(), source },
    };
    let file = fs::File::open(path).map_err(io_error)?;
    let mut bytes = Vec::new();
    let size = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io_error)?;
    match u64::try_from(size) {
        Ok(size) if size <= MAX_FILE_BYTES => Ok(bytes),
        _ => {
            Err(FileError::TooLong { file: path.to_owned(), size: MAX_FILE_BYTES + 1, limit: MAX_FILE_BYTES })
        }
    }
}

/// Writes beside the file, makes that durable, then renames over it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        // What is left over is of no use; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&beside);
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// A node as the file has it: the names are those of the seed nodes' answers (storage-rpc §8).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    pubkey_ed25519: ed25519::PublicKey,
    pubkey_x25519: x25519::PublicKey,
    service_node_pubkey: ed25519::PublicKey,
    public_ip: Ipv4Addr,
    storage_port: u16,
    storage_lmq_port: u16,
    libp2p_port: u16,
    swarm_id: String,
    storage_server_version: [u16; 3],
    requested_unlock_height: u64,
}

mod node_entries {
    use super::*;

    pub(super) fn serialize<S: Serializer>(nodes: &[ServiceNode], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(nodes.iter().map(|node| Entry {
            pubkey_ed25519: node.ed25519,
            pubkey_x25519: node.x25519,
            service_node_pubkey: node.legacy,
            public_ip: node.public_ip,
            storage_port: node.storage_port,
            storage_lmq_port: node.omq_port,
            libp2p_port: node.libp2p_port,
            swarm_id: node.swarm.0.to_string(),
            storage_server_version: node.version,
            requested_unlock_height: node.requested_unlock_height,
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ServiceNode>, D::Error> {
        Vec::<Entry>::deserialize(deserializer)?.into_iter().map(node).collect()
    }

    fn node<E: de::Error>(entry: Entry) -> Result<ServiceNode, E> {
        let swarm = entry.swarm_id.parse().map(SwarmId);
        Ok(ServiceNode {
            ed25519: entry.pubkey_ed25519,
            x25519: entry.pubkey_x25519,
            legacy: entry.service_node_pubkey,
            public_ip: entry.public_ip,
            storage_port: entry.storage_port,
            omq_port: entry.storage_lmq_port,
            libp2p_port: entry.libp2p_port,
            swarm: swarm.map_err(|_| E::custom("swarm_id: expected a decimal number of 64 bits as text"))?,
            version: entry.storage_server_version,
            requested_unlock_height: entry.requested_unlock_height,
        })
    }
}

mod hex_hash {
    use super::*;

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash)
            .map_err(|_| de::Error::custom("block_hash: expected 64 hexadecimal characters"))?;
        Ok(hash)
    }
}
