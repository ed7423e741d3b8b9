//! Storing a message (storage-rpc §4.1, §4.2).

use starling_contracts::subscriptions::NewMessage;
use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace},
};

use super::{
    Operation, Step, StoreError, Tables,
    place::{Row, Slot},
};

/// A message to be stored. The hash is trusted to be that of the other fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    /// Whose message.
    pub account: AccountId,
    /// Which slot of the account.
    pub namespace: Namespace,
    /// Its hash.
    pub hash: MessageHash,
    /// The message's own time, Unix milliseconds.
    pub timestamp: i64,
    /// When it goes, Unix milliseconds.
    pub expiry: i64,
    /// The body.
    pub body: Vec<u8>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored, and was not before.
    New,
    /// It was there before; it goes at `expiry`, which was raised if the new one is later.
    Already {
        /// When it goes, Unix milliseconds.
        expiry: i64,
    },
    /// It is a message of a public outbox that has a newer one: nothing was changed.
    Obsolete,
    /// There is no room: nothing was changed.
    Full,
}

impl Operation for Insert {
    type Output = Inserted;
    type Progress = ();

    fn account(&self) -> Option<&AccountId> {
        Some(&self.account)
    }

    fn apply(&mut self, _: &mut (), tables: &mut Tables<'_>) -> Result<Step<Inserted>, StoreError> {
        self.insert(tables).map(Step::Done)
    }
}

impl Insert {
    fn insert(&mut self, tables: &mut Tables<'_>) -> Result<Inserted, StoreError> {
        if let Some((place, row)) = tables.find(&self.hash)? {
            let expiry = row.expiry.max(self.expiry);
            if expiry > row.expiry {
                tables.set_expiry(&place, &row, expiry)?;
            }
            return Ok(Inserted::Already { expiry });
        }
        let slot = Slot { account: self.account, namespace: self.namespace };
        let Ok(body_len) = u32::try_from(self.body.len()) else { return Ok(Inserted::Full) };
        if self.namespace.is_public_outbox() {
            let (first, last) = slot.bounds();
            let held = tables.between(&first, &last, usize::MAX)?;
            if held.iter().any(|(_, row)| row.timestamp > self.timestamp) {
                return Ok(Inserted::Obsolete);
            }
            if !tables.has_room(self.body.len())? {
                return Ok(Inserted::Full);
            }
            for (place, row) in held {
                tables.delete(&place, &row)?;
            }
        } else if !tables.has_room(self.body.len())? {
            return Ok(Inserted::Full);
        }
        let place = slot.at(tables.take_number());
        let row = Row { timestamp: self.timestamp, expiry: self.expiry, hash: self.hash, body_len };
        tables.put(&place, &row, &self.body)?;
        tables.announce(NewMessage {
            account: self.account,
            namespace: self.namespace,
            hash: self.hash,
            timestamp: self.timestamp,
            expiry: self.expiry,
            data: std::mem::take(&mut self.body).into(),
        });
        Ok(Inserted::New)
    }
}
