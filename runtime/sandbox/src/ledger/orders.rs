//! What the writer is asked to do.

use std::sync::Arc;

use super::{
    Sending, WRITE_BYTES,
    sealing::{Numbered, Tagged},
    shelf::{Shelf, Standing},
};

/// One thing to be written, whole or not at all.
pub(super) enum Job {
    /// The changes of a call.
    Call(Box<Call>),
    /// What became of something in an outbox.
    Deliver { shelf: Arc<Shelf>, sending: Sending, delivery: Delivery },
    /// An operator has done with an event in quarantine.
    Release { shelf: Arc<Shelf>, number: u64 },
    /// Nothing: it is answered when everything that the plugin has handed in before was written, or was not.
    Settle { shelf: Arc<Shelf> },
    /// Everything a plugin keeps is removed, in all accounts. Its shelves, as far as there are any in memory, are told.
    Remove { plugin: Box<str>, shelves: Vec<Arc<Shelf>> },
}

/// The sealed rows of a call, and where the plugin stands after it.
pub(super) struct Call {
    pub(super) shelf: Arc<Shelf>,
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) now_ms: u64,
    pub(super) standing: Standing,
    pub(super) values: Vec<(Tagged, Option<Vec<u8>>)>,
    pub(super) keys: Vec<(Tagged, Option<Vec<u8>>)>,
    pub(super) timers: Vec<(Tagged, Option<Vec<u8>>)>,
    pub(super) sends: Vec<(Numbered, Vec<u8>)>,
    pub(super) withdrawn: Vec<u64>,
    /// An event of the quarantine that is done with.
    pub(super) released: Option<u64>,
    pub(super) aside: Option<NewAside>,
    /// Does somebody wait for it to be written?
    pub(super) is_awaited: bool,
}

/// An event that is put into quarantine.
pub(super) struct NewAside {
    pub(super) key: Numbered,
    pub(super) sealed: Vec<u8>,
    /// Most events that may be there with it.
    pub(super) at_most: u64,
}

/// What became of something in an outbox.
pub(super) enum Delivery {
    /// A text was sent.
    Sent { sent_at: u64, conversation: String },
    /// A reaction or deletion was sent.
    Done,
    /// It could not be sent now.
    Postponed,
    /// It will never be sent.
    GivenUp,
}

impl Job {
    /// Does somebody wait for it to be written?
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::Call(call) => call.is_awaited,
            Self::Deliver { .. } | Self::Release { .. } | Self::Settle { .. } | Self::Remove { .. } => true,
        }
    }

    /// The plugin whose earlier jobs have to be written before; nothing if that is those of all.
    pub(super) fn shelf(&self) -> Option<&Arc<Shelf>> {
        match self {
            Self::Call(call) => Some(&call.shelf),
            Self::Deliver { shelf, .. } | Self::Release { shelf, .. } | Self::Settle { shelf } => Some(shelf),
            Self::Remove { .. } => None,
        }
    }

    /// About how many bytes it writes, but for what every job has.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Call(call) => {
                let values = call.values.iter().filter_map(|(_, value)| Some(value.as_ref()?.len()));
                let sends = call.sends.iter().map(|(_, sending)| sending.len());
                let aside = call.aside.as_ref().map_or(0, |aside| aside.sealed.len());
                let rows = call.values.len() + call.keys.len() + call.timers.len();
                values.chain(sends).sum::<usize>() + aside + rows * WRITE_BYTES
            }
            Self::Deliver { .. } | Self::Release { .. } | Self::Settle { .. } | Self::Remove { .. } => 0,
        }
    }

    /// Was something undone that this builds on?
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Call(call) if call.epoch != call.shelf.epoch())
    }

    /// What is in memory of this, and does not hold if it could not be written.
    pub(super) fn undo(&self) {
        if let Self::Call(call) = self {
            call.shelf.undo();
        }
    }

    /// It is on disk.
    pub(super) fn settled(&self) {
        match self {
            Self::Call(call) => call.shelf.set_durable(call.number),
            Self::Deliver { .. } | Self::Release { .. } | Self::Settle { .. } => {}
            Self::Remove { shelves, .. } => shelves.iter().for_each(|shelf| shelf.undo()),
        }
    }
}
