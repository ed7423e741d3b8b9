//! Who the plugin speaks as.

use crate::{
    AccountId, Error,
    imports::{Backing, Imports as _},
};

/// The plugin's own account. Needs `identity`. No key is ever handed out.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    backing: &'a Backing,
}

impl<'a> Identity<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// The id of the plugin's own account.
    pub fn own_id(&self) -> Result<AccountId, Error> {
        self.backing.identity_own_id()
    }
}
