//! What a call has changed, before it is accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Outgoing, rows::Firing};

/// A value as it is shared between drafts.
pub(super) type Value = Arc<[u8]>;

/// What becomes of a key.
pub(super) struct Change {
    /// Was there a value before the call?
    pub(super) was_there: bool,
    /// The new value; nothing if the key is deleted.
    pub(super) value: Option<Value>,
}

/// Everything that a call has changed.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) values: BTreeMap<Box<str>, Change>,
    /// Timers that are set anew, or taken back.
    pub(super) timers: BTreeMap<Box<str>, Option<Firing>>,
    /// What is to be sent, by number.
    pub(super) sends: Vec<(u64, Outgoing)>,
    /// Messages of earlier calls that are taken back.
    pub(super) withdrawn: BTreeSet<u64>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        let Self { values, timers, sends, withdrawn } = self;
        values.is_empty() && timers.is_empty() && sends.is_empty() && withdrawn.is_empty()
    }

    /// Is there anything that is to leave, or not to leave?
    pub(super) fn is_to_be_sent(&self) -> bool {
        !self.sends.is_empty() || !self.withdrawn.is_empty()
    }

    /// How many timers are set with these changes.
    pub(super) fn n_timers(&self, before: &BTreeMap<Box<str>, Firing>) -> usize {
        self.timers.iter().fold(before.len(), |n, (name, change)| {
            match (change.is_some(), before.contains_key(name)) {
                (true, false) => n + 1,
                (false, true) => n - 1,
                _ => n,
            }
        })
    }

    /// Takes a timer back that was set before or in this call.
    pub(super) fn cancel(&mut self, name: &str, was_set_before: bool) {
        if was_set_before {
            self.timers.insert(name.into(), None);
        } else {
            self.timers.remove(name);
        }
    }
}
