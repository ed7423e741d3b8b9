//! Questions to the store, answered from a snapshot.

use redb::{Key, ReadOnlyTable, ReadTransaction, TableDefinition, Value};
use starling_protocol::{
    account::AccountId,
    storage::{
        MessageHash, Namespace,
        response::{self, RetrieveLimits},
        subaccount::Token,
    },
};

use super::{
    StoreError,
    place::{PLACE_LEN, Place, Row, Slot},
    tables::{BODIES, HASHES, MESSAGES, REVOKED, TOKEN_KEY_LEN, token_bounds, token_key},
};

/// The store as it was at one commit. Holding it keeps pages of that moment on disk, so it is not for keeping.
pub struct Snapshot {
    transaction: ReadTransaction,
}

/// A message as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its hash.
    pub hash: MessageHash,
    /// The message's own time, Unix milliseconds.
    pub timestamp: i64,
    /// When it goes, Unix milliseconds.
    pub expiry: i64,
    /// The body.
    pub body: Vec<u8>,
}

/// Messages in the order of their arrival.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The messages.
    pub messages: Vec<StoredMessage>,
    /// Is there at least one more that did not fit?
    pub more: bool,
}

/// Which messages a [`Page`] will hold.
#[derive(Debug, Clone)]
pub struct Listing {
    found: Vec<(u64, Row)>,
    room: response::Page,
}

impl Listing {
    /// How many bytes the page counts (storage-rpc §4.3).
    pub const fn counted_bytes(&self) -> u64 {
        self.room.bytes()
    }
}

impl Snapshot {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self { transaction }
    }

    /// What arrived in a slot after the message `after`, as much as the limits allow (storage-rpc §4.3).
    ///
    /// A hash that is unknown, or of another slot, counts as none. Messages whose time is up at `now` are passed over.
    ///
    /// # Errors
    /// The database failed.
    pub fn retrieve(
        &self,
        account: &AccountId,
        namespace: Namespace,
        after: Option<&MessageHash>,
        limits: RetrieveLimits,
        now: i64,
    ) -> Result<Page, StoreError> {
        self.bodies(self.list(account, namespace, after, limits, now)?)
    }

    /// As [`Snapshot::retrieve`], without the bodies, for those who want to know beforehand how much it will be.
    ///
    /// # Errors
    /// The database failed.
    pub fn list(
        &self,
        account: &AccountId,
        namespace: Namespace,
        after: Option<&MessageHash>,
        limits: RetrieveLimits,
        now: i64,
    ) -> Result<Listing, StoreError> {
        let slot = Slot { account: *account, namespace };
        let (mut first, last) = slot.bounds();
        if let Some(place) = after.map(|hash| self.find(hash)).transpose()?.flatten()
            && place.slot == slot
        {
            first = slot.at(place.number.saturating_add(1)).encode();
        }
        let mut found = Vec::new();
        let mut room = response::Page::new(limits);
        for entry in self.open(MESSAGES)?.range::<&[u8; PLACE_LEN]>(&first..=&last)? {
            let (place, row) = entry?;
            let row = Row::decode(row.value())?;
            if row.expiry <= now {
                continue;
            }
            if !room.try_add(usize::try_from(row.body_len).unwrap_or(usize::MAX)) {
                break;
            }
            found.push((Place::decode(place.value())?.number, row));
        }
        Ok(Listing { found, room })
    }

    /// The messages of a listing from the same snapshot.
    ///
    /// # Errors
    /// The database failed.
    pub fn bodies(&self, listing: Listing) -> Result<Page, StoreError> {
        let bodies = self.open(BODIES)?;
        let message = |(number, row): (u64, Row)| {
            let body = bodies.get(number)?.ok_or(StoreError::Malformed { table: "storage/bodies" })?;
            let body = body.value().to_vec();
            Ok(StoredMessage { hash: row.hash, timestamp: row.timestamp, expiry: row.expiry, body })
        };
        let more = listing.room.more();
        let messages = listing.found.into_iter().map(message).collect::<Result<_, StoreError>>()?;
        Ok(Page { messages, more })
    }

    /// When those messages of the account go that are there.
    ///
    /// # Errors
    /// The database failed.
    pub fn expiries(
        &self,
        account: &AccountId,
        hashes: &[MessageHash],
    ) -> Result<Vec<(MessageHash, i64)>, StoreError> {
        let rows = self.transaction.open_table(MESSAGES)?;
        let mut found = Vec::new();
        for hash in hashes {
            let Some(place) = self.find(hash)?.filter(|place| place.slot.account == *account) else {
                continue;
            };
            if let Some(row) = rows.get(&place.encode())? {
                found.push((*hash, Row::decode(row.value())?.expiry));
            }
        }
        Ok(found)
    }

    /// Was the token revoked?
    ///
    /// # Errors
    /// The database failed.
    pub fn is_revoked(&self, account: &AccountId, token: &Token) -> Result<bool, StoreError> {
        let revoked = self.transaction.open_table(REVOKED)?;
        Ok(revoked.get(&token_key(account, token.as_bytes()))?.is_some())
    }

    /// The account's revoked tokens, oldest revocation first.
    ///
    /// # Errors
    /// The database failed.
    pub fn revoked(&self, account: &AccountId) -> Result<Vec<Token>, StoreError> {
        let revoked = self.transaction.open_table(REVOKED)?;
        let (first, last) = token_bounds(account);
        let mut tokens = Vec::new();
        for entry in revoked.range::<&[u8; TOKEN_KEY_LEN]>(&first..=&last)? {
            let (key, number) = entry?;
            let token = key.value().last_chunk().copied();
            let token = token.ok_or(StoreError::Malformed { table: "storage/revoked" })?;
            tokens.push((number.value(), Token::from_bytes(token)));
        }
        tokens.sort_unstable_by_key(|(number, _)| *number);
        Ok(tokens.into_iter().map(|(_, token)| token).collect())
    }

    pub(super) fn open<K: Key + 'static, V: Value + 'static>(
        &self,
        table: TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, StoreError> {
        Ok(self.transaction.open_table(table)?)
    }

    fn find(&self, hash: &MessageHash) -> Result<Option<Place>, StoreError> {
        let hashes = self.transaction.open_table(HASHES)?;
        hashes.get(hash.as_bytes())?.map(|place| Place::decode(place.value())).transpose()
    }
}
