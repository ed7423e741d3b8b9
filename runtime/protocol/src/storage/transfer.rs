//! Batches of messages between members of a swarm, `sn.data` (swarms §3.2).

use std::fmt;

use thiserror::Error;

use super::{MessageHash, Namespace};
use crate::account::AccountId;
use crate::bencode::{self, DecodeError, Limits, Value};

/// The only format there is.
const VERSION: u8 = 1;

/// A flat list of six values, with room for what later releases may add.
const ENTRY: Limits = Limits { max_bytes: 16 << 20, max_depth: 2, max_items: 32 };

/// Where a sender cuts a batch, in bytes.
pub const MAX_BATCH_BYTES: usize = 9_000_000;

/// A stored message on its way to another member.
#[derive(Clone, PartialEq, Eq)]
pub struct TransferMessage {
    /// Whose it is.
    pub account: AccountId,
    /// Its hash.
    pub hash: MessageHash,
    /// When it was sent, in milliseconds.
    pub timestamp: i64,
    /// When it goes, in milliseconds.
    pub expiry: i64,
    /// The body.
    pub data: Vec<u8>,
    /// Where it lies. Releases before 2.11.3 do not send it; what they send arrives in namespace 0.
    pub namespace: Namespace,
}

/// Why a batch cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The first byte is not 1.
    #[error("message batch does not start with version 1")]
    Version,
    /// What follows is not bencode.
    #[error("message batch is malformed")]
    Bencode(#[from] DecodeError),
    /// It is not a list of lists of five or six values of the right kinds.
    #[error("entry {index} of the message batch is malformed")]
    Entry {
        /// Which entry, counted from 0.
        index: usize,
    },
    /// It is not a list at all.
    #[error("message batch is not a list")]
    NotAList,
}

/// Encodes one batch. `with_namespace` is off towards releases before 2.11.3 only, which refuse the sixth element.
#[must_use]
pub fn encode(messages: &[TransferMessage], with_namespace: bool) -> Vec<u8> {
    let mut out = vec![VERSION, b'l'];
    for message in messages {
        message.encode_into(with_namespace, &mut out);
    }
    out.push(b'e');
    out
}

/// Cuts messages into encoded batches of about `max_bytes`; a single larger message has a batch of its own.
pub fn encode_batches(messages: &[TransferMessage], with_namespace: bool, max_bytes: usize) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut batch = vec![VERSION, b'l'];
    for message in messages {
        let start = batch.len();
        message.encode_into(with_namespace, &mut batch);
        if batch.len() + 1 > max_bytes && start > 2 {
            let entry = batch.split_off(start);
            batch.push(b'e');
            batches.push(std::mem::replace(&mut batch, vec![VERSION, b'l']));
            batch.extend_from_slice(&entry);
        }
    }
    if batch.len() > 2 {
        batch.push(b'e');
        batches.push(batch);
    }
    batches
}

/// Decodes a batch; further elements of an entry are ignored.
///
/// # Errors
/// An unknown version or a malformed batch. Hashes are only checked for their form: whether one fits its message, the
/// receiver finds with [`message_hash`](super::message_hash).
pub fn decode(payload: &[u8]) -> Result<Vec<TransferMessage>, TransferError> {
    let (&VERSION, list) = payload.split_first().ok_or(TransferError::Version)? else {
        return Err(TransferError::Version);
    };
    if list.first() != Some(&b'l') {
        return Err(TransferError::NotAList);
    }
    // Entry by entry, so that a batch of tiny things never stands in memory as a tree.
    let (mut rest, mut messages) = (&list[1..], Vec::new());
    while rest.first() != Some(&b'e') {
        let (entry, used) = bencode::decode_prefix(rest, ENTRY)?;
        messages
            .push(TransferMessage::from_value(entry).ok_or(TransferError::Entry { index: messages.len() })?);
        rest = &rest[used..];
    }
    Ok(messages)
}

impl fmt::Debug for TransferMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferMessage")
            .field("account", &self.account)
            .field("hash", &self.hash)
            .field("namespace", &self.namespace)
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

impl TransferMessage {
    fn encode_into(&self, with_namespace: bool, out: &mut Vec<u8>) {
        out.push(b'l');
        bencode::encode_bytes(self.account.as_bytes(), out);
        bencode::encode_bytes(self.hash.as_bytes(), out);
        Value::from(self.timestamp).encode_into(out);
        Value::from(self.expiry).encode_into(out);
        bencode::encode_bytes(&self.data, out);
        if with_namespace {
            Value::from(self.namespace.0).encode_into(out);
        }
        out.push(b'e');
    }

    fn from_value(entry: Value) -> Option<Self> {
        let Value::List(fields) = entry else { return None };
        let mut fields = fields.into_iter();
        let account = AccountId::from_bytes_any(fields.next()?.as_bytes()?).ok()?;
        let hash = MessageHash::from_bytes(fields.next()?.as_bytes()?).ok()?;
        let timestamp = fields.next()?.as_integer()?.try_into().ok()?;
        let expiry = fields.next()?.as_integer()?.try_into().ok()?;
        let Some(Value::Bytes(data)) = fields.next() else { return None };
        let namespace = match fields.next() {
            Some(number) => Namespace(number.as_integer()?.try_into().ok()?),
            None => Namespace::DEFAULT,
        };
        Some(Self { account, hash, timestamp, expiry, data, namespace })
    }
}
