//! The time.

use crate::{
    Error, Timestamp,
    imports::{Backing, Imports as _},
};

/// The time. Needs `clock`.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    backing: &'a Backing,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// When this call began; the same throughout the call.
    pub fn now(&self) -> Result<Timestamp, Error> {
        self.backing.clock_now()
    }
}
