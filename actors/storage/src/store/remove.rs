//! Deleting messages: on request (storage-rpc §4.4 to §4.6), and when their time is up.

use redb::ReadableTable as _;
use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace, NamespaceScope},
};

use super::{
    Operation, Step, StoreError, Tables,
    place::{Row, Slot, expiry_key, read_expiry_key},
    walk::{CHUNK, Part, Walk},
};

/// Deletes messages of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove {
    /// Whose messages; those of others are never touched.
    pub account: AccountId,
    /// Which of them.
    pub which: Which,
}

/// Which messages of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those of these hashes.
    Hashes(Vec<MessageHash>),
    /// All in the scope.
    All(NamespaceScope),
    /// Those in the scope whose own time is not later, Unix milliseconds.
    Before(NamespaceScope, i64),
}

/// Messages that were there, with their namespaces, sorted by hash.
pub type Removed = Vec<(Namespace, MessageHash)>;

/// How far a [`Remove`] has come.
#[derive(Debug, Default)]
pub struct Removing {
    walk: Walk,
    removed: Removed,
}

impl Operation for Remove {
    type Output = Removed;
    type Progress = Removing;

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(
        &mut self,
        progress: &mut Removing,
        tables: &mut Tables<'_>,
    ) -> Result<Step<Removed>, StoreError> {
        let Removing { walk, removed } = progress;
        let part = match &mut self.which {
            Which::Hashes(hashes) => find_next(tables, &self.account, hashes)?,
            Which::All(scope) => walk.next(tables, &self.account, *scope)?,
            Which::Before(scope, before) => {
                let mut part = walk.next(tables, &self.account, *scope)?;
                part.messages.retain(|(_, row)| row.timestamp <= *before);
                part
            }
        };
        for (place, row) in &part.messages {
            tables.delete(place, row)?;
            removed.push((place.slot.namespace, row.hash));
        }
        if !part.is_last {
            return Ok(Step::More);
        }
        removed.sort_unstable_by_key(|(_, hash)| *hash);
        Ok(Step::Done(std::mem::take(removed)))
    }
}

/// Takes some hashes from the list and finds the messages of the account among them, each once.
fn find_next(
    tables: &Tables<'_>,
    account: &AccountId,
    hashes: &mut Vec<MessageHash>,
) -> Result<Part, StoreError> {
    hashes.sort_unstable();
    hashes.dedup();
    let mut messages = Vec::new();
    for hash in hashes.split_off(hashes.len().saturating_sub(CHUNK)) {
        messages.extend(tables.find(&hash)?.filter(|(place, _)| place.slot.account == *account));
    }
    Ok(Part { messages, is_last: hashes.is_empty() })
}

/// Deletes messages whose time is up, of all accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveExpired {
    /// Unix milliseconds; what goes at this moment or before it is deleted.
    pub now: i64,
    /// At most so many, so that no other operation waits long.
    pub limit: usize,
}

impl Operation for RemoveExpired {
    type Output = usize;
    type Progress = ();

    fn apply(&mut self, _: &mut (), tables: &mut Tables<'_>) -> Result<Step<usize>, StoreError> {
        let mut due = Vec::new();
        for entry in tables.expiries.range::<&[u8; 16]>(..=&expiry_key(self.now, u64::MAX))?.take(self.limit)
        {
            let (key, slot) = entry?;
            let (_, number) = read_expiry_key(key.value())?;
            due.push(Slot::decode(slot.value())?.at(number));
        }
        let n_due = due.len();
        for place in due {
            let row =
                tables.messages.get(&place.encode())?.map(|row| Row::decode(row.value())).transpose()?;
            let row = row.ok_or(StoreError::Malformed { table: "storage/expiries" })?;
            tables.delete(&place, &row)?;
        }
        Ok(Step::Done(n_due))
    }
}
