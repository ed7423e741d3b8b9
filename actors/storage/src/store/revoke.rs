//! Subaccount tokens that are no longer good (storage-rpc §4.13).

use redb::ReadableTable as _;
use starling_protocol::{
    account::AccountId,
    storage::{limits::MAX_REVOKED, subaccount::Token},
};

use super::{
    Operation, Step, StoreError, Tables,
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
    type Progress = ();

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(&mut self, _: &mut (), tables: &mut Tables<'_>) -> Result<Step<()>, StoreError> {
        if !tables.knows(&self.account)? {
            return Ok(Step::Done(()));
        }
        for token in &self.tokens {
            tables.revoke(&self.account, token.as_bytes())?;
        }
        let (first, last) = token_bounds(&self.account);
        let mut held = Vec::new();
        for entry in tables.revoked.range::<&[u8; TOKEN_KEY_LEN]>(&first..=&last)? {
            let (key, number) = entry?;
            held.push((number.value(), *key.value()));
        }
        held.sort_unstable_by(|left, right| right.cmp(left));
        for (_, key) in held.iter().skip(MAX_REVOKED) {
            tables.unrevoke(key)?;
        }
        Ok(Step::Done(()))
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
    type Progress = ();

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(&mut self, _: &mut (), tables: &mut Tables<'_>) -> Result<Step<usize>, StoreError> {
        let mut n_removed = 0;
        for token in &self.tokens {
            n_removed += usize::from(tables.unrevoke(&token_key(&self.account, token.as_bytes()))?);
        }
        Ok(Step::Done(n_removed))
    }
}
