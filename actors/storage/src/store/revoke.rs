//! Subaccount tokens that are no longer good (storage-rpc §4.13).

use redb::ReadableTable as _;
use starling_protocol::{
    account::AccountId,
    storage::{limits::MAX_REVOKED, subaccount::Token},
};

use super::{
    Operation, StoreError, Tables,
    tables::{TOKEN_KEY_LEN, token_bounds, token_key},
};

/// Revokes tokens. Of an account only the newest [`MAX_REVOKED`] revocations are kept; an account without messages has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// Whose tokens.
    pub account: AccountId,
    /// Which.
    pub tokens: Vec<Token>,
}

impl Operation for Revoke {
    type Output = ();

    fn apply(self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        if !tables.knows(&self.account)? {
            return Ok(());
        }
        for token in &self.tokens {
            let number = tables.take_number();
            tables.revoked.insert(&token_key(&self.account, token.as_bytes()), number)?;
        }
        let (first, last) = token_bounds(&self.account);
        let mut held = Vec::new();
        for entry in tables.revoked.range::<&[u8; TOKEN_KEY_LEN]>(&first..=&last)? {
            let (key, number) = entry?;
            held.push((number.value(), *key.value()));
        }
        held.sort_unstable_by(|left, right| right.cmp(left));
        for (_, key) in held.iter().skip(MAX_REVOKED) {
            tables.revoked.remove(key)?;
        }
        Ok(())
    }
}

/// Takes revocations back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrevoke {
    /// Whose tokens.
    pub account: AccountId,
    /// Which.
    pub tokens: Vec<Token>,
}

impl Operation for Unrevoke {
    /// How many were revoked before.
    type Output = usize;

    fn apply(self, tables: &mut Tables<'_>) -> Result<usize, StoreError> {
        let mut n_removed = 0;
        for token in &self.tokens {
            let removed = tables.revoked.remove(&token_key(&self.account, token.as_bytes()))?;
            n_removed += usize::from(removed.is_some());
        }
        Ok(n_removed)
    }
}
