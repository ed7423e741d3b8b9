//! How much a plugin may keep, and how the writer collects.

use std::time::Duration;

/// Longest key of a value and longest name of a timer, in bytes; the shortest has one.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// What a write is, in bytes: a key that is set or deleted, a timer or something to be sent counts once, and a longer value once for
/// each so many bytes that it begins.
pub const WRITE_BYTES: usize = 4 * 1024;
/// Most keys in one listing.
pub const MAX_KEYS_LISTED: usize = 1000;
/// Most timers in one listing.
pub const MAX_TIMERS_LISTED: usize = 100;
/// Shortest time between two firings of a timer.
pub const MIN_TIMER_PERIOD_MS: u64 = 1000;
/// Longest name of a plugin, in bytes.
pub const MAX_PLUGIN_NAME_BYTES: usize = 128;
/// Longest text that is queued, in bytes: 2,000 characters of four bytes each, and as much again for what a host adds.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024;
/// Longest part of an address of what is queued, in bytes.
pub(super) const MAX_ADDRESS_BYTES: usize = 1024;
/// Longest version of a plugin and longest reason of a quarantined event that are kept, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1024;
/// How long a sent message can be taken back.
pub(super) const SENT_KEPT_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// When a plugin whose queue is full may ask again, in milliseconds.
pub(super) const QUEUE_RETRY_MS: u32 = 10_000;

/// How much one plugin may keep. Read anew at every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Most keys with a value.
    pub keys: u64,
    /// Most bytes of keys and values together.
    pub bytes: u64,
    /// Most that one call may write to its store, in writes of [`WRITE_BYTES`]; what it writes twice counts twice.
    pub writes_per_call: u64,
    /// Most timers that are set.
    pub timers: usize,
    /// Most that one call may send; what it took back counts too.
    pub sends_per_call: usize,
    /// Most that may wait to be sent.
    pub queued: u64,
    /// Most events in quarantine; the oldest makes room for one more.
    pub quarantined: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            keys: 10_000,
            bytes: 10 << 20,
            writes_per_call: 500,
            timers: 256,
            sends_per_call: 16,
            queued: 256,
            quarantined: 100,
        }
    }
}

/// How many writes a value of so many bytes is.
pub const fn writes(len: usize) -> u64 {
    let writes = len.div_ceil(WRITE_BYTES) as u64;
    if writes == 0 { 1 } else { writes }
}

/// How a ledger is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most memory for pages of the file.
    pub cache_bytes: usize,
    /// Most calls in one commit.
    pub max_batch: usize,
    /// How long the writer waits for more calls, if there were several in its last commit.
    pub linger: Duration,
    /// How long a call may stay unwritten for which nobody waits: one that sends nothing, and an event that goes into quarantine.
    pub patience: Duration,
    /// Calls of all plugins that may wait for the writer.
    pub queue: usize,
    /// Calls of one plugin that may wait for the writer.
    pub in_flight: usize,
    /// How long a place that moved without effects may stay unwritten; at this pace the file is opened anew after a failure, too.
    pub flush_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            max_batch: 1024,
            linger: Duration::from_millis(2),
            patience: Duration::from_secs(1),
            queue: 4096,
            in_flight: 256,
            flush_every: Duration::from_secs(1),
        }
    }
}
