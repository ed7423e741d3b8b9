//! Changing when messages go (storage-rpc §4.7, §4.8).

use std::collections::BTreeMap;

use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace, NamespaceScope, signed_text::ExpireMode},
};

use super::{
    Operation, StoreError, Tables,
    remove::{in_scope, sorted},
};

/// Brings forward the expiry of every message of an account that goes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerAll {
    /// Whose messages.
    pub account: AccountId,
    /// Which slots.
    pub scope: NamespaceScope,
    /// The latest expiry that is left, Unix milliseconds.
    pub expiry: i64,
}

impl Operation for LowerAll {
    /// What was changed, sorted by hash.
    type Output = Vec<(Namespace, MessageHash)>;

    fn apply(self, tables: &mut Tables<'_>) -> Result<Self::Output, StoreError> {
        let mut found = in_scope(tables, &self.account, self.scope)?;
        found.retain(|(_, row)| row.expiry > self.expiry);
        for (place, row) in &found {
            tables.set_expiry(place, row, self.expiry)?;
        }
        Ok(sorted(&found))
    }
}

/// Sets the expiry of messages of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renew {
    /// Whose messages; those of others are never touched.
    pub account: AccountId,
    /// Which, and when each is to go, Unix milliseconds. Of a repeated hash the first counts.
    pub expiries: Vec<(MessageHash, i64)>,
    /// Which way an expiry may move.
    pub mode: ExpireMode,
}

/// What a [`Renew`] did with the messages that were there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renewed {
    /// Those whose expiry was set, with the new one.
    pub updated: BTreeMap<MessageHash, i64>,
    /// Those left as they were, with the expiry they have.
    pub unchanged: BTreeMap<MessageHash, i64>,
}

impl Operation for Renew {
    type Output = Renewed;

    fn apply(self, tables: &mut Tables<'_>) -> Result<Renewed, StoreError> {
        let mut renewed = Renewed::default();
        for (hash, expiry) in self.expiries {
            if renewed.updated.contains_key(&hash) || renewed.unchanged.contains_key(&hash) {
                continue;
            }
            let found = tables.find(&hash)?.filter(|(place, _)| place.slot.account == self.account);
            let Some((place, row)) = found else { continue };
            let is_allowed = match self.mode {
                ExpireMode::Set => true,
                ExpireMode::Shorten => expiry < row.expiry,
                ExpireMode::Extend => expiry > row.expiry,
            };
            if is_allowed {
                tables.set_expiry(&place, &row, expiry)?;
                renewed.updated.insert(hash, expiry);
            } else {
                renewed.unchanged.insert(hash, row.expiry);
            }
        }
        Ok(renewed)
    }
}
