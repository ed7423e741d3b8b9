//! What a node signs in its entry of the answer. Lists of what was done are sorted by hash here, as they are answered.

use std::collections::BTreeMap;

use super::Text;
use crate::account::AccountId;
use crate::storage::MessageHash;
use crate::storage::subaccount::Token;

/// Answer to `store`.
#[must_use]
pub fn store(hash: &MessageHash) -> Vec<u8> {
    Text::new(hash).into()
}

/// Answer to `delete`: what was asked for, in that order, and what was there.
#[must_use]
pub fn delete(account: &AccountId, requested: &[MessageHash], deleted: &[MessageHash]) -> Vec<u8> {
    Text::new(account).add_all(requested).add_all(sorted(deleted)).into()
}

/// Answer to `delete_all`, with the request's time; `deleted` are the hashes of every namespace together.
#[must_use]
pub fn delete_all(account: &AccountId, timestamp: i64, deleted: &[MessageHash]) -> Vec<u8> {
    timed(account, timestamp, deleted)
}

/// Answer to `delete_before`, with the request's limit.
#[must_use]
pub fn delete_before(account: &AccountId, before: i64, deleted: &[MessageHash]) -> Vec<u8> {
    timed(account, before, deleted)
}

/// Answer to `expire_all`, with the expiry asked for.
#[must_use]
pub fn expire_all(account: &AccountId, expiry: i64, updated: &[MessageHash]) -> Vec<u8> {
    timed(account, expiry, updated)
}

/// Answer to `expire`: the expiry or expiries as answered, what was asked for, what was changed, what was not.
///
/// `updated` is taken as given, because several expiries are aligned with it: it must be sorted.
#[must_use]
pub fn expire(
    account: &AccountId,
    expiries: &[i64],
    requested: &[MessageHash],
    updated: &[MessageHash],
    unchanged: &BTreeMap<MessageHash, i64>,
) -> Vec<u8> {
    let text = Text::new(account).add_all(expiries).add_all(requested).add_all(updated);
    unchanged.iter().fold(text, |text, (hash, expiry)| text.add(hash).add(expiry)).into()
}

/// Answer to `revoke_subaccount` and `unrevoke_subaccount`.
#[must_use]
pub fn revocation(account: &AccountId, timestamp: i64, tokens: &[Token]) -> Vec<u8> {
    Text::new(account).add(timestamp).add_tokens(tokens).into()
}

fn timed(account: &AccountId, time: i64, hashes: &[MessageHash]) -> Vec<u8> {
    Text::new(account).add(time).add_all(sorted(hashes)).into()
}

fn sorted(hashes: &[MessageHash]) -> Vec<MessageHash> {
    let mut hashes = hashes.to_vec();
    hashes.sort_unstable();
    hashes
}
