//! Writes that were checked: what each does to the store, and what this node signs when it is done.

mod delete;
mod expire;
mod revocation;
mod store;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use starling_kernel::CpuPool;
use starling_protocol::{
    account::AccountId,
    crypto::ed25519,
    storage::{
        MessageHash, Namespace, NamespaceScope,
        limits::MAX_TTL,
        request::{Authority, Request},
        response::ReplyValue,
        signed_text::ExpireMode,
    },
};

use crate::{
    check::Refusal,
    store::{Removed, Store, StoreError},
};

/// This node's own entry of the aggregated answer: a flat object.
pub(crate) type Entry = Vec<(String, ReplyValue)>;

/// Resolves to the entry, when the write is on disk.
pub(crate) type Writing = BoxFuture<'static, Result<Entry, StoreError>>;

/// What a write needs of this node.
#[derive(Clone)]
pub(crate) struct Pen {
    pub(crate) store: Store,
    pub(crate) key: Arc<ed25519::SecretKey>,
    pub(crate) pool: CpuPool,
}

/// One method's effect.
pub(crate) trait Write: Send {
    /// Hands the change to the store. Its place in the order of all writes is fixed by this call.
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError>;
}

/// A write that may be done, here and at the other members.
pub(crate) struct Prepared {
    pub(crate) write: Box<dyn Write>,
    pub(crate) account: AccountId,
    pub(crate) method: &'static str,
    /// The dict for the other members (storage-rpc §5).
    pub(crate) dict: Bytes,
    /// Of a `store`: the hash, which old clients look for beside `swarm`.
    pub(crate) hash: Option<MessageHash>,
    /// Of a `delete`: is it an error if nobody had anything to delete?
    pub(crate) required: bool,
}

/// Turns a checked request into what is to be done.
pub(crate) fn prepare(
    request: Request,
    authority: &Authority,
    now: i64,
    key: &ed25519::SecretKey,
) -> Result<Prepared, Refusal> {
    let no_write = || Refusal::new(500, "request failed");
    let account = request.account().copied().ok_or_else(no_write)?;
    let dict = request.to_replicated().ok_or_else(no_write)?;
    let method = request.method();
    let (mut hash, mut required) = (None, false);
    let write: Box<dyn Write> = match request {
        Request::Store(request) => {
            let write = store::StoreMessage::new(request, key);
            hash = Some(write.hash());
            Box::new(write)
        }
        Request::Delete(request) => {
            required = request.required;
            Box::new(delete::DeleteHashes::new(request))
        }
        Request::DeleteAll(request) => Box::new(delete::DeleteScope::all(&request)),
        Request::DeleteBefore(request) => Box::new(delete::DeleteScope::before(&request)),
        Request::ExpireAll(request) => Box::new(expire::ExpireScope::new(&request)),
        Request::Expire(request) => {
            let mode: ExpireMode = request
                .permitted_mode(authority)
                .map_err(|not_allowed| Refusal::new(400, not_allowed.to_string()))?;
            Box::new(expire::ExpireHashes::new(request, mode, now.saturating_add(MAX_TTL)))
        }
        Request::RevokeSubaccount(request) => Box::new(revocation::RevokeTokens::new(request)),
        Request::UnrevokeSubaccount(request) => Box::new(revocation::UnrevokeTokens::new(request)),
        _ => return Err(no_write()),
    };
    Ok(Prepared { write, account, method, dict: dict.into(), hash, required })
}

impl Pen {
    /// Signs off the actor's thread.
    async fn sign(&self, text: Vec<u8>) -> Result<ReplyValue, StoreError> {
        let key = Arc::clone(&self.key);
        let signature = self.pool.run(move || key.sign(&text)).await.map_err(|_| StoreError::Panicked)?;
        Ok(ReplyValue::Binary(signature.as_bytes().to_vec()))
    }
}

fn field(name: &str, value: impl Into<ReplyValue>) -> (String, ReplyValue) {
    (name.to_owned(), value.into())
}

/// A sorted list of hashes; for all namespaces at once an object of such lists by namespace.
fn hash_lists(scope: NamespaceScope, hashes: &Removed) -> ReplyValue {
    let texts = |wanted: Option<Namespace>| {
        let of_namespace =
            hashes.iter().filter(move |(namespace, _)| wanted.is_none_or(|wanted| *namespace == wanted));
        ReplyValue::List(of_namespace.map(|(_, hash)| hash.as_str().into()).collect())
    };
    match scope {
        NamespaceScope::One(_) => texts(None),
        NamespaceScope::All => {
            let mut namespaces: Vec<_> = hashes.iter().map(|(namespace, _)| *namespace).collect();
            namespaces.sort_unstable();
            namespaces.dedup();
            ReplyValue::Object(namespaces.iter().map(|ns| (ns.to_string(), texts(Some(*ns)))).collect())
        }
    }
}

fn hashes_of(removed: &Removed) -> Vec<MessageHash> {
    removed.iter().map(|(_, hash)| *hash).collect()
}
