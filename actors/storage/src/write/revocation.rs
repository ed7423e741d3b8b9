//! `revoke_subaccount` and `unrevoke_subaccount` (storage-rpc §4.13).

use futures::FutureExt as _;
use starling_protocol::storage::{
    request::{RevokeSubaccount, UnrevokeSubaccount},
    signed_text::reply,
};

use super::{Pen, Write, Writing, field};
use crate::store::{Revoke, StoreError, Unrevoke};

/// Revokes tokens.
pub(super) struct RevokeTokens {
    revoke: Revoke,
    timestamp: i64,
}

impl RevokeTokens {
    pub(super) fn new(request: RevokeSubaccount) -> Self {
        Self {
            revoke: Revoke { account: request.account, tokens: request.tokens },
            timestamp: request.timestamp,
        }
    }
}

impl Write for RevokeTokens {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { revoke, timestamp } = *self;
        let text = reply::revocation(&revoke.account, timestamp, &revoke.tokens);
        let ticket = pen.store.submit(revoke)?;
        Ok(async move {
            ticket.await?;
            Ok(vec![field("signature", pen.sign(text).await?)])
        }
        .boxed())
    }
}

/// Takes revocations back.
pub(super) struct UnrevokeTokens {
    unrevoke: Unrevoke,
    timestamp: i64,
}

impl UnrevokeTokens {
    pub(super) fn new(request: UnrevokeSubaccount) -> Self {
        Self {
            unrevoke: Unrevoke { account: request.account, tokens: request.tokens },
            timestamp: request.timestamp,
        }
    }
}

impl Write for UnrevokeTokens {
    fn begin(self: Box<Self>, pen: Pen) -> Result<Writing, StoreError> {
        let Self { unrevoke, timestamp } = *self;
        let text = reply::revocation(&unrevoke.account, timestamp, &unrevoke.tokens);
        let ticket = pen.store.submit(unrevoke)?;
        Ok(async move {
            let n_removed = i64::try_from(ticket.await?).unwrap_or(i64::MAX);
            Ok(vec![field("count", n_removed), field("signature", pen.sign(text).await?)])
        }
        .boxed())
    }
}
