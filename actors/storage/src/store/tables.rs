//! Every table of the file, and the changes that keep them in step.
//!
//! Names carry a version; a retired name is not used again. Numbers are big-endian.
//!
//! | table | key | value |
//! |---|---|---|
//! | `storage/meta/1` | `schema`, `next_number`, `body_bytes` | u64 |
//! | `storage/messages/1` | account 33, namespace 2 (sign bit flipped), number 8 | timestamp 8, expiry 8, hash 43, body length 4 |
//! | `storage/bodies/1` | number 8 | the body |
//! | `storage/hashes/1` | hash 43 | the message's key in `storage/messages/1`, 43 |
//! | `storage/expiries/1` | expiry 8 (sign bit flipped), number 8 | account 33, namespace 2 |
//! | `storage/revoked/1` | account 33, token 36 | number of the revocation 8: the greater, the newer |
//!
//! Bodies are apart from rows, so that raising an expiry rewrites 63 bytes and not the message, and so that skipping over
//! what a client already has touches no body. Every message is in all four of messages, bodies, hashes and expiries.

use std::collections::BTreeSet;

use redb::{ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction};
use starling_contracts::subscriptions::NewMessage;
use starling_protocol::{account::AccountId, storage::MessageHash};

use super::{
    StoreError,
    place::{PLACE_LEN, Place, ROW_LEN, Row, SLOT_LEN, Slot, expiry_key},
};

/// Version of the schema above.
pub const SCHEMA_VERSION: u64 = 1;

pub(super) const TOKEN_KEY_LEN: usize = AccountId::LEN + 36;

pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("storage/meta/1");
pub(super) const MESSAGES: TableDefinition<&[u8; PLACE_LEN], &[u8; ROW_LEN]> =
    TableDefinition::new("storage/messages/1");
pub(super) const BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("storage/bodies/1");
pub(super) const HASHES: TableDefinition<&[u8; MessageHash::LEN], &[u8; PLACE_LEN]> =
    TableDefinition::new("storage/hashes/1");
pub(super) const EXPIRIES: TableDefinition<&[u8; 16], &[u8; SLOT_LEN]> =
    TableDefinition::new("storage/expiries/1");
pub(super) const REVOKED: TableDefinition<&[u8; TOKEN_KEY_LEN], u64> =
    TableDefinition::new("storage/revoked/1");

pub(super) const SCHEMA: &str = "schema";
const NEXT_NUMBER: &str = "next_number";
pub(super) const BODY_BYTES: &str = "body_bytes";

/// What a message takes on disk beside its body: rows, keys and the trees around them, roughly.
pub(super) const ROW_OVERHEAD: u64 = 400;

/// The tables within one write transaction.
pub struct Tables<'t> {
    meta: Table<'t, &'static str, u64>,
    pub(super) messages: Table<'t, &'static [u8; PLACE_LEN], &'static [u8; ROW_LEN]>,
    bodies: Table<'t, u64, &'static [u8]>,
    hashes: Table<'t, &'static [u8; MessageHash::LEN], &'static [u8; PLACE_LEN]>,
    pub(super) expiries: Table<'t, &'static [u8; 16], &'static [u8; SLOT_LEN]>,
    pub(super) revoked: Table<'t, &'static [u8; TOKEN_KEY_LEN], u64>,
    next_number: u64,
    body_bytes: u64,
    capacity: u64,
    /// Accounts that lost a message: some may have lost their last.
    shrunken: BTreeSet<AccountId>,
    /// Messages that were not here before.
    news: Vec<NewMessage>,
    is_changed: bool,
}

/// How much the store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stock {
    pub(super) rows: u64,
    pub(super) body_bytes: u64,
}

impl<'t> Tables<'t> {
    /// Opens all tables, making those that are not there.
    pub(super) fn open(transaction: &'t WriteTransaction, capacity: u64) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, StoreError>(meta.get(name)?.map_or(0, |value| value.value()));
        let (next_number, body_bytes) = (number(NEXT_NUMBER)?, number(BODY_BYTES)?);
        Ok(Self {
            meta,
            messages: transaction.open_table(MESSAGES)?,
            bodies: transaction.open_table(BODIES)?,
            hashes: transaction.open_table(HASHES)?,
            expiries: transaction.open_table(EXPIRIES)?,
            revoked: transaction.open_table(REVOKED)?,
            next_number,
            body_bytes,
            capacity,
            shrunken: BTreeSet::new(),
            news: Vec::new(),
            is_changed: false,
        })
    }

    /// Is there anything to be committed?
    pub(super) const fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Revokes a token, with the number by which revocations are ordered.
    pub(super) fn revoke(&mut self, account: &AccountId, token: &[u8; 36]) -> Result<(), StoreError> {
        let number = self.take_number();
        self.revoked.insert(&token_key(account, token), number)?;
        self.is_changed = true;
        Ok(())
    }

    /// Takes a revocation back, if there is one.
    pub(super) fn unrevoke(&mut self, key: &[u8; TOKEN_KEY_LEN]) -> Result<bool, StoreError> {
        let was_revoked = self.revoked.remove(key)?.is_some();
        self.is_changed |= was_revoked;
        Ok(was_revoked)
    }

    /// Brings what is counted up to date; to be called once, before the commit.
    pub(super) fn finish(mut self) -> Result<(Stock, Vec<NewMessage>), StoreError> {
        for account in std::mem::take(&mut self.shrunken) {
            self.forget_if_empty(&account)?;
        }
        self.meta.insert(NEXT_NUMBER, self.next_number)?;
        self.meta.insert(BODY_BYTES, self.body_bytes)?;
        Ok((Stock { rows: self.messages.len()?, body_bytes: self.body_bytes }, self.news))
    }

    /// Has a message told of that is new here.
    pub(super) fn announce(&mut self, message: NewMessage) {
        self.news.push(message);
    }

    /// The number that the next message will have; those that are there have lower ones.
    pub(super) const fn next_number(&self) -> u64 {
        self.next_number
    }

    pub(super) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Is there room for a message with a body of that length?
    pub(super) fn has_room(&self, body_len: usize) -> Result<bool, StoreError> {
        let rows = self.messages.len()?.saturating_add(1).saturating_mul(ROW_OVERHEAD);
        let body_len = u64::try_from(body_len).unwrap_or(u64::MAX);
        Ok(self.body_bytes.saturating_add(body_len).saturating_add(rows) <= self.capacity)
    }

    /// The message of that hash.
    pub(super) fn find(&self, hash: &MessageHash) -> Result<Option<(Place, Row)>, StoreError> {
        let place =
            self.hashes.get(hash.as_bytes())?.map(|place| Place::decode(place.value())).transpose()?;
        let Some(place) = place else { return Ok(None) };
        let row = self.messages.get(&place.encode())?.map(|row| Row::decode(row.value())).transpose()?;
        let row = row.ok_or(StoreError::Malformed { table: "storage/hashes" })?;
        Ok(Some((place, row)))
    }

    /// The messages between two keys, both included, in their order, at most so many.
    pub(super) fn between(
        &self,
        first: &[u8; PLACE_LEN],
        last: &[u8; PLACE_LEN],
        limit: usize,
    ) -> Result<Vec<(Place, Row)>, StoreError> {
        let rows = self.messages.range::<&[u8; PLACE_LEN]>(first..=last)?.take(limit);
        rows.map(|row| {
            let (place, row) = row?;
            Ok((Place::decode(place.value())?, Row::decode(row.value())?))
        })
        .collect()
    }

    pub(super) fn put(&mut self, place: &Place, row: &Row, body: &[u8]) -> Result<(), StoreError> {
        self.is_changed = true;
        self.messages.insert(&place.encode(), &row.encode())?;
        self.bodies.insert(place.number, body)?;
        self.hashes.insert(row.hash.as_bytes(), &place.encode())?;
        self.expiries.insert(&expiry_key(row.expiry, place.number), &place.slot.encode())?;
        self.body_bytes += u64::from(row.body_len);
        Ok(())
    }

    pub(super) fn delete(&mut self, place: &Place, row: &Row) -> Result<(), StoreError> {
        self.is_changed = true;
        self.messages.remove(&place.encode())?;
        self.bodies.remove(place.number)?;
        self.hashes.remove(row.hash.as_bytes())?;
        self.expiries.remove(&expiry_key(row.expiry, place.number))?;
        self.body_bytes = self.body_bytes.saturating_sub(u64::from(row.body_len));
        self.shrunken.insert(place.slot.account);
        Ok(())
    }

    pub(super) fn set_expiry(&mut self, place: &Place, row: &Row, expiry: i64) -> Result<(), StoreError> {
        self.is_changed = true;
        self.expiries.remove(&expiry_key(row.expiry, place.number))?;
        self.expiries.insert(&expiry_key(expiry, place.number), &place.slot.encode())?;
        self.messages.insert(&place.encode(), &Row { expiry, ..*row }.encode())?;
        Ok(())
    }

    /// Does the account have any message?
    pub(super) fn knows(&self, account: &AccountId) -> Result<bool, StoreError> {
        let (first, last) = Slot::account_bounds(account);
        let mut rows = self.messages.range::<&[u8; PLACE_LEN]>(&first..=&last)?;
        Ok(rows.next().transpose()?.is_some())
    }

    /// An account without messages is not known any more, and so its revocations go: nobody can fill the disk with them.
    fn forget_if_empty(&mut self, account: &AccountId) -> Result<(), StoreError> {
        if self.knows(account)? {
            return Ok(());
        }
        let (first, last) = token_bounds(account);
        self.revoked.retain_in::<&[u8; TOKEN_KEY_LEN], _>(&first..=&last, |_, _| false)?;
        Ok(())
    }
}

/// Key of a revocation.
pub(super) fn token_key(account: &AccountId, token: &[u8; 36]) -> [u8; TOKEN_KEY_LEN] {
    let mut key = [0; TOKEN_KEY_LEN];
    let (head, tail) = key.split_at_mut(AccountId::LEN);
    head.copy_from_slice(account.as_bytes());
    tail.copy_from_slice(token);
    key
}

/// The first and the last key that a revocation by the account can have.
pub(super) fn token_bounds(account: &AccountId) -> ([u8; TOKEN_KEY_LEN], [u8; TOKEN_KEY_LEN]) {
    (token_key(account, &[0; 36]), token_key(account, &[u8::MAX; 36]))
}
