//! One plugin of one account in memory: what it keeps as of the last accepted call, and what of that is not on disk yet.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    LedgerError, Quotas,
    changes::{Changes, Value},
    held::{Held, lock},
    recent::Recent,
    rows::{Firing, Place, Usage},
    sealing::Sealer,
};

/// What the books and drafts of a plugin share with the writer.
pub(super) struct Shelf {
    pub(super) name: Box<str>,
    pub(super) sealer: Sealer,
    /// Raised by the writer when something of the plugin was undone; whatever was begun before is refused.
    epoch: AtomicU64,
    /// Number of the last call that is in the writer's transaction, or on disk.
    applied: AtomicU64,
    /// Number of the last call that is on disk.
    durable: AtomicU64,
    lazy: Mutex<LazyPlace>,
    core: Mutex<Core>,
}

/// A place to be written by and by.
#[derive(Default)]
struct LazyPlace {
    lazy: Option<Lazy>,
    /// Counts the calls that have taken it along.
    superseded: u64,
}

/// Where a plugin stands, as of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) place: Place,
    pub(super) keys: u64,
    pub(super) bytes: u64,
    pub(super) timers: u64,
}

/// A place that moved without effects, and may be written when there is something to commit anyway.
pub(super) struct Lazy {
    pub(super) epoch: u64,
    /// The call that has to be on disk before.
    pub(super) after: u64,
    pub(super) standing: Standing,
}

impl Shelf {
    pub(super) fn new(name: &str, at_rest: &[u8; 32], quotas: Quotas) -> Self {
        Self {
            name: name.into(),
            sealer: Sealer::new(name, at_rest),
            epoch: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            lazy: Mutex::default(),
            core: Mutex::new(Core::new(quotas)),
        }
    }

    /// Locks what is in memory. Held for single steps only, never while anything is awaited.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    /// As [`Shelf::core`], read from the disk anew if something was undone since.
    pub(super) fn fresh_core(&self, held: &Held) -> Result<MutexGuard<'_, Core>, LedgerError> {
        let mut core = self.core();
        let epoch = self.epoch();
        if core.epoch != Some(epoch) {
            core.load(self, held)?;
            core.epoch = Some(epoch);
        }
        Ok(core)
    }

    /// Lets memory forget what is on disk. Only between two drafts: the snapshot of one may be older.
    pub(super) fn forget_written(&self, core: &mut Core) {
        core.forget_up_to(self.durable.load(Ordering::Acquire));
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What is in memory is not to be relied upon any more.
    pub(super) fn undo(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn set_applied(&self, call: u64) {
        self.applied.fetch_max(call, Ordering::AcqRel);
    }

    pub(super) fn set_durable(&self, call: u64) {
        self.durable.fetch_max(call, Ordering::AcqRel);
    }

    /// Leaves a place to be written by and by; says whether there was none before.
    pub(super) fn leave(&self, lazy: Lazy) -> bool {
        lock(&self.lazy).lazy.replace(lazy).is_none()
    }

    /// Whatever was left is part of a call that the writer is given now.
    pub(super) fn supersede_lazy(&self) {
        let mut place = lock(&self.lazy);
        place.lazy = None;
        place.superseded += 1;
    }

    /// Is there a place to be written?
    pub(super) fn has_lazy(&self) -> bool {
        lock(&self.lazy).lazy.is_some()
    }

    /// It was not written after all. It is left again, unless there is a later one by now.
    pub(super) fn put_back(&self, Taken { lazy, superseded }: Taken) {
        let mut place = lock(&self.lazy);
        if place.lazy.is_none() && place.superseded == superseded {
            place.lazy = Some(lazy);
        }
    }

    /// The place that was left, if the calls before it are in the writer's transaction.
    pub(super) fn take_lazy(&self) -> TakenLazy {
        let mut place = lock(&self.lazy);
        match place.lazy.take() {
            Some(taken) if taken.epoch != self.epoch() => TakenLazy::Nothing,
            Some(lazy) if lazy.after <= self.applied.load(Ordering::Acquire) => {
                TakenLazy::Taken(Taken { lazy, superseded: place.superseded })
            }
            Some(early) => {
                place.lazy = Some(early);
                TakenLazy::Early
            }
            None => TakenLazy::Nothing,
        }
    }
}

/// What came of asking for a place that was left.
pub(super) enum TakenLazy {
    Taken(Taken),
    /// A call before it waits for a later transaction, and so does the place.
    Early,
    Nothing,
}

/// A place that the writer has taken.
pub(super) struct Taken {
    pub(super) lazy: Lazy,
    superseded: u64,
}

/// The memory of a plugin, ahead of the disk by the calls in `layers`.
pub(super) struct Core {
    /// As of which epoch this was read; never, before the first time.
    pub(super) epoch: Option<u64>,
    /// Counts drafts; only the last can be accepted.
    pub(super) turn: u64,
    /// Number of the last accepted call that had effects.
    pub(super) last_call: u64,
    pub(super) quotas: Quotas,
    pub(super) standing: Standing,
    /// Ahead of the one in `standing` by what was undone: its numbers are not given again.
    pub(super) next_sending: u64,
    pub(super) timers: BTreeMap<Box<str>, Firing>,
    pub(super) next_due: Option<u64>,
    /// Values that are not on disk yet.
    overlay: HashMap<Box<str>, Overlaid>,
    layers: VecDeque<Layer>,
    recent: Recent,
    /// All keys in their order, once somebody has asked for it.
    index: Option<BTreeSet<Box<str>>>,
}

struct Overlaid {
    call: u64,
    value: Option<Value>,
}

/// A call that is not on disk yet.
struct Layer {
    call: u64,
    keys: Vec<Box<str>>,
    n_sends: u64,
    texts: Vec<u64>,
    withdrawn: BTreeSet<u64>,
}

impl Core {
    fn new(quotas: Quotas) -> Self {
        Self {
            epoch: None,
            turn: 0,
            last_call: 0,
            quotas,
            standing: Standing::default(),
            next_sending: 1,
            timers: BTreeMap::new(),
            next_due: None,
            overlay: HashMap::new(),
            layers: VecDeque::new(),
            recent: Recent::default(),
            index: None,
        }
    }

    fn load(&mut self, shelf: &Shelf, held: &Held) -> Result<(), LedgerError> {
        let (usage, place, timers) = held.read(|view| {
            let (usage, place) = view.book(&shelf.name, &shelf.sealer)?;
            Ok((usage, place, view.timers(&shelf.sealer)?))
        })?;
        let Usage { keys, bytes, .. } = usage;
        self.overlay.clear();
        self.layers.clear();
        self.recent.clear();
        self.index = None;
        self.next_sending = self.next_sending.max(place.next_sending);
        self.standing = Standing { place, keys, bytes, timers: timers.len() as u64 };
        self.timers = timers;
        self.find_next_due();
        Ok(())
    }

    fn find_next_due(&mut self) {
        self.next_due = self.timers.values().map(|firing| firing.due_at).min();
    }

    fn forget_up_to(&mut self, durable: u64) {
        while let Some(layer) = self.layers.pop_front_if(|layer| layer.call <= durable) {
            for key in &layer.keys {
                if self.overlay.get(key).is_some_and(|overlaid| overlaid.call == layer.call) {
                    self.overlay.remove(key);
                }
            }
        }
    }

    /// The last call that is not on disk yet; 0 if there is none.
    pub(super) fn last_in_flight(&self) -> u64 {
        self.layers.back().map_or(0, |layer| layer.call)
    }

    /// Calls that are not on disk yet.
    pub(super) fn n_in_flight(&self) -> usize {
        self.layers.len()
    }

    /// What waits to be sent and is not on disk yet.
    pub(super) fn n_sends(&self) -> u64 {
        self.layers.iter().map(|layer| layer.n_sends).sum()
    }

    /// Is that a text of a call that is not on disk yet? Not one that was taken back since.
    pub(super) fn has_text(&self, number: u64) -> bool {
        self.layers.iter().any(|layer| layer.texts.contains(&number))
    }

    /// Was that taken back by a call that is not on disk yet?
    pub(super) fn has_withdrawn(&self, number: u64) -> bool {
        self.layers.iter().any(|layer| layer.withdrawn.contains(&number))
    }

    /// The value of a key as of the last accepted call, if it is in memory.
    pub(super) fn known(&self, key: &str) -> Option<Option<Value>> {
        match self.overlay.get(key) {
            Some(overlaid) => Some(overlaid.value.clone()),
            None => self.recent.get(key),
        }
    }

    /// Keeps a value in memory that the draft of that turn and epoch read from the disk. An older draft may have read an older value.
    pub(super) fn keep(&mut self, turn: u64, epoch: Option<u64>, key: &str, value: Option<Value>) {
        if turn == self.turn && epoch == self.epoch {
            self.recent.put(key, value);
        }
    }

    /// All keys in their order.
    pub(super) fn index(&mut self, shelf: &Shelf, held: &Held) -> Result<&BTreeSet<Box<str>>, LedgerError> {
        let index = match self.index.take() {
            Some(index) => index,
            None => {
                let mut index = held.read(|view| view.keys(&shelf.sealer))?;
                for (key, overlaid) in &self.overlay {
                    note(&mut index, key, overlaid.value.is_some());
                }
                index
            }
        };
        Ok(self.index.insert(index))
    }

    /// The place moves without effects.
    pub(super) fn move_on(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// The changes were handed to the writer as that call.
    pub(super) fn push(&mut self, call: u64, changes: Changes, standing: Standing) {
        let Changes { values, timers, sends, withdrawn } = changes;
        let keys = values.keys().cloned().collect();
        for (key, change) in values {
            if let Some(index) = &mut self.index {
                note(index, &key, change.value.is_some());
            }
            self.recent.put(&key, change.value.clone());
            self.overlay.insert(key, Overlaid { call, value: change.value });
        }
        if !timers.is_empty() {
            for (name, firing) in timers {
                match firing {
                    Some(firing) => self.timers.insert(name, firing),
                    None => self.timers.remove(&name),
                };
            }
            self.find_next_due();
        }
        let texts =
            sends.iter().filter(|(_, outgoing)| outgoing.is_text()).map(|(number, _)| *number).collect();
        self.layers.push_back(Layer { call, keys, n_sends: sends.len() as u64, texts, withdrawn });
        self.last_call = call;
        self.standing = standing;
    }
}

fn note(index: &mut BTreeSet<Box<str>>, key: &str, is_there: bool) {
    if !is_there {
        index.remove(key);
    } else if !index.contains(key) {
        index.insert(key.into());
    }
}
