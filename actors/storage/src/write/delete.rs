//! `delete`, `delete_all`, `delete_before` (storage-rpc §4.4 to §4.6).

use futures::FutureExt as _;
use starling_protocol::{
    account::AccountId,
    storage::{
        MessageHash, NamespaceScope,
        request::{Delete, DeleteAll, DeleteBefore},
        response::ReplyValue,
        signed_text::reply,
    },
};

use super::{Pen, Write, Writing, field, hash_lists, hashes_of};
use crate::store::{Remove, StoreError, Which};

/// Deletes messages by hash.
pub(super) struct DeleteHashes {
    account: AccountId,
    requested: Vec<MessageHash>,
}

impl DeleteHashes {
    pub(super) fn new(request: Delete) -> Self {
        Self { account: request.account, requested: request.messages }
    }
}

impl Write for DeleteHashes {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { account, requested } = *self;
        let ticket = pen.store.submit(Remove { account, which: Which::Hashes(requested.clone()) })?;
        Ok(async move {
            let deleted = hashes_of(&ticket.await?);
            let signature = pen.sign(reply::delete(&account, &requested, &deleted)).await?;
            let deleted = ReplyValue::List(deleted.iter().map(|hash| hash.as_str().into()).collect());
            Ok(vec![field("deleted", deleted), field("signature", signature)])
        }
        .boxed())
    }
}

/// Deletes all messages of a scope, or those up to a time.
pub(super) struct DeleteScope {
    account: AccountId,
    scope: NamespaceScope,
    which: Which,
    /// The time that is signed: of the request, or the limit.
    time: i64,
}

impl DeleteScope {
    pub(super) fn all(request: &DeleteAll) -> Self {
        let (account, scope, time) = (request.account, request.scope, request.timestamp);
        Self { account, scope, which: Which::All(scope), time }
    }

    pub(super) fn before(request: &DeleteBefore) -> Self {
        let (account, scope, time) = (request.account, request.scope, request.before);
        Self { account, scope, which: Which::Before(scope, time), time }
    }
}

impl Write for DeleteScope {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { account, scope, which, time } = *self;
        let ticket = pen.store.submit(Remove { account, which })?;
        Ok(async move {
            let deleted = ticket.await?;
            // Both methods sign the same parts.
            let signature = pen.sign(reply::delete_all(&account, time, &hashes_of(&deleted))).await?;
            Ok(vec![field("deleted", hash_lists(scope, &deleted)), field("signature", signature)])
        }
        .boxed())
    }
}
