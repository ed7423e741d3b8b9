//! `expire` and `expire_all` (storage-rpc §4.7, §4.8).

use futures::FutureExt as _;
use starling_protocol::{
    account::AccountId,
    storage::{
        MessageHash, NamespaceScope,
        request::{Expire, ExpireAll},
        response::ReplyValue,
        signed_text::{ExpireMode, reply},
    },
};

use super::{Pen, Write, Writing, field, hash_lists, hashes_of};
use crate::store::{LowerAll, Renew, Renewed, StoreError};

/// Brings the expiry of everything in a scope forward.
pub(super) struct ExpireScope {
    account: AccountId,
    scope: NamespaceScope,
    expiry: i64,
}

impl ExpireScope {
    pub(super) fn new(request: &ExpireAll) -> Self {
        Self { account: request.account, scope: request.scope, expiry: request.expiry }
    }
}

impl Write for ExpireScope {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { account, scope, expiry } = *self;
        let ticket = pen.store.submit(LowerAll { account, scope, expiry })?;
        Ok(async move {
            let updated = ticket.await?;
            let signature = pen.sign(reply::expire_all(&account, expiry, &hashes_of(&updated))).await?;
            Ok(vec![field("updated", hash_lists(scope, &updated)), field("signature", signature)])
        }
        .boxed())
    }
}

/// Sets the expiry of messages by hash.
pub(super) struct ExpireHashes {
    account: AccountId,
    requested: Vec<MessageHash>,
    expiries: Vec<(MessageHash, i64)>,
    /// The one expiry for all, clamped; nothing where each message has its own.
    single: Option<i64>,
    mode: ExpireMode,
    /// Did the client itself ask to shorten or to extend?
    tells_unchanged: bool,
}

impl ExpireHashes {
    /// `latest` is the expiry that values are clamped to, Unix milliseconds.
    pub(super) fn new(request: Expire, mode: ExpireMode, latest: i64) -> Self {
        let single = match request.expiries.as_slice() {
            [expiry] => Some((*expiry).min(latest)),
            _ => None,
        };
        Self {
            account: request.account,
            expiries: request.pairs().map(|(hash, expiry)| (*hash, expiry.min(latest))).collect(),
            single,
            mode,
            tells_unchanged: request.mode != ExpireMode::Set,
            requested: request.messages,
        }
    }
}

impl Write for ExpireHashes {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { account, requested, expiries, single, mode, tells_unchanged } = *self;
        let ticket = pen.store.submit(Renew { account, expiries, mode })?;
        Ok(async move {
            let Renewed { updated, mut unchanged } = ticket.await?;
            if !tells_unchanged {
                unchanged.clear();
            }
            let hashes: Vec<MessageHash> = updated.keys().copied().collect();
            let values: Vec<i64> =
                single.map_or_else(|| updated.values().copied().collect(), |expiry| vec![expiry]);
            let signature =
                pen.sign(reply::expire(&account, &values, &requested, &hashes, &unchanged)).await?;
            let expiry = match single {
                Some(expiry) => expiry.into(),
                None => ReplyValue::List(values.into_iter().map(ReplyValue::from).collect()),
            };
            let texts = hashes.iter().map(|hash| hash.as_str().into()).collect();
            let mut entry = vec![field("expiry", expiry), field("updated", ReplyValue::List(texts))];
            if tells_unchanged {
                let unchanged =
                    unchanged.iter().map(|(hash, expiry)| field(hash.as_str(), *expiry)).collect();
                entry.push(field("unchanged", ReplyValue::Object(unchanged)));
            }
            entry.push(field("signature", signature));
            Ok(entry)
        }
        .boxed())
    }
}
