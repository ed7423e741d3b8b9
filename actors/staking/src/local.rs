//! The node list of a private network: one JSON file, signed by the network's authority, with a height that only grows.
//!
//! - [`NodeListFile`]: the file as a value: [`sign`](NodeListFile::sign), [`write`](NodeListFile::write),
//!   [`read`](NodeListFile::read), [`verify`](NodeListFile::verify).
//! - [`next_version`]: the list that follows another when nodes join and leave, with swarms assigned as on the chain.
//!
//! ```json
//! {"version":1,"height":7,"hardfork":[19,6],"block_hash":"<64 hex>",
//!  "nodes":[{"pubkey_ed25519":"…","pubkey_x25519":"…","service_node_pubkey":"…","public_ip":"127.0.0.1",
//!            "storage_port":22021,"storage_lmq_port":0,"libp2p_port":22022,"swarm_id":"0",
//!            "storage_server_version":[2,8,0],"requested_unlock_height":0}],
//!  "signature":"<128 hex>"}
//! ```
//!
//! The signature covers the line `starling node list 1\n` and then all fields but itself as one bencoded dict, keys as above,
//! keys and the block hash raw, the address as its four bytes. Swarm ids are decimal text, because they exceed 2⁵³.

mod error;
mod file;
mod follower;
mod version;

pub use error::FileError;
pub use file::{MAX_FILE_BYTES, NodeListFile};
pub(crate) use follower::Follower;
pub use version::next_version;
