//! Timers by name.

use std::ops::Bound::Unbounded;

use super::{
    Draft, check_name,
    values::{merged, start},
};
use crate::{
    call::Timer,
    ledger::{DraftError, MAX_TIMERS_LISTED, MIN_TIMER_PERIOD_MS, rows::Firing},
};

const NAME: &str = "a timer's name";

impl Draft {
    /// Sets a timer, in place of one with the same name: it fires `after` milliseconds from now, and then `every` so many.
    ///
    /// # Errors
    /// A name of another length than names have, too short a period, or too many timers.
    pub fn set_timer(&mut self, name: &str, after: u64, every: Option<u64>) -> Result<(), DraftError> {
        check_name(NAME, name)?;
        if let Some(every) = every.filter(|every| *every < MIN_TIMER_PERIOD_MS) {
            let reason = format!(
                "a timer fires at most every {MIN_TIMER_PERIOD_MS} milliseconds, and not every {every}"
            );
            return Err(DraftError::InvalidArgument(reason));
        }
        let core = self.shelf().core();
        let is_set = match self.changes.timers.get(name) {
            Some(change) => change.is_some(),
            None => core.timers.contains_key(name),
        };
        if !is_set && self.changes.n_timers(&core.timers) >= self.quotas.timers {
            return Err(DraftError::used_up("timers"));
        }
        drop(core);
        let firing = Firing { due_at: self.now_ms.saturating_add(after), every };
        self.changes.timers.insert(name.into(), Some(firing));
        Ok(())
    }

    /// Takes a timer back; says whether it was set.
    ///
    /// # Errors
    /// A name of another length than names have.
    pub fn cancel_timer(&mut self, name: &str) -> Result<bool, DraftError> {
        check_name(NAME, name)?;
        let was_set_before = self.shelf().core().timers.contains_key(name);
        let is_set = self.changes.timers.get(name).map_or(was_set_before, Option::is_some);
        if is_set {
            self.changes.cancel(name, was_set_before);
        }
        Ok(is_set)
    }

    /// Timers whose names begin with `prefix` and come behind `after`, in the order of their names; at most [`MAX_TIMERS_LISTED`].
    pub fn list_timers(&self, prefix: &str, after: Option<&str>) -> Vec<Timer> {
        let range = (start(prefix, after), Unbounded);
        let core = self.shelf().core();
        let kept = core.timers.range::<str, _>(range).map(|(name, firing)| (&**name, *firing));
        let kept = kept.filter(|(name, _)| !self.changes.timers.contains_key(*name));
        let changed = self.changes.timers.range::<str, _>(range);
        let set = changed.filter_map(|(name, firing)| firing.map(|firing| (&**name, firing)));
        merged(kept, set)
            .take_while(|(name, _)| name.starts_with(prefix))
            .take(MAX_TIMERS_LISTED)
            .map(|(name, Firing { due_at, every })| Timer { name: name.to_owned(), due_at, every })
            .collect()
    }
}
