//! Values by key.

use std::{
    collections::BTreeMap,
    iter::Peekable,
    ops::Bound::{self, Excluded, Included, Unbounded},
    sync::Arc,
};

use super::{Draft, check_name};
use crate::ledger::{
    DraftError, LedgerError, MAX_KEYS_LISTED, MAX_VALUE_BYTES,
    changes::{Change, Value},
    writes,
};

const KEY: &str = "a key";

impl Draft {
    /// The value of a key.
    ///
    /// # Errors
    /// A key of another length than keys have; or the file cannot be read.
    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, DraftError> {
        check_name(KEY, key)?;
        match self.known(key) {
            Some(value) => Ok(value.map(|value| value.to_vec())),
            None => {
                let value = self.read(|view, shelf| view.value(&shelf.sealer, key))?;
                let kept = value.as_deref().map(Value::from);
                self.shelf().core().keep(self.turn, self.epoch, key, kept);
                Ok(value)
            }
        }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// A key or value of another length than they have, a full store, more than a call may write; or the file cannot be read.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), DraftError> {
        check_name(KEY, key)?;
        if value.len() > MAX_VALUE_BYTES {
            let reason = format!("a value has at most {MAX_VALUE_BYTES} bytes, and not {}", value.len());
            return Err(DraftError::InvalidArgument(reason));
        }
        let old_len = self.value_len(key)?;
        let (key_len, new_len) = (key.len() as u64, value.len() as u64);
        let (keys, bytes) = match old_len {
            None => (self.keys + 1, self.bytes + key_len + new_len),
            Some(old_len) => (self.keys, self.bytes - old_len as u64 + new_len),
        };
        // A store that is over a quota which was lowered may still shrink.
        if keys > self.quotas.keys && keys > self.keys {
            return Err(DraftError::used_up("keys"));
        }
        if bytes > self.quotas.bytes && bytes > self.bytes {
            return Err(DraftError::used_up("bytes"));
        }
        self.afford(writes(value.len()))?;
        (self.keys, self.bytes) = (keys, bytes);
        self.change(key, old_len.is_some(), Some(value.into()));
        Ok(())
    }

    /// Deletes a key; says whether it was there.
    ///
    /// # Errors
    /// As of [`Draft::get`], and when it is more than a call may write.
    pub fn delete(&mut self, key: &str) -> Result<bool, DraftError> {
        check_name(KEY, key)?;
        let Some(old_len) = self.value_len(key)? else { return Ok(false) };
        self.afford(writes(0))?;
        self.keys -= 1;
        self.bytes -= key.len() as u64 + old_len as u64;
        self.change(key, true, None);
        Ok(true)
    }

    /// Sets a key to `new`, or deletes it, if its value is `expected`; says whether it was.
    ///
    /// # Errors
    /// As of [`Draft::set`].
    pub fn compare_and_swap(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, DraftError> {
        if self.get(key)?.as_deref() != expected {
            return Ok(false);
        }
        match new {
            Some(value) => self.set(key, value)?,
            None => {
                self.delete(key)?;
            }
        }
        Ok(true)
    }

    /// Adds to a number in decimal digits, which begins at zero; says what it is now.
    ///
    /// # Errors
    /// As of [`Draft::set`], and when the value is no number or the sum does not fit.
    pub fn increment(&mut self, key: &str, by: i64) -> Result<i64, DraftError> {
        let number: i64 = match self.get(key)? {
            None => 0,
            Some(value) => {
                std::str::from_utf8(&value).ok().and_then(|digits| digits.parse().ok()).ok_or_else(|| {
                    DraftError::InvalidArgument(
                        "the value of the key is no number of decimal digits in 64 bits".to_owned(),
                    )
                })?
            }
        };
        let sum = number.checked_add(by).ok_or_else(|| {
            DraftError::InvalidArgument(format!("the sum of {number} and {by} does not fit into 64 bits"))
        })?;
        self.set(key, sum.to_string().as_bytes())?;
        Ok(sum)
    }

    /// Keys that begin with `prefix` and come behind `after`, in the order of their bytes; at most `limit`, and [`MAX_KEYS_LISTED`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list_keys(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, DraftError> {
        let limit = limit.min(MAX_KEYS_LISTED);
        let range = (start(prefix, after), Unbounded);
        let mut core = self.book.shelf.core();
        let index = core.index(&self.book.shelf, &self.book.ledger.shared.held);
        let index = index.inspect_err(|error| self.failed = Some(error.clone()))?;
        let changed = |key: &str| self.changes.values.contains_key(key);
        let kept = index.range::<str, _>(range).map(|key| &**key).filter(|key| !changed(key));
        let set = set_keys(&self.changes.values, range);
        let keys = merged(kept, set).take_while(|key| key.starts_with(prefix)).take(limit);
        Ok(keys.map(str::to_owned).collect())
    }

    /// The value as this call sees it, if that is in memory.
    fn known(&self, key: &str) -> Option<Option<Value>> {
        match self.changes.values.get(key) {
            Some(change) => Some(change.value.clone()),
            None => self.shelf().core().known(key),
        }
    }

    fn value_len(&mut self, key: &str) -> Result<Option<usize>, LedgerError> {
        match self.known(key) {
            Some(value) => Ok(value.map(|value| value.len())),
            None => self.read(|view, shelf| view.value_len(&shelf.sealer, key)),
        }
    }

    /// Counts what is written; one commit must not keep the disk from others for long.
    fn afford(&mut self, writes: u64) -> Result<(), DraftError> {
        let n_writes = self.n_writes + writes;
        if self.has_write_quota && n_writes > self.quotas.writes_per_call {
            return Err(DraftError::used_up("writes in one call"));
        }
        self.n_writes = n_writes;
        Ok(())
    }

    fn change(&mut self, key: &str, is_there: bool, value: Option<Arc<[u8]>>) {
        let change =
            self.changes.values.entry(key.into()).or_insert(Change { was_there: is_there, value: None });
        change.value = value;
        if change.value.is_none() && !change.was_there {
            // Set and deleted in this same call: nothing has happened.
            self.changes.values.remove(key);
        }
    }
}

/// Where keys that begin with `prefix` and come behind `after` begin.
pub(super) fn start<'a>(prefix: &'a str, after: Option<&'a str>) -> Bound<&'a str> {
    match after {
        Some(after) if after >= prefix => Excluded(after),
        _ => Included(prefix),
    }
}

fn set_keys<'a>(
    changes: &'a BTreeMap<Box<str>, Change>,
    range: (Bound<&str>, Bound<&str>),
) -> impl Iterator<Item = &'a str> {
    let changes = changes.range::<str, _>(range);
    changes.filter(|(_, change)| change.value.is_some()).map(|(key, _)| &**key)
}

/// Two ascending sequences with nothing in common as one.
pub(super) fn merged<T: Ord>(
    left: impl Iterator<Item = T>,
    right: impl Iterator<Item = T>,
) -> impl Iterator<Item = T> {
    let (mut left, mut right): (Peekable<_>, Peekable<_>) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(first), Some(second)) if second < first => right.next(),
        (Some(_), _) => left.next(),
        (None, _) => right.next(),
    })
}
