//! The store and the timers of a script: those of the ledger, kept in memory.

use std::{collections::BTreeMap, ops::Bound};

use crate::{
    bytes_text::BytesText,
    call::{HostError, HostReply, Timer},
    ledger::{
        MAX_KEYS_LISTED, MAX_NAME_BYTES, MAX_TIMERS_LISTED, MAX_VALUE_BYTES, MIN_TIMER_PERIOD_MS, Quotas,
        writes,
    },
};

type Answer = Result<HostReply, HostError>;

/// More can only be had in a later call.
const USED_UP: HostError = HostError::QuotaExceeded(u32::MAX);

/// What a plugin keeps. A copy of it is what a call goes back to when it fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    values: BTreeMap<String, Vec<u8>>,
    bytes: u64,
    /// What the call has written so far.
    n_writes: u64,
    timers: BTreeMap<String, Set>,
}

/// A timer that is set.
#[derive(Debug, Clone, Copy)]
struct Set {
    due_at: u64,
    every: Option<u64>,
}

impl Store {
    /// A call begins.
    pub(super) fn begin(&mut self) {
        self.n_writes = 0;
    }

    pub(super) fn get(&self, key: &str) -> Answer {
        check_name("key", key)?;
        Ok(HostReply::Value(self.values.get(key).cloned().map(BytesText)))
    }

    pub(super) fn set(&mut self, key: &str, value: Vec<u8>, quotas: &Quotas) -> Answer {
        check_name("key", key)?;
        self.put(key, value, quotas)?;
        Ok(HostReply::Done)
    }

    pub(super) fn delete(&mut self, key: &str, quotas: &Quotas) -> Answer {
        check_name("key", key)?;
        Ok(HostReply::Flag(self.take(key, quotas)?))
    }

    pub(super) fn list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Answer {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_KEYS_LISTED);
        Ok(HostReply::Names(
            behind(&self.values, prefix, after).take(limit).map(|(key, _)| key.clone()).collect(),
        ))
    }

    pub(super) fn compare_and_swap(
        &mut self,
        key: &str,
        expected: Option<&BytesText>,
        new: Option<BytesText>,
        quotas: &Quotas,
    ) -> Answer {
        check_name("key", key)?;
        if self.values.get(key) != expected.map(|expected| &expected.0) {
            return Ok(HostReply::Flag(false));
        }
        match new {
            Some(value) => self.put(key, value.0, quotas)?,
            None => drop(self.take(key, quotas)?),
        }
        Ok(HostReply::Flag(true))
    }

    pub(super) fn increment(&mut self, key: &str, by: i64, quotas: &Quotas) -> Answer {
        check_name("key", key)?;
        let refuse = |why: &str| HostError::InvalidArgument(why.to_owned());
        let held = match self.values.get(key) {
            None => 0,
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse::<i64>().ok())
                .ok_or_else(|| refuse("the value of the key is no number"))?,
        };
        let sum = held.checked_add(by).ok_or_else(|| refuse("the sum does not fit into 64 bits"))?;
        self.put(key, sum.to_string().into_bytes(), quotas)?;
        Ok(HostReply::Number(sum))
    }

    /// The value of a key, for an expectation.
    pub(super) fn value(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    pub(super) fn set_timer(
        &mut self,
        name: &str,
        due_at: u64,
        every: Option<u64>,
        quotas: &Quotas,
    ) -> Answer {
        check_name("name", name)?;
        if every.is_some_and(|every| every < MIN_TIMER_PERIOD_MS) {
            return Err(HostError::InvalidArgument(format!(
                "every is below {MIN_TIMER_PERIOD_MS}, the shortest time between two firings"
            )));
        }
        if !self.timers.contains_key(name) && self.timers.len() >= quotas.timers {
            return Err(USED_UP);
        }
        self.timers.insert(name.to_owned(), Set { due_at, every });
        Ok(HostReply::Done)
    }

    pub(super) fn cancel_timer(&mut self, name: &str) -> Answer {
        check_name("name", name)?;
        Ok(HostReply::Flag(self.timers.remove(name).is_some()))
    }

    pub(super) fn list_timers(&self, prefix: &str, after: Option<&str>) -> Answer {
        let timers = behind(&self.timers, prefix, after).take(MAX_TIMERS_LISTED);
        let timers =
            timers.map(|(name, set)| Timer { name: name.clone(), due_at: set.due_at, every: set.every });
        Ok(HostReply::Timers(timers.collect()))
    }

    /// The names of all timers, in order.
    pub(super) fn timers(&self) -> Vec<String> {
        self.timers.keys().cloned().collect()
    }

    /// Takes the timer that is due first, at `until` or before; one that comes again is set again.
    pub(super) fn fire(&mut self, until: u64) -> Option<(u64, String)> {
        let (name, set) = self.timers.iter().min_by_key(|(name, set)| (set.due_at, name.as_str()))?;
        let (name, Set { due_at, every }) = (name.clone(), *set);
        if due_at > until {
            return None;
        }
        match every {
            Some(every) => self
                .timers
                .insert(name.clone(), Set { due_at: due_at.saturating_add(every), every: Some(every) }),
            None => self.timers.remove(&name),
        };
        Some((due_at, name))
    }

    fn put(&mut self, key: &str, value: Vec<u8>, quotas: &Quotas) -> Result<(), HostError> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(HostError::InvalidArgument(format!(
                "the value has {} bytes, expected at most {MAX_VALUE_BYTES}",
                value.len()
            )));
        }
        let held = self.values.get(key).map_or(0, |held| size(key, held));
        let bytes = self.bytes - held + size(key, &value);
        let is_new = !self.values.contains_key(key);
        let too_many = is_new && self.values.len() >= usize::try_from(quotas.keys).unwrap_or(usize::MAX);
        if too_many || (bytes > quotas.bytes && bytes > self.bytes) {
            return Err(USED_UP);
        }
        self.afford(writes(value.len()), quotas)?;
        self.bytes = bytes;
        self.values.insert(key.to_owned(), value);
        Ok(())
    }

    fn take(&mut self, key: &str, quotas: &Quotas) -> Result<bool, HostError> {
        let Some(held) = self.values.get(key).map(|value| size(key, value)) else { return Ok(false) };
        self.afford(writes(0), quotas)?;
        self.values.remove(key);
        self.bytes -= held;
        Ok(true)
    }

    fn afford(&mut self, writes: u64, quotas: &Quotas) -> Result<(), HostError> {
        let n_writes = self.n_writes + writes;
        if n_writes > quotas.writes_per_call {
            return Err(USED_UP);
        }
        self.n_writes = n_writes;
        Ok(())
    }
}

/// What a value takes of the quota.
fn size(key: &str, value: &[u8]) -> u64 {
    u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX)
}

fn check_name(what: &str, name: &str) -> Result<(), HostError> {
    match name.len() {
        1..=MAX_NAME_BYTES => Ok(()),
        got => {
            Err(HostError::InvalidArgument(format!("{what} has {got} bytes, expected 1 to {MAX_NAME_BYTES}")))
        }
    }
}

/// Entries with that prefix behind `after`, in order.
fn behind<'a, T>(
    map: &'a BTreeMap<String, T>,
    prefix: &'a str,
    after: Option<&str>,
) -> impl Iterator<Item = (&'a String, &'a T)> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    map.range::<str, _>((from, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
}

#[cfg(test)]
mod tests;
