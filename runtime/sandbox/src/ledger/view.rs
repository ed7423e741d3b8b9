//! What is on disk, read from one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use redb::{Database, ReadOnlyTable, ReadableDatabase as _};

use super::{
    Aside, LedgerError, Queued, Sending, Usage,
    outgoing::OutboxRow,
    rows::{Firing, Left, Place, decoded},
    sealing::{Numbered, SEALING, Sealer, Tagged, number},
    tables::{
        BOOKS, BOOKS_NAME, ByNumber, ByTag, KEYS, KEYS_NAME, KV, KV_NAME, OUTBOX, OUTBOX_NAME, QUARANTINE,
        QUARANTINE_NAME, SENT, SENT_NAME, TIMERS, TIMERS_NAME, book_key, padded,
    },
};

/// The tables of one snapshot.
pub(super) struct View {
    books: ReadOnlyTable<&'static [u8], &'static [u8]>,
    kv: ReadOnlyTable<ByTag, &'static [u8]>,
    keys: ReadOnlyTable<ByTag, &'static [u8]>,
    timers: ReadOnlyTable<ByTag, &'static [u8]>,
    outbox: ReadOnlyTable<ByNumber, &'static [u8]>,
    sent: ReadOnlyTable<ByNumber, &'static [u8]>,
    quarantine: ReadOnlyTable<ByNumber, &'static [u8]>,
}

impl View {
    pub(super) fn open(database: &Database) -> Result<Self, LedgerError> {
        let transaction = database.begin_read()?;
        Ok(Self {
            books: transaction.open_table(BOOKS)?,
            kv: transaction.open_table(KV)?,
            keys: transaction.open_table(KEYS)?,
            timers: transaction.open_table(TIMERS)?,
            outbox: transaction.open_table(OUTBOX)?,
            sent: transaction.open_table(SENT)?,
            quarantine: transaction.open_table(QUARANTINE)?,
        })
    }

    /// How much a plugin of an account keeps, and how far it has come.
    pub(super) fn book(&self, plugin: &str, sealer: &Sealer) -> Result<(Usage, Place), LedgerError> {
        let key = book_key(plugin, sealer.owner());
        let Some(row) = self.books.get(key.as_slice())? else { return Ok(<_>::default()) };
        let (usage, sealed) = decoded(BOOKS_NAME, Usage::split(row.value()))?;
        let place = decoded(BOOKS_NAME, Place::decode(&sealer.open(BOOKS_NAME, &key, sealed)?))?;
        Ok((usage, place))
    }

    /// How much of a plugin waits to be sent.
    pub(super) fn n_queued(&self, plugin: &str, sealer: &Sealer) -> Result<u64, LedgerError> {
        let row = self.books.get(book_key(plugin, sealer.owner()).as_slice())?;
        let Some(row) = row else { return Ok(0) };
        Ok(decoded(BOOKS_NAME, Usage::split(row.value()))?.0.queued)
    }

    /// How much a plugin keeps, in all accounts.
    pub(super) fn usage(&self, plugin: &str) -> Result<Usage, LedgerError> {
        let (first, last) = ([plugin.as_bytes(), &[0]].concat(), [plugin.as_bytes(), &[1]].concat());
        let mut usage = Usage::default();
        for row in self.books.range::<&[u8]>(first.as_slice()..last.as_slice())? {
            usage.add(&decoded(BOOKS_NAME, Usage::split(row?.1.value()))?.0);
        }
        Ok(usage)
    }

    pub(super) fn value(&self, sealer: &Sealer, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let tagged = sealer.tagged(KV_NAME, key);
        let Some(sealed) = self.kv.get(&tagged)? else { return Ok(None) };
        sealer.open(KV_NAME, &tagged, sealed.value()).map(Some)
    }

    /// The length of a value, which is read off without opening it.
    pub(super) fn value_len(&self, sealer: &Sealer, key: &str) -> Result<Option<usize>, LedgerError> {
        let sealed = self.kv.get(&sealer.tagged(KV_NAME, key))?;
        Ok(sealed.map(|sealed| sealed.value().len().saturating_sub(SEALING)))
    }

    /// All keys in their order; about a microsecond for each.
    pub(super) fn keys(&self, sealer: &Sealer) -> Result<BTreeSet<Box<str>>, LedgerError> {
        let mut keys = BTreeSet::new();
        let (first, last) = tagged_range(sealer);
        for row in self.keys.range::<&Tagged>(&first..=&last)? {
            let (tagged, sealed) = row?;
            let key = sealer.open(KEYS_NAME, tagged.value(), sealed.value())?;
            keys.insert(decoded(KEYS_NAME, String::from_utf8(key).ok())?.into());
        }
        Ok(keys)
    }

    pub(super) fn timers(&self, sealer: &Sealer) -> Result<BTreeMap<Box<str>, Firing>, LedgerError> {
        let (first, last) = tagged_range(sealer);
        let rows = self.timers.range::<&Tagged>(&first..=&last)?;
        rows.map(|row| {
            let (tagged, sealed) = row?;
            let row = sealer.open(TIMERS_NAME, tagged.value(), sealed.value())?;
            decoded(TIMERS_NAME, Firing::decode(&row))
        })
        .collect()
    }

    /// What waits to be sent, the oldest first, behind one of them.
    pub(super) fn queued(
        &self,
        sealer: &Sealer,
        after: Option<Sending>,
        limit: usize,
    ) -> Result<Vec<Queued>, LedgerError> {
        let first = match after.map(|Sending(number)| number.checked_add(1)) {
            None => 0,
            Some(Some(next)) => next,
            Some(None) => return Ok(Vec::new()),
        };
        let (first, last) = (sealer.numbered(first), sealer.numbered(u64::MAX));
        let rows = self.outbox.range::<&Numbered>(&first..=&last)?;
        rows.take(limit)
            .map(|row| {
                let (key, row) = row?;
                open_queued(sealer, key.value(), row.value())
            })
            .collect()
    }

    pub(super) fn queued_one(
        &self,
        sealer: &Sealer,
        sending: Sending,
    ) -> Result<Option<Queued>, LedgerError> {
        let key = sealer.numbered(sending.0);
        self.outbox.get(&key)?.map(|row| open_queued(sealer, &key, row.value())).transpose()
    }

    /// What is remembered of something that left the outbox.
    pub(super) fn left(&self, sealer: &Sealer, sending: Sending) -> Result<Option<Left>, LedgerError> {
        let key = sealer.numbered(sending.0);
        self.sent.get(&key)?.map(|row| open_left(sealer, &key, row.value())).transpose()
    }

    /// Events in quarantine, the oldest first.
    pub(super) fn asides(&self, sealer: &Sealer, limit: usize) -> Result<Vec<Aside>, LedgerError> {
        let (first, last) = (sealer.numbered(0), sealer.numbered(u64::MAX));
        let rows = self.quarantine.range::<&Numbered>(&first..=&last)?;
        rows.take(limit)
            .map(|row| {
                let (key, sealed) = row?;
                let row = sealer.open(QUARANTINE_NAME, key.value(), sealed.value())?;
                decoded(QUARANTINE_NAME, Aside::decode(number(key.value()), &row))
            })
            .collect()
    }
}

/// Opens a row of `plugins/outbox/1`.
pub(super) fn open_queued(sealer: &Sealer, key: &Numbered, row: &[u8]) -> Result<Queued, LedgerError> {
    let (attempts, sealed) = decoded(OUTBOX_NAME, row.split_first_chunk::<4>())?;
    let row = sealer.open(OUTBOX_NAME, key, sealed)?;
    decoded(OUTBOX_NAME, OutboxRow::decode(Sending(number(key)), u32::from_be_bytes(*attempts), &row))
}

/// Opens a row of `plugins/sent/1`.
pub(super) fn open_left(sealer: &Sealer, key: &Numbered, sealed: &[u8]) -> Result<Left, LedgerError> {
    decoded(SENT_NAME, Left::decode(&sealer.open(SENT_NAME, key, sealed)?))
}

fn tagged_range(sealer: &Sealer) -> (Tagged, Tagged) {
    (padded(sealer.owner(), 0), padded(sealer.owner(), 0xff))
}
