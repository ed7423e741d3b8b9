//! The answer to `get_swarm`, which is also that of a node that is asked for an account it does not keep
//! (storage-rpc §4.10, status 421).

use std::fmt;

use std::net::Ipv4Addr;

use serde_json::Value as Json;
use thiserror::Error;

use super::value::{Fields, ReplyValue};
use crate::crypto::{ed25519, x25519};
use crate::swarm::SwarmId;

/// A node of a swarm, as clients are told of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SwarmMember {
    /// The key by which it was registered.
    pub pubkey_legacy: ed25519::PublicKey,
    /// The key that it signs with.
    pub pubkey_ed25519: ed25519::PublicKey,
    /// The key that layers are sealed for.
    pub pubkey_x25519: x25519::PublicKey,
    /// Its address; unspecified if it is not known, and then no use.
    pub ip: Ipv4Addr,
    /// The HTTPS port.
    pub https_port: u16,
    /// The OxenMQ port, by TCP, and the QUIC port, by UDP.
    pub omq_port: u16,
}

/// Which swarm keeps an account, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmReply {
    /// The swarm; [`SwarmId::UNASSIGNED`] when the node knows of none.
    pub swarm: SwarmId,
    /// Its members.
    pub members: Vec<SwarmMember>,
}

/// An answer to `get_swarm` that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the answer holds no list of the swarm's nodes")]
pub struct SwarmReplyError;

impl SwarmReply {
    /// The fields of the answer, without the `hf` and `t` that every answer has.
    #[must_use]
    pub fn to_fields(&self) -> Fields {
        let members = self.members.iter().map(|member| member.to_reply()).collect();
        vec![
            ("snodes".to_owned(), ReplyValue::List(members)),
            ("swarm".to_owned(), self.swarm.to_string().into()),
        ]
    }

    /// Reads the JSON form. Nodes without an address or with unreadable fields are left out.
    ///
    /// # Errors
    /// [`SwarmReplyError`] when there is no list; a missing `swarm` only leaves it unassigned.
    pub fn from_json(answer: &Json) -> Result<Self, SwarmReplyError> {
        let nodes = answer.get("snodes").and_then(Json::as_array).ok_or(SwarmReplyError)?;
        let members =
            nodes.iter().filter_map(SwarmMember::from_json).filter(|node| !node.ip.is_unspecified());
        let swarm = answer.get("swarm").and_then(Json::as_str).and_then(|swarm| swarm.parse().ok());
        Ok(Self { swarm: swarm.unwrap_or(SwarmId::UNASSIGNED), members: members.collect() })
    }
}

impl fmt::Debug for SwarmMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwarmMember").field("pubkey_ed25519", &self.pubkey_ed25519).finish_non_exhaustive()
    }
}

impl SwarmMember {
    fn to_reply(self) -> ReplyValue {
        let port = i64::from(self.https_port);
        let omq_port = i64::from(self.omq_port);
        ReplyValue::object([
            // Both deprecated, and the port is a text; old clients read them.
            ("address", snode_address(&self.pubkey_legacy).into()),
            ("port", port.to_string().into()),
            ("ip", self.ip.to_string().into()),
            ("port_https", port.into()),
            ("port_omq", omq_port.into()),
            ("port_quic", omq_port.into()),
            ("pubkey_ed25519", self.pubkey_ed25519.to_string().into()),
            ("pubkey_legacy", self.pubkey_legacy.to_string().into()),
            ("pubkey_x25519", self.pubkey_x25519.to_string().into()),
        ])
    }

    fn from_json(node: &Json) -> Option<Self> {
        let text = |name: &str| node.get(name)?.as_str();
        let port = |name: &str| node.get(name)?.as_u64()?.try_into().ok();
        let old_port = || text("port")?.parse().ok();
        let pubkey_ed25519 = text("pubkey_ed25519")?.parse().ok()?;
        Some(Self {
            // Nobody needs it to reach the node, so its absence is no reason to drop one.
            pubkey_legacy: text("pubkey_legacy").and_then(|key| key.parse().ok()).unwrap_or(pubkey_ed25519),
            pubkey_ed25519,
            pubkey_x25519: text("pubkey_x25519")?.parse().ok()?,
            ip: text("ip")?.parse().ok()?,
            https_port: port("port_https").or_else(old_port)?,
            omq_port: port("port_omq").unwrap_or(0),
        })
    }
}

/// A node's name of old: its legacy key in the z-base-32 alphabet, and `.snode`.
#[must_use]
pub fn snode_address(legacy: &ed25519::PublicKey) -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut address = String::with_capacity(58);
    let (mut bits, mut n_bits) = (0u32, 0);
    for byte in legacy.as_bytes() {
        bits = (bits << 8) | u32::from(*byte);
        n_bits += 8;
        while n_bits >= 5 {
            n_bits -= 5;
            address.push(char::from(ALPHABET[(bits >> n_bits) as usize & 31]));
        }
    }
    // One bit is left of 256, and is filled up with zeros.
    address.push(char::from(ALPHABET[(bits << (5 - n_bits)) as usize & 31]));
    address + ".snode"
}
