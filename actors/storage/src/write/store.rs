//! `store` (storage-rpc §4.1).

use futures::FutureExt as _;
use starling_protocol::{
    crypto::ed25519,
    storage::{
        MessageHash, message_hash, request,
        response::{Failure, ReplyValue, StoreEntry},
    },
};

use super::{Entry, Pen, Write, Writing};
use crate::{
    metrics,
    store::{Insert, Inserted, StoreError},
};

/// Stores a message.
pub(super) struct StoreMessage {
    insert: Insert,
    /// Signed beforehand: the signature covers the hash alone.
    entry: StoreEntry,
}

impl StoreMessage {
    pub(super) fn new(request: request::Store, key: &ed25519::SecretKey) -> Self {
        let hash = message_hash(&request.account, request.namespace, &request.data);
        let insert = Insert {
            account: request.account,
            namespace: request.namespace,
            hash,
            timestamp: request.timestamp,
            expiry: request.expiry(),
            body: request.data,
        };
        let entry = StoreEntry::sign(key, hash, insert.expiry, false);
        Self { insert, entry }
    }

    pub(super) fn hash(&self) -> MessageHash {
        self.entry.hash
    }
}

impl Write for StoreMessage {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { insert, entry } = *self;
        let ticket = pen.store.submit(insert)?;
        Ok(async move {
            let outcome = ticket.await;
            metrics::stored(match &outcome {
                Ok(Inserted::New) => metrics::Stored::New,
                Ok(Inserted::Already { .. }) => metrics::Stored::Already,
                Ok(Inserted::Obsolete) => metrics::Stored::Obsolete,
                Ok(Inserted::Full) => metrics::Stored::Full,
                Err(_) => metrics::Stored::Failed,
            });
            Ok(match outcome? {
                // It is not there, but neither was it before, and the one that is there was stored for the same end.
                Inserted::New | Inserted::Obsolete => fields(&entry),
                Inserted::Already { expiry } => fields(&StoreEntry { expiry, already: true, ..entry }),
                Inserted::Full => {
                    object(Failure::Query { reason: "the message store is full".to_owned() }.to_reply())
                }
            })
        }
        .boxed())
    }
}

fn fields(entry: &StoreEntry) -> Entry {
    object(entry.to_reply())
}

fn object(reply: ReplyValue) -> Entry {
    match reply {
        ReplyValue::Object(fields) => fields,
        _ => Entry::new(),
    }
}
