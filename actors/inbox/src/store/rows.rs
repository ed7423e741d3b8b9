//! What is sealed into rows, as bytes, and what rows are found by.

use starling_contracts::inbox::{MessageKind, MessageRef, StoredMessage};
use starling_protocol::{
    account::AccountId,
    crypto::ed25519,
    storage::{MessageHash, Namespace},
};
use zeroize::Zeroizing;

use super::{Deletion, Pending, WaitingCopy};
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

/// A message that is kept, under its number here.
pub(super) fn stored(kept: &Kept, id: u64, hash: MessageHash, received_at: u64) -> StoredMessage {
    StoredMessage {
        id,
        hash,
        from: kept.from,
        conversation: kept.conversation,
        body: kept.body.clone(),
        sent_at: kept.sent_at,
        received_at,
        kind: kept.kind,
        detail: kept.detail.clone(),
        is_request: false,
        attachments: kept.attachments,
        review: kept.review.clone(),
    }
}

/// What names a message in its conversation.
pub(super) fn name_of(message: &StoredMessage) -> MessageRef {
    let StoredMessage { conversation, from, sent_at, .. } = message;
    MessageRef { conversation: *conversation, author: *from, sent_at: *sent_at }
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
    let kept = &pending.kept;
    let message = stored(kept, 0, pending.copy_hash(), 0);
    let row = Row { message, content: kept.content.clone() }.encode();
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
    let StoredMessage { from, conversation, body, sent_at, kind, detail, attachments, review, .. } = message;
    let kept = Kept { from, conversation, body, sent_at, kind, detail, attachments, review, content };
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

/// An account that was written to.
pub(super) fn written_key(sealer: &Sealer, account: &AccountId) -> [u8; OWNER_LEN + TAG_LEN] {
    sealer.key(Index::Written, &[account.as_bytes()])
}

/// What makes a message one and the same: conversation, author and time (messages §8). What cannot be read yet has none of
/// these, so there it is the hash.
pub(super) fn identity_key(sealer: &Sealer, kept: &Kept, hash: &MessageHash) -> [u8; OWNER_LEN + TAG_LEN] {
    match kept.kind {
        MessageKind::Unsupported => sealer.key(Index::Identity, &[hash.as_bytes()]),
        _ => name_key(sealer, &kept.name()),
    }
}

/// The identity of the message of that name.
pub(super) fn name_key(sealer: &Sealer, name: &MessageRef) -> [u8; OWNER_LEN + TAG_LEN] {
    let MessageRef { conversation, author, sent_at } = name;
    sealer.key(Index::Identity, &[conversation.as_bytes(), author.as_bytes(), &sent_at.to_le_bytes()])
}

/// Hash (43) ‖ Unix milliseconds (8, little-endian) after which it need not be deleted any more.
pub(super) fn encode_deletion(deletion: &Deletion) -> Vec<u8> {
    [&deletion.hash.as_bytes()[..], &deletion.until.to_le_bytes()].concat()
}

pub(super) fn decode_deletion(row: &[u8]) -> Option<Deletion> {
    let (hash, until) = row.split_at_checked(MessageHash::LEN)?;
    let until = u64::from_le_bytes(until.try_into().ok()?);
    Some(Deletion { hash: MessageHash::from_bytes(hash).ok()?, until })
}
