//! Deleting messages: on request (storage-rpc §4.4 to §4.6), and when their time is up.

use redb::ReadableTable as _;
use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace, NamespaceScope},
};

use super::{
    Operation, StoreError, Tables,
    place::{Place, Row, Slot, expiry_key, read_expiry_key},
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

impl Operation for Remove {
    type Output = Removed;

    fn apply(self, tables: &mut Tables<'_>) -> Result<Removed, StoreError> {
        let found = match &self.which {
            Which::Hashes(hashes) => find_all(tables, &self.account, hashes)?,
            Which::All(scope) => in_scope(tables, &self.account, *scope)?,
            Which::Before(scope, before) => {
                let mut found = in_scope(tables, &self.account, *scope)?;
                found.retain(|(_, row)| row.timestamp <= *before);
                found
            }
        };
        for (place, row) in &found {
            tables.delete(place, row)?;
        }
        Ok(sorted(&found))
    }
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

    fn apply(self, tables: &mut Tables<'_>) -> Result<usize, StoreError> {
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
        Ok(n_due)
    }
}

/// The messages of the account among those hashes, each once.
pub(super) fn find_all(
    tables: &Tables<'_>,
    account: &AccountId,
    hashes: &[MessageHash],
) -> Result<Vec<(Place, Row)>, StoreError> {
    let mut hashes = hashes.to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    let mut found = Vec::new();
    for hash in hashes {
        found.extend(tables.find(&hash)?.filter(|(place, _)| place.slot.account == *account));
    }
    Ok(found)
}

/// The messages of the account in a namespace, or in all of them.
pub(super) fn in_scope(
    tables: &Tables<'_>,
    account: &AccountId,
    scope: NamespaceScope,
) -> Result<Vec<(Place, Row)>, StoreError> {
    let (first, last) = match scope {
        NamespaceScope::One(namespace) => Slot { account: *account, namespace }.bounds(),
        NamespaceScope::All => Slot::account_bounds(account),
    };
    tables.between(&first, &last)
}

/// Namespaces and hashes, sorted by hash.
pub(super) fn sorted(found: &[(Place, Row)]) -> Vec<(Namespace, MessageHash)> {
    let mut hashes: Vec<_> = found.iter().map(|(place, row)| (place.slot.namespace, row.hash)).collect();
    hashes.sort_unstable_by_key(|(_, hash)| *hash);
    hashes
}
