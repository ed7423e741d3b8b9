//! Secrets that the operator lends this plugin.

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// Secrets, known by their names and never listed.
///
/// One that only goes into a header of a request needs neither of these: see
/// [`secret_header`](crate::RequestBuilder::secret_header).
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    backing: &'a Backing,
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// Whether there is a secret of that name. Needs `secret` for the name.
    pub fn exists(&self, name: &str) -> Result<bool, Error> {
        self.backing.secrets_exists(name)
    }

    /// The secret itself, which must not be logged, sent or kept. Needs `secret-reveal` for the name.
    pub fn reveal(&self, name: &str) -> Result<String, Error> {
        self.backing.secrets_reveal(name)
    }
}
