//! Counting in windows of time, and forgetting windows that are over.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_plugin::{Error, FilterHost, Timestamp};

use crate::settings::Settings;

/// Every so many items, old windows are looked for.
const EVERY: i64 = 32;
/// So many keys are looked at then: more than can have come since, so the store does not grow without end.
const LOOKED_AT: usize = 128;

/// How many came since the window began. In the store it is JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Window {
    since: Timestamp,
    count: u32,
}

impl Window {
    /// Counts one more in the window of that key, and answers how many there are; a new one begins when the last is over.
    pub(crate) fn count(host: &FilterHost, key: &str, length: Duration) -> Result<u32, Error> {
        let now = host.clock().now()?;
        let running = host.kv().get_json::<Window>(key)?.filter(|window| window.is_running(now, length));
        let mut window = running.unwrap_or(Window { since: now, count: 0 });
        window.count = window.count.saturating_add(1);
        host.kv().set_json(key, &window)?;
        Ok(window.count)
    }

    fn is_running(&self, now: Timestamp, length: Duration) -> bool {
        now.since(self.since) < length
    }
}

/// Now and then, deletes windows that are over.
pub(crate) fn sometimes(host: &FilterHost, settings: &Settings) -> Result<(), Error> {
    if host.kv().increment("seen", 1)? % EVERY != 0 {
        return Ok(());
    }
    let now = host.clock().now()?;
    for (prefix, length) in [("rate/", settings.rate.window), ("repeat/", settings.repeats.window)] {
        let cursor = format!("sweep/{prefix}");
        let after = host.kv().get_text(&cursor)?;
        let mut last = None;
        for key in host.kv().keys_after(prefix, after.as_deref()).take(LOOKED_AT) {
            let key = key?;
            let is_over = |window: Window| !window.is_running(now, length);
            if host.kv().get_json(&key)?.is_none_or(is_over) {
                host.kv().delete(&key)?;
            }
            last = Some(key);
        }
        // Behind the last key it begins again with the first.
        match last {
            Some(last) => host.kv().set_text(&cursor, &last)?,
            None => drop(host.kv().delete(&cursor)?),
        }
    }
    Ok(())
}
