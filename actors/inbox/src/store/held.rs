//! What filters have put aside, until a person says what becomes of it.

use starling_contracts::inbox::{Error, StoredMessage};
use starling_kernel::Entropy;

use super::{
    Store,
    rows::{self, Row},
    tables::{Tables, broken, numbered, unreadable},
};
use crate::sealing::Sealer;

const NONE_HELD: Error = Error::NoSuchMessage { expected: "the number of a message that is held" };

impl Store {
    /// Moves a held message behind all others, under a new number, and answers with it.
    pub(crate) fn release_held(
        &self,
        sealer: &Sealer,
        id: u64,
        entropy: &dyn Entropy,
    ) -> Result<StoredMessage, Error> {
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            let new = tables.next_message()?;
            let mut row = tables.remove_held(id)?.ok_or(NONE_HELD)?;
            row.message.id = new;
            tables.put_message(new, &row)?;
            let identity = rows::name_key(sealer, &rows::name_of(&row.message));
            tables.identities.insert(&identity, new).map_err(broken)?;
            Ok(row.message)
        })
    }

    /// Forgets a held message; that there was one is remembered, so that it does not come again.
    pub(crate) fn discard_held(&self, sealer: &Sealer, id: u64, entropy: &dyn Entropy) -> Result<(), Error> {
        self.write(|transaction| {
            let mut tables = Tables::open(transaction, sealer, entropy)?;
            tables.remove_held(id)?.map(drop).ok_or(NONE_HELD)
        })
    }
}

impl Tables<'_> {
    pub(super) fn remove_held(&mut self, id: u64) -> Result<Option<Row>, Error> {
        let key = numbered(self.sealer, id);
        let row = match self.held.remove(&key).map_err(broken)? {
            None => return Ok(None),
            Some(sealed) => {
                let row = self.sealer.open("inbox/held/1", &key, sealed.value()).ok_or_else(unreadable)?;
                Row::decode(&row).ok_or_else(unreadable)?
            }
        };
        self.note_removed(id)?;
        Ok(Some(row))
    }
}
