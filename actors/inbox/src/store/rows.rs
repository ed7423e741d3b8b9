//! What is sealed into rows, as bytes, and what rows are found by.

use starling_contracts::inbox::{MessageKind, StoredMessage};
use starling_protocol::{
    crypto::ed25519,
    storage::{MessageHash, Namespace},
};
use zeroize::Zeroizing;

use super::{Pending, WaitingCopy};
use crate::{
    filing::Kept,
    sealing::{Index, OWNER_LEN, Sealer, TAG_LEN},
};

/// First byte of a row of a message.
const VERSION: u8 = 1;

/// A message and its whole content.
///
/// As bytes: version (1), length of the message (4, little-endian), message (JSON), content.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) message: StoredMessage,
    /// The encoded content, or the stored bytes of an unsupported version.
    pub(crate) content: Vec<u8>,
}

impl Row {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let message = Zeroizing::new(
            serde_json::to_vec(&self.message).expect("a message has only fields that JSON knows"),
        );
        let message_len = u32::try_from(message.len()).expect("a message is far shorter than 4 GiB");
        let mut row = Zeroizing::new(Vec::with_capacity(5 + message.len() + self.content.len()));
        row.push(VERSION);
        row.extend_from_slice(&message_len.to_le_bytes());
        row.extend_from_slice(&message);
        row.extend_from_slice(&self.content);
        row
    }

    pub(super) fn decode(row: &[u8]) -> Option<Self> {
        let (&VERSION, row) = row.split_first()? else { return None };
        let (message_len, row) = row.split_first_chunk::<4>()?;
        let message_len = usize::try_from(u32::from_le_bytes(*message_len)).ok()?;
        let (message, content) = row.split_at_checked(message_len)?;
        Some(Self { message: serde_json::from_slice(message).ok()?, content: content.to_vec() })
    }
}

/// Hash (43) ‖ sealed bytes.
pub(super) fn encode_copy(copy: &WaitingCopy) -> Vec<u8> {
    [copy.hash.as_bytes(), copy.data.as_slice()].concat()
}

pub(super) fn decode_copy(row: &[u8]) -> Option<WaitingCopy> {
    let (hash, data) = row.split_at_checked(MessageHash::LEN)?;
    Some(WaitingCopy { hash: MessageHash::from_bytes(hash).ok()?, data: data.to_vec() })
}

/// Rounds (1) ‖ length of the recipient's bytes (4, little-endian; 0 for a note to oneself) ‖ these ‖ length of the copy's bytes
/// (4) ‖ these ‖ the [`Row`] that it becomes, without number and time of arrival.
pub(super) fn encode_pending(pending: &Pending) -> Zeroizing<Vec<u8>> {
    let Kept { from, conversation, body, sent_at, kind, content } = pending.kept.clone();
    let message = StoredMessage {
        id: 0,
        hash: pending.copy_hash(),
        from,
        conversation,
        body,
        sent_at,
        received_at: 0,
        kind,
        detail: None,
        is_request: false,
        attachments: 0,
        review: None,
    };
    let row = Row { message, content }.encode();
    let mut bytes = Zeroizing::new(vec![pending.rounds]);
    for part in [pending.peer.as_deref().unwrap_or_default(), pending.copy.as_slice()] {
        let part_len = u32::try_from(part.len()).expect("a sealed message is far shorter than 4 GiB");
        bytes.extend_from_slice(&part_len.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(&row);
    bytes
}

pub(super) fn decode_pending(bytes: &[u8]) -> Option<Pending> {
    let (&rounds, bytes) = bytes.split_first()?;
    let (peer, bytes) = split_part(bytes)?;
    let (copy, bytes) = split_part(bytes)?;
    let Row { message, content } = Row::decode(bytes)?;
    let StoredMessage { from, conversation, body, sent_at, kind, .. } = message;
    let kept = Kept { from, conversation, body, sent_at, kind, content };
    let peer = (!peer.is_empty()).then(|| peer.to_vec());
    Some(Pending { kept, peer, copy: copy.to_vec(), rounds })
}

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (part_len, bytes) = bytes.split_first_chunk::<4>()?;
    bytes.split_at_checked(usize::try_from(u32::from_le_bytes(*part_len)).ok()?)
}

pub(super) fn cursor_key(
    sealer: &Sealer,
    node: &ed25519::PublicKey,
    namespace: Namespace,
) -> [u8; OWNER_LEN + TAG_LEN] {
    sealer.key(Index::Cursor, &[node.as_bytes(), &namespace.0.to_le_bytes()])
}

/// What makes a message one and the same: conversation, author and time (messages §8). What cannot be read yet has none of
/// these, so there it is the hash.
pub(super) fn identity_key(sealer: &Sealer, kept: &Kept, hash: &MessageHash) -> [u8; OWNER_LEN + TAG_LEN] {
    match kept.kind {
        MessageKind::Unsupported => sealer.key(Index::Identity, &[hash.as_bytes()]),
        _ => sealer.key(
            Index::Identity,
            &[kept.conversation.as_bytes(), kept.from.as_bytes(), &kept.sent_at.to_le_bytes()],
        ),
    }
}
