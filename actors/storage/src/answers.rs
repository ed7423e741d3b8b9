//! Answers before it is known in which encoding they go out, and bodies that several methods share (storage-rpc §2, §4.10, §4.12).

use std::borrow::Cow;

use bytes::Bytes;
use starling_contracts::{
    node::{COMPATIBLE_VERSION, ServiceNode},
    storage::{Answer, Body, Error},
    swarm::SwarmView,
};
use starling_kernel::CallError;
use starling_protocol::{
    storage::{
        request::Encoding,
        response::{Fields, ReplyValue, SwarmMember, SwarmReply},
    },
    swarm::SwarmId,
};

use crate::check::Refusal;

/// A status and a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Composed {
    pub(crate) status: u16,
    pub(crate) content: Content,
}

/// A body, the same for both encodings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Fields(Fields),
    Text(Cow<'static, str>),
    Binary(Bytes),
}

impl Composed {
    pub(crate) fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content: Content::Text(text.into()) }
    }

    pub(crate) fn fields(status: u16, fields: Fields) -> Self {
        Self { status, content: Content::Fields(fields) }
    }

    /// About how many bytes it has on the wire.
    pub(crate) fn weight(&self) -> usize {
        match &self.content {
            Content::Fields(fields) => fields.iter().map(|(name, value)| name.len() + value.weight()).sum(),
            Content::Text(text) => text.len(),
            Content::Binary(bytes) => bytes.len(),
        }
    }

    /// Gives it the form of a request: an object is JSON or bencode, a text is the same in both.
    pub(crate) fn render(self, encoding: Encoding) -> Answer {
        let body = match (self.content, encoding) {
            (Content::Fields(fields), Encoding::Json) => Body::Json(ReplyValue::Object(fields).into_json()),
            (Content::Fields(fields), Encoding::Bencode) => {
                Body::Bencode(ReplyValue::Object(fields).into_bencode().encode().into())
            }
            (Content::Text(text), _) => Body::Text(text.into_owned()),
            (Content::Binary(bytes), _) => Body::Binary(bytes),
        };
        Answer { status: self.status, body }
    }

    /// Its place inside the answer to a `batch` or an `ifelse`.
    pub(crate) fn into_part(self) -> ReplyValue {
        let body = match self.content {
            Content::Fields(fields) => ReplyValue::Object(fields),
            Content::Text(text) => ReplyValue::Text(text.into_owned()),
            // Base64 here in both encodings (storage-rpc §4.14).
            Content::Binary(bytes) => ReplyValue::Json(ReplyValue::Binary(bytes.to_vec()).into_json()),
        };
        ReplyValue::object([("code", i64::from(self.status).into()), ("body", body)])
    }

    /// The text that another member is given as the reason of a refusal.
    pub(crate) fn into_reason(self) -> String {
        match self.content {
            Content::Fields(fields) => ReplyValue::Object(fields).into_json().to_string(),
            Content::Text(text) => text.into_owned(),
            Content::Binary(_) => String::new(),
        }
    }
}

impl From<Refusal> for Composed {
    fn from(refusal: Refusal) -> Self {
        Self::text(refusal.status, refusal.text)
    }
}

/// What every answer says of the node: its clock and its network's fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub(crate) now: i64,
    pub(crate) hardfork: [u16; 2],
}

impl Moment {
    /// Adds `hf` and `t`.
    pub(crate) fn stamp(&self, mut fields: Fields) -> Fields {
        fields.push(("hf".to_owned(), numbers(self.hardfork)));
        fields.push(("t".to_owned(), self.now.into()));
        fields
    }
}

/// A list of small numbers, such as a version.
pub(crate) fn numbers<const N: usize>(numbers: [u16; N]) -> ReplyValue {
    ReplyValue::List(numbers.iter().map(|number| i64::from(*number).into()).collect())
}

/// What a failure of this process looks like where only an answer fits, such as inside a batch.
pub(crate) fn failure(error: &Error) -> Composed {
    match error {
        Error::NotReady(reasons) => Composed::text(503, format!("Service node is not ready: {reasons}\n")),
        Error::Call(CallError::Busy { .. }) => Composed::text(503, "Server busy, try again later"),
        _ => Composed::text(500, "request failed"),
    }
}

/// `info`.
pub(crate) fn info(moment: &Moment) -> Composed {
    let fields = [("version", numbers(COMPATIBLE_VERSION)), ("timestamp", moment.now.into())];
    Composed::fields(200, moment.stamp(fields.map(|(name, value)| (name.to_owned(), value)).into()))
}

/// The body of `get_swarm`, and of 421. Without any swarm the list is empty and the id the one that no swarm has.
pub(crate) fn swarm_fields(swarm: Option<&SwarmView>, moment: &Moment) -> Fields {
    let reply = SwarmReply {
        swarm: swarm.map_or(SwarmId::UNASSIGNED, |swarm| swarm.id),
        members: swarm.map_or(&[][..], |swarm| &swarm.members).iter().map(member).collect(),
    };
    moment.stamp(reply.to_fields())
}

fn member(node: &ServiceNode) -> SwarmMember {
    SwarmMember {
        pubkey_legacy: node.legacy,
        pubkey_ed25519: node.ed25519,
        pubkey_x25519: node.x25519,
        ip: node.public_ip,
        https_port: node.storage_port,
        omq_port: node.omq_port,
    }
}
