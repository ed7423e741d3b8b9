//! Randomness.

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// Randomness, fit for keys. Needs `random`.
#[derive(Clone, Copy)]
pub struct Random<'a> {
    backing: &'a Backing,
}

impl<'a> Random<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// So many random bytes, at most 65,536.
    pub fn bytes(&self, n: u32) -> Result<Vec<u8>, Error> {
        self.backing.random_bytes(n)
    }

    /// A random number.
    pub fn number(&self) -> Result<u64, Error> {
        self.backing.random_number()
    }

    /// One of these, each as likely as the next; nothing when there are none.
    pub fn choose<'t, T>(&self, from: &'t [T]) -> Result<Option<&'t T>, Error> {
        let Ok(n @ 1..) = u64::try_from(from.len()) else { return Ok(None) };
        // Numbers behind the last whole multiple of n would make the first ones likelier.
        let bound = u64::MAX - u64::MAX % n;
        loop {
            let number = self.number()?;
            if number < bound {
                return Ok(usize::try_from(number % n).ok().and_then(|index| from.get(index)));
            }
        }
    }
}
