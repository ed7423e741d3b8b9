//! Many jobs in one transaction.

mod outbox;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use redb::{ReadableTable as _, WriteTransaction};
use starling_kernel::Entropy;

use super::{
    LedgerError, Usage, metrics,
    orders::{Call, Job, NewAside},
    rows::decoded,
    sealing::{Numbered, OWNER_LEN, Owner},
    shelf::{Shelf, Standing, Taken, TakenLazy},
    tables::{BOOKS_NAME, Tables, book_key},
};

/// A transaction that is being made.
pub(super) struct Batch<'t> {
    tables: Tables<'t>,
    entropy: &'t dyn Entropy,
    /// The rows of `plugins/books/1` that are written at the end, once for all jobs of a plugin.
    pages: HashMap<Owner, Page>,
    /// Plugins that are removed: nothing of theirs is to come back.
    removed: HashSet<Box<str>>,
    is_changed: bool,
}

/// A row of `plugins/books/1` on its way.
struct Page {
    shelf: Arc<Shelf>,
    key: Vec<u8>,
    usage: Usage,
    /// The place as it was; nothing if there was no row.
    sealed: Option<Vec<u8>>,
    standing: Option<Standing>,
    dropped: u64,
}

/// What a batch has to tell once it is on disk.
#[derive(Default)]
pub(super) struct Written {
    pub(super) is_changed: bool,
    /// By plugin, how many events of its quarantine made room.
    dropped: Vec<(Arc<Shelf>, u64)>,
}

impl Written {
    pub(super) fn tell(&self) {
        for (shelf, events) in &self.dropped {
            metrics::dropped(&shelf.name, *events);
        }
    }
}

impl<'t> Batch<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        entropy: &'t dyn Entropy,
    ) -> Result<Self, LedgerError> {
        let (pages, removed) = (HashMap::new(), HashSet::new());
        Ok(Self { tables: Tables::open(transaction)?, entropy, pages, removed, is_changed: false })
    }

    pub(super) fn apply(&mut self, job: &Job) -> Result<(), LedgerError> {
        match job {
            // Handed in behind the removal, and built on what is gone.
            Job::Call(call) if self.removed.contains(&call.shelf.name) => Ok(()),
            Job::Call(call) => self.write_call(call),
            Job::Deliver { shelf, sending, delivery } => self.deliver(shelf, *sending, delivery),
            Job::Release { shelf, number } => self.release(shelf, *number),
            Job::Remove { plugin, .. } => self.remove(plugin),
            Job::Settle { .. } => Ok(()),
        }
    }

    /// Writes the place that a plugin left behind, and notes that in `taken`; false if a call before it is not here yet.
    pub(super) fn flush(
        &mut self,
        shelf: &Arc<Shelf>,
        taken: &mut Vec<(Arc<Shelf>, Taken)>,
    ) -> Result<bool, LedgerError> {
        if self.removed.contains(&shelf.name) {
            return Ok(true);
        }
        match shelf.take_lazy() {
            TakenLazy::Nothing => Ok(true),
            TakenLazy::Early => Ok(false),
            TakenLazy::Taken(place) => {
                let standing = place.lazy.standing.clone();
                taken.push((Arc::clone(shelf), place));
                self.page(shelf)?.standing = Some(standing);
                self.is_changed = true;
                Ok(true)
            }
        }
    }

    /// Writes what is written once for all jobs. The transaction is to be committed then.
    pub(super) fn finish(mut self) -> Result<Written, LedgerError> {
        let mut written = Written { is_changed: self.is_changed, dropped: Vec::new() };
        for page in std::mem::take(&mut self.pages).into_values() {
            let Page { shelf, key, mut usage, sealed, standing, dropped } = page;
            let sealed = match (standing, sealed) {
                (Some(Standing { place, keys, bytes, timers }), _) => {
                    usage = Usage { keys, bytes, timers, ..usage };
                    shelf.sealer.seal(BOOKS_NAME, &key, &place.encode(), self.entropy)
                }
                (None, Some(sealed)) => sealed,
                // Nothing is known of the plugin, so whatever was asked found nothing to do.
                (None, None) => continue,
            };
            let row = [usage.encode().as_slice(), &sealed].concat();
            self.tables.books.insert(key.as_slice(), row.as_slice())?;
            if dropped > 0 {
                written.dropped.push((shelf, dropped));
            }
        }
        Ok(written)
    }

    fn page(&mut self, shelf: &Arc<Shelf>) -> Result<&mut Page, LedgerError> {
        let owner = *shelf.sealer.owner();
        match self.pages.entry(owner) {
            std::collections::hash_map::Entry::Occupied(page) => Ok(page.into_mut()),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let key = book_key(&shelf.name, &owner);
                let row = self.tables.books.get(key.as_slice())?;
                let (usage, sealed) = match &row {
                    None => (Usage::default(), None),
                    Some(row) => {
                        let (usage, sealed) = decoded(BOOKS_NAME, Usage::split(row.value()))?;
                        (usage, Some(sealed.to_vec()))
                    }
                };
                drop(row);
                let shelf = Arc::clone(shelf);
                Ok(vacant.insert(Page { shelf, key, usage, sealed, standing: None, dropped: 0 }))
            }
        }
    }

    fn write_call(&mut self, call: &Call) -> Result<(), LedgerError> {
        self.is_changed = true;
        let tables = &mut self.tables;
        for (table, rows) in [
            (&mut tables.kv, &call.values),
            (&mut tables.keys, &call.keys),
            (&mut tables.timers, &call.timers),
        ] {
            for (key, sealed) in rows {
                match sealed {
                    Some(sealed) => table.insert(key, sealed.as_slice())?,
                    None => table.remove(key)?,
                };
            }
        }
        for (key, sealed) in &call.sends {
            self.tables.outbox.insert(key, [&0_u32.to_be_bytes(), sealed.as_slice()].concat().as_slice())?;
        }
        self.page(&call.shelf)?.usage.queued += call.sends.len() as u64;
        for number in &call.withdrawn {
            self.withdraw(&call.shelf, *number, call.now_ms)?;
        }
        if let Some(number) = call.released {
            self.release(&call.shelf, number)?;
        }
        if let Some(aside) = &call.aside {
            self.put_aside(&call.shelf, aside)?;
        }
        self.page(&call.shelf)?.standing = Some(call.standing.clone());
        call.shelf.set_applied(call.number);
        Ok(())
    }

    fn release(&mut self, shelf: &Arc<Shelf>, number: u64) -> Result<(), LedgerError> {
        let was_there = self.tables.quarantine.remove(&shelf.sealer.numbered(number))?.is_some();
        if was_there {
            self.is_changed = true;
            let usage = &mut self.page(shelf)?.usage;
            usage.quarantined = usage.quarantined.saturating_sub(1);
        }
        Ok(())
    }

    fn put_aside(&mut self, shelf: &Arc<Shelf>, aside: &NewAside) -> Result<(), LedgerError> {
        self.tables.quarantine.insert(&aside.key, aside.sealed.as_slice())?;
        let (first, last) = (shelf.sealer.numbered(0), shelf.sealer.numbered(u64::MAX));
        let page = self.page(shelf)?;
        page.usage.quarantined += 1;
        let surplus =
            usize::try_from(page.usage.quarantined.saturating_sub(aside.at_most)).unwrap_or(usize::MAX);
        let mut n_dropped = 0;
        let all = self.tables.quarantine.extract_from_if::<&Numbered, _>(&first..=&last, |_, _| true)?;
        // The iterator takes out what it passes, so it must not be asked for one more.
        for row in all.take(surplus) {
            row?;
            n_dropped += 1;
        }
        let page = self.page(shelf)?;
        page.usage.quarantined -= n_dropped;
        page.usage.dropped += n_dropped;
        page.dropped += n_dropped;
        Ok(())
    }

    fn remove(&mut self, plugin: &str) -> Result<(), LedgerError> {
        let (first, last) = ([plugin.as_bytes(), &[0]].concat(), [plugin.as_bytes(), &[1]].concat());
        let mut owners: Vec<Owner> = Vec::new();
        for row in self.tables.books.range::<&[u8]>(first.as_slice()..last.as_slice())? {
            let key = row?.0;
            owners.push(*decoded(BOOKS_NAME, key.value().last_chunk::<OWNER_LEN>())?);
        }
        // What was handed in before, in this same transaction, may have no row yet.
        owners.extend(
            self.pages.iter().filter(|(_, page)| *page.shelf.name == *plugin).map(|(owner, _)| *owner),
        );
        for owner in owners {
            self.pages.remove(&owner);
            self.tables.books.remove(book_key(plugin, &owner).as_slice())?;
            self.tables.remove_all(&owner)?;
            self.is_changed = true;
        }
        self.removed.insert(plugin.into());
        Ok(())
    }
}
