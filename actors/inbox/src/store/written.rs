//! Whom the account has written to: what others send before that are requests.

use std::collections::BTreeSet;

use redb::{ReadableDatabase as _, ReadableTable as _};
use starling_contracts::inbox::Error;
use starling_protocol::account::AccountId;

use super::{
    Store,
    rows::{self, Row},
    tables::{NUMBERED_LEN, STATE, TAGGED_LEN, Tables, broken, numbered_range, tagged_range, unreadable},
};
use crate::sealing::{Index, Sealer};

/// The value that says that the table was filled.
const WRITTEN_SINCE: &str = "written_since";

impl Store {
    /// Was [`Tables::learn_written`] done for the account?
    pub(super) fn has_learned_written(&self, sealer: &Sealer) -> Result<bool, Error> {
        let transaction = self.database.begin_read().map_err(broken)?;
        let state = transaction.open_table(STATE).map_err(broken)?;
        let key = sealer.key(Index::State, &[WRITTEN_SINCE.as_bytes()]);
        Ok(state.get(&key).map_err(broken)?.is_some())
    }
}

impl Tables<'_> {
    /// Fills the table from the messages of an account that was here before there was one. That takes the account's key, so it is
    /// done at its first turn rather than when the file is opened; from then on it costs nothing.
    pub(super) fn learn_written(&mut self) -> Result<(), Error> {
        if self.state(WRITTEN_SINCE)?.is_some() {
            return Ok(());
        }
        let own = self.sealer.account();
        let mut written = BTreeSet::new();
        let (first, last) = numbered_range(self.sealer, 0);
        for entry in self.messages.range::<&[u8; NUMBERED_LEN]>(&first..=&last).map_err(broken)? {
            let (key, sealed) = entry.map_err(broken)?;
            let row =
                self.sealer.open("inbox/messages/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            let message = Row::decode(&row).ok_or_else(unreadable)?.message;
            if message.from == own {
                written.insert(message.conversation);
            }
        }
        for account in &written {
            self.mark_written(account)?;
        }
        self.set_state(WRITTEN_SINCE, &[])
    }

    /// Remembers that an account was written to.
    pub(super) fn mark_written(&mut self, account: &AccountId) -> Result<(), Error> {
        if *account == self.sealer.account() || self.is_written_to(account)? {
            return Ok(());
        }
        let key = rows::written_key(self.sealer, account);
        let sealed = self.sealer.seal("inbox/written/1", &key, account.as_bytes(), self.entropy);
        self.written.insert(&key, sealed.as_slice()).map_err(broken)?;
        Ok(())
    }

    pub(super) fn is_written_to(&self, account: &AccountId) -> Result<bool, Error> {
        let key = rows::written_key(self.sealer, account);
        Ok(self.written.get(&key).map_err(broken)?.is_some())
    }

    /// Every account that was written to, in no order that means anything.
    pub(super) fn written_to(&self) -> Result<Vec<AccountId>, Error> {
        let (first, last) = tagged_range(self.sealer);
        let mut found = Vec::new();
        for entry in self.written.range::<&[u8; TAGGED_LEN]>(&first..=&last).map_err(broken)? {
            let (key, sealed) = entry.map_err(broken)?;
            let row =
                self.sealer.open("inbox/written/1", key.value(), sealed.value()).ok_or_else(unreadable)?;
            found.push(AccountId::from_bytes_any(&row).map_err(|_| unreadable())?);
        }
        Ok(found)
    }
}
