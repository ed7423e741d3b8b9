//! Being called later.

use std::time::Duration;

use crate::{
    Error, Timestamp,
    imports::{Backing, Imports as _},
    timestamp::millis,
};

/// Timers, which call [`on_timer`](crate::Bot::on_timer) with their names. Needs `timers`.
///
/// They are part of the call's transaction and survive restarts; one that came due while the process was down fires once at
/// its start. Names are the plugin's own, of 1 to 256 bytes; setting one again replaces it.
#[derive(Clone, Copy)]
pub struct Timers<'a> {
    backing: &'a Backing,
}

/// A timer that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// The plugin's own name for it.
    pub name: String,
    /// When it fires next.
    pub due_at: Timestamp,
    /// The time between its firings, when it fires again and again.
    pub every: Option<Duration>,
}

impl<'a> Timers<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// Fires once, after that time.
    pub fn set(&self, name: &str, after: Duration) -> Result<(), Error> {
        self.backing.timers_set(name, millis(after), None)
    }

    /// Fires again and again, each time after `every`, which is at least a second.
    pub fn repeat(&self, name: &str, every: Duration) -> Result<(), Error> {
        self.backing.timers_set(name, millis(every), Some(millis(every)))
    }

    /// Takes a timer back; says whether it was set.
    pub fn cancel(&self, name: &str) -> Result<bool, Error> {
        self.backing.timers_cancel(name)
    }

    /// Timers whose names begin with `prefix`, in the order of their names; at most 100, from behind `after` on.
    pub fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Timer>, Error> {
        self.backing.timers_list_set(prefix, after)
    }
}
