//! Changing when messages go (storage-rpc §4.7, §4.8).

use std::collections::BTreeMap;

use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace, NamespaceScope, limits::MAX_TTL, signed_text::ExpireMode},
};

use super::{
    Operation, Step, StoreError, Tables,
    place::Row,
    walk::{CHUNK, Walk},
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

/// How far a [`LowerAll`] has come.
#[derive(Debug, Default)]
pub struct Lowering {
    walk: Walk,
    lowered: Vec<(Namespace, MessageHash)>,
}

impl Operation for LowerAll {
    /// What was changed, sorted by hash.
    type Output = Vec<(Namespace, MessageHash)>;
    type Progress = Lowering;

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(
        &mut self,
        progress: &mut Lowering,
        tables: &mut Tables<'_>,
    ) -> Result<Step<Self::Output>, StoreError> {
        let Lowering { walk, lowered } = progress;
        let part = walk.next(tables, &self.account, self.scope)?;
        for (place, row) in part.messages.iter().filter(|(_, row)| row.expiry > self.expiry) {
            tables.set_expiry(place, row, self.expiry)?;
            lowered.push((place.slot.namespace, row.hash));
        }
        if !part.is_last {
            return Ok(Step::More);
        }
        lowered.sort_unstable_by_key(|(_, hash)| *hash);
        Ok(Step::Done(std::mem::take(lowered)))
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
    /// Those left as they were, with the expiry they have; among them extensions that are not worth a write.
    pub unchanged: BTreeMap<MessageHash, i64>,
}

/// How far a [`Renew`] has come.
#[derive(Debug, Default)]
pub struct Renewing {
    n_done: usize,
    renewed: Renewed,
}

impl Operation for Renew {
    type Output = Renewed;
    type Progress = Renewing;

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(
        &mut self,
        progress: &mut Renewing,
        tables: &mut Tables<'_>,
    ) -> Result<Step<Renewed>, StoreError> {
        let Renewing { n_done, renewed } = progress;
        for (hash, expiry) in self.expiries.iter().skip(*n_done).take(CHUNK) {
            if renewed.updated.contains_key(hash) || renewed.unchanged.contains_key(hash) {
                continue;
            }
            let found = tables.find(hash)?.filter(|(place, _)| place.slot.account == self.account);
            let Some((place, row)) = found else { continue };
            if moves(self.mode, &row, *expiry) {
                tables.set_expiry(&place, &row, *expiry)?;
                renewed.updated.insert(*hash, *expiry);
            } else {
                renewed.unchanged.insert(*hash, row.expiry);
            }
        }
        *n_done = n_done.saturating_add(CHUNK);
        if *n_done < self.expiries.len() {
            return Ok(Step::More);
        }
        Ok(Step::Done(std::mem::take(renewed)))
    }
}

/// May the expiry move there, and is it worth a write?
///
/// Clients extend all they know with every poll: what moves an expiry by less than a hundredth of the message's lifetime is not written
/// (storage-rpc §4.8).
fn moves(mode: ExpireMode, row: &Row, expiry: i64) -> bool {
    match mode {
        ExpireMode::Set => true,
        ExpireMode::Shorten => expiry < row.expiry,
        ExpireMode::Extend => {
            let lifetime = row.expiry.saturating_sub(row.timestamp).clamp(0, MAX_TTL);
            expiry > row.expiry && expiry.saturating_sub(row.expiry).saturating_mul(100) >= lifetime
        }
    }
}
