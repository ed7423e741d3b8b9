//! Bodies that several methods share (storage-rpc §2, §4.10, §4.12).

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};
use starling_contracts::{
    node::{COMPATIBLE_VERSION, ServiceNode},
    storage::{Answer, Body, Error},
    swarm::SwarmView,
};
use starling_kernel::CallError;
use starling_protocol::{crypto::ed25519, swarm::SwarmId};

use crate::check::Refusal;

/// What every answer says of the node: its clock and its network's fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub(crate) now: i64,
    pub(crate) hardfork: [u16; 2],
}

impl Moment {
    /// Adds `hf` and `t`.
    pub(crate) fn stamp(&self, mut body: Map<String, Json>) -> Json {
        body.insert("hf".to_owned(), json!(self.hardfork));
        body.insert("t".to_owned(), json!(self.now));
        Json::Object(body)
    }
}

pub(crate) fn json_answer(status: u16, body: Json) -> Answer {
    Answer { status, body: Body::Json(body) }
}

pub(crate) fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Answer {
    Answer { status, body: Body::Text(text.into().into_owned()) }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        text(refusal.status, refusal.text)
    }
}

/// What a failure of this process looks like where only an answer fits, such as inside a batch.
pub(crate) fn failure(error: &Error) -> Answer {
    match error {
        Error::NotReady(reasons) => text(503, format!("Service node is not ready: {reasons}\n")),
        Error::Call(CallError::Busy { .. }) => text(503, "Server busy, try again later"),
        _ => text(500, "request failed"),
    }
}

/// `info`.
pub(crate) fn info(moment: &Moment) -> Answer {
    let fields = [("version", json!(COMPATIBLE_VERSION)), ("timestamp", json!(moment.now))]
        .map(|(k, v)| (k.to_owned(), v));
    json_answer(200, moment.stamp(fields.into_iter().collect()))
}

/// The body of `get_swarm`, and of 421. Without any swarm the list is empty and the id the one that no swarm has.
pub(crate) fn swarm_body(swarm: Option<&SwarmView>, moment: &Moment) -> Json {
    let members = swarm.map_or(&[][..], |swarm| &swarm.members);
    let id = swarm.map_or(SwarmId::UNASSIGNED, |swarm| swarm.id);
    let mut body = Map::new();
    body.insert("snodes".to_owned(), members.iter().map(snode).collect());
    body.insert("swarm".to_owned(), json!(id.to_string()));
    moment.stamp(body)
}

fn snode(node: &ServiceNode) -> Json {
    json!({
        "address": format!("{}.snode", base32z(&node.legacy)),
        "pubkey_legacy": node.legacy,
        "pubkey_x25519": node.x25519,
        "pubkey_ed25519": node.ed25519,
        "port": node.storage_port.to_string(),
        "port_https": node.storage_port,
        "port_omq": node.omq_port,
        "port_quic": node.omq_port,
        "ip": node.public_ip,
    })
}

/// z-base-32 of a key: five bits a character, the last one filled up with zeros.
fn base32z(key: &ed25519::PublicKey) -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let bytes = key.as_bytes();
    let bit = |index: usize| bytes.get(index / 8).map_or(0, |byte| byte >> (7 - index % 8) & 1);
    let character = |start: usize| (start..start + 5).fold(0, |value, index| value << 1 | bit(index));
    (0..bytes.len() * 8).step_by(5).map(|start| char::from(ALPHABET[usize::from(character(start))])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_legacy_key_in_z_base_32() {
        // From a recorded `get_swarm`.
        let legacy = "cda98548d9e4fbdf329a51ed09003f053190183bc241dcb28ae9925fa1b101de".parse().unwrap();

        assert_eq!(base32z(&legacy), "3swak1g3hu776cw4k8so1yb9ywa3ygb5ajy73cwk7gjf9epty8xy");
    }
}
