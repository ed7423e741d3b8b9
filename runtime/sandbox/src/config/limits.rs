//! How much a plugin may use: what the operator set, within what the host can bear, and what follows when nothing is set.

use std::{ops::RangeInclusive, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::{
    manifest::AskedLimits,
    values::{self, size_text},
};

/// The `[plugins.NAME.limits]` section; what is absent has its default, see [`Allowance`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The memory of an instance.
    #[serde(with = "values::size", skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// How long a call may take, the host's time included.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub call_time: Option<Duration>,
    /// Entries of all tables of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u32>,
    /// Keys and values in the plugin's store, together.
    #[serde(with = "values::size", skip_serializing_if = "Option::is_none")]
    pub kv_bytes: Option<ByteSize>,
    /// Keys in the plugin's store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_keys: Option<u32>,
    /// What one call writes to the plugin's store: keys that it sets or deletes, a value of more than 4 KiB as several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes_per_call: Option<u32>,
    /// What the plugin writes in a minute in the long run, counted likewise: keys, timers, and what it sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes_per_minute: Option<u32>,
    /// Timers that are set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timers: Option<u32>,
    /// Messages, reactions and deletions in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sends_per_call: Option<u32>,
    /// Messages, reactions and deletions in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sends_per_minute: Option<u32>,
    /// Requests to web servers in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_per_call: Option<u32>,
    /// Requests to web servers in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_per_minute: Option<u32>,
    /// The body of a web server's answer.
    #[serde(with = "values::size", skip_serializing_if = "Option::is_none")]
    pub http_body: Option<ByteSize>,
    /// Lines of the plugin's log in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines_per_minute: Option<u32>,
    /// Percent of one core in the long run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_share: Option<u32>,
    /// How often an event is offered again after a failed call, before it is put into quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

/// How much a plugin may use, all told. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields have the names and meanings of the settings' keys")]
pub struct Allowance {
    pub memory: u64,
    pub call_time: Duration,
    pub table_elements: u32,
    pub kv_bytes: u64,
    pub kv_keys: u32,
    pub writes_per_call: u32,
    pub writes_per_minute: u32,
    pub timers: u32,
    pub sends_per_call: u32,
    pub sends_per_minute: u32,
    pub http_per_call: u32,
    pub http_per_minute: u32,
    pub http_body: u64,
    pub log_lines_per_minute: u32,
    pub cpu_share: u32,
    pub retries: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64).as_u64(),
            call_time: Duration::from_secs(2),
            table_elements: 20_000,
            kv_bytes: ByteSize::mib(16).as_u64(),
            kv_keys: 10_000,
            writes_per_call: 500,
            writes_per_minute: 3_000,
            timers: 1_000,
            sends_per_call: 20,
            sends_per_minute: 60,
            http_per_call: 20,
            http_per_minute: 60,
            http_body: ByteSize::kib(256).as_u64(),
            log_lines_per_minute: 600,
            cpu_share: 25,
            retries: 5,
        }
    }
}

/// The longest call that an author can have by asking for it alone.
const MOST_ASKED_CALL_TIME: Duration = Duration::from_secs(10);
const CALL_TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(300);
const LEAST_MEMORY: u64 = 64 << 10;
const MOST_KV_BYTES: u64 = 16 << 30;
const MOST_HTTP_BODY: u64 = 16 << 20;

impl Allowance {
    /// What a plugin may use: what the operator `set`, else what its author `asked` for, else the default.
    ///
    /// # Errors
    /// A sentence about what the author asks for and the host does not give without the operator's word.
    pub fn resolve(host: &Config, asked: &AskedLimits, set: &LimitSettings) -> Result<Self, String> {
        let default = Self::default();
        Ok(Self {
            memory: memory(host, asked, set, default.memory)?,
            call_time: call_time(asked, set, default.call_time)?,
            table_elements: set.table_elements.unwrap_or(default.table_elements),
            kv_bytes: set.kv_bytes.map_or(default.kv_bytes, |size| size.as_u64()),
            kv_keys: set.kv_keys.unwrap_or(default.kv_keys),
            writes_per_call: set.writes_per_call.unwrap_or(default.writes_per_call),
            writes_per_minute: set.writes_per_minute.unwrap_or(default.writes_per_minute),
            timers: set.timers.unwrap_or(default.timers),
            sends_per_call: set.sends_per_call.unwrap_or(default.sends_per_call),
            sends_per_minute: set.sends_per_minute.unwrap_or(default.sends_per_minute),
            http_per_call: set.http_per_call.unwrap_or(default.http_per_call),
            http_per_minute: set.http_per_minute.unwrap_or(default.http_per_minute),
            http_body: set.http_body.map_or(default.http_body, |size| size.as_u64()),
            log_lines_per_minute: set.log_lines_per_minute.unwrap_or(default.log_lines_per_minute),
            cpu_share: set.cpu_share.unwrap_or(host.cpu_share),
            retries: set.retries.unwrap_or(default.retries),
        })
    }
}

fn memory(host: &Config, asked: &AskedLimits, set: &LimitSettings, default: u64) -> Result<u64, String> {
    let most = host.max_memory.as_u64();
    if let Some(set) = set.memory {
        return Ok(set.as_u64().min(most));
    }
    match asked.memory.map(|size| size.as_u64()) {
        Some(asked) if asked > most => Err(format!(
            "the plugin asks for {} of memory; the host allows {} (sandbox.max_memory)",
            size_text(asked),
            size_text(most)
        )),
        Some(asked) => Ok(asked),
        None => Ok(default.min(most)),
    }
}

fn call_time(asked: &AskedLimits, set: &LimitSettings, default: Duration) -> Result<Duration, String> {
    match (set.call_time, asked.call_time) {
        (Some(set), _) => Ok(set),
        (None, Some(asked)) if asked > MOST_ASKED_CALL_TIME => Err(format!(
            "the plugin asks for calls of {}; beyond {} the operator has to set call_time",
            humantime::format_duration(asked),
            humantime::format_duration(MOST_ASKED_CALL_TIME)
        )),
        (None, Some(asked)) => Ok(asked),
        (None, None) => Ok(default),
    }
}

impl LimitSettings {
    /// Checks what types cannot say; `section` is what the sentence begins with.
    ///
    /// # Errors
    /// A sentence that begins with the key.
    pub fn validate(&self, section: &str, host: &Config) -> Result<(), String> {
        for (key, size, range) in self.sizes(host) {
            if let Some(size) = size.map(|size| size.as_u64()).filter(|size| !range.contains(size)) {
                let (least, most) = (size_text(*range.start()), size_text(*range.end()));
                return Err(format!("{section}.{key} is {}, expected {least} to {most}", size_text(size)));
            }
        }
        for (key, count, range) in self.counts() {
            if let Some(count) = count.filter(|count| !range.contains(count)) {
                let (least, most) = range.into_inner();
                return Err(format!("{section}.{key} is {count}, expected {least} to {most}"));
            }
        }
        match self.call_time.filter(|time| !CALL_TIME.contains(time)) {
            Some(time) => Err(format!(
                "{section}.call_time is {}, expected {} to {}",
                humantime::format_duration(time),
                humantime::format_duration(*CALL_TIME.start()),
                humantime::format_duration(*CALL_TIME.end())
            )),
            None => Ok(()),
        }
    }

    fn sizes(&self, host: &Config) -> [(&'static str, Option<ByteSize>, RangeInclusive<u64>); 3] {
        [
            ("memory", self.memory, LEAST_MEMORY..=host.max_memory.as_u64()),
            ("kv_bytes", self.kv_bytes, 0..=MOST_KV_BYTES),
            ("http_body", self.http_body, 0..=MOST_HTTP_BODY),
        ]
    }

    fn counts(&self) -> [(&'static str, Option<u32>, RangeInclusive<u32>); 12] {
        [
            ("table_elements", self.table_elements, 1..=1_000_000),
            ("kv_keys", self.kv_keys, 0..=10_000_000),
            // The longest value there can be is 16 writes.
            ("writes_per_call", self.writes_per_call, 16..=100_000),
            ("writes_per_minute", self.writes_per_minute, 1..=10_000_000),
            ("timers", self.timers, 0..=100_000),
            ("sends_per_call", self.sends_per_call, 0..=1_000),
            ("sends_per_minute", self.sends_per_minute, 0..=6_000),
            ("http_per_call", self.http_per_call, 0..=1_000),
            ("http_per_minute", self.http_per_minute, 0..=60_000),
            ("log_lines_per_minute", self.log_lines_per_minute, 0..=60_000),
            ("cpu_share", self.cpu_share, 1..=100),
            ("retries", self.retries, 0..=100),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> LimitSettings {
        toml::from_str(text).unwrap()
    }

    fn resolve(asked: AskedLimits, set: &str) -> Result<Allowance, String> {
        Allowance::resolve(&Config::default(), &asked, &settings(set))
    }

    #[test]
    fn the_operator_comes_before_the_author_and_the_author_before_the_default() {
        let asked = AskedLimits { memory: Some(ByteSize::mib(32)), call_time: Some(Duration::from_secs(5)) };

        let by_author = resolve(asked, "").unwrap();
        let by_operator = resolve(asked, "memory = \"128 MiB\"\ncall_time = \"1s\"\nretries = 0").unwrap();

        assert_eq!(resolve(AskedLimits::default(), "").unwrap(), Allowance::default());
        assert_eq!((by_author.memory, by_author.call_time), (32 << 20, Duration::from_secs(5)));
        assert_eq!((by_operator.memory, by_operator.call_time), (128 << 20, Duration::from_secs(1)));
        assert_eq!(by_operator.retries, 0);
    }

    #[test]
    fn an_author_who_asks_for_too_much_is_told_who_can_give_it() {
        let memory = AskedLimits { memory: Some(ByteSize::gib(1)), ..AskedLimits::default() };
        let time = AskedLimits { call_time: Some(Duration::from_secs(60)), ..AskedLimits::default() };

        assert!(resolve(memory, "").unwrap_err().contains("sandbox.max_memory"));
        assert!(resolve(time, "").unwrap_err().contains("set call_time"));
        assert!(resolve(time, "call_time = \"1m\"").is_ok());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refused =
            |text: &str| settings(text).validate("plugins.x.limits", &Config::default()).unwrap_err();

        assert_eq!(
            refused("memory = \"1 GiB\""),
            "plugins.x.limits.memory is 1 GiB, expected 64 KiB to 256 MiB"
        );
        assert!(
            refused("cpu_share = 101").starts_with("plugins.x.limits.cpu_share is 101, expected 1 to 100")
        );
        assert!(refused("call_time = \"0s\"").contains("call_time is 0s, expected 1ms to 5m"));
        assert!(refused("http_body = \"1 GiB\"").contains("expected 0 B to 16 MiB"));
        assert!(refused("timers = 1000000").contains("timers is 1000000"));
        assert_eq!(settings("timers = 0").validate("x", &Config::default()), Ok(()));
    }

    #[test]
    fn the_defaults_are_within_their_ranges() {
        let Allowance { memory, call_time, kv_bytes, http_body, .. } = Allowance::default();
        let size = |bytes| Some(ByteSize::b(bytes));
        let defaults = Allowance::default();
        let written = LimitSettings {
            memory: size(memory),
            call_time: Some(call_time),
            table_elements: Some(defaults.table_elements),
            kv_bytes: size(kv_bytes),
            kv_keys: Some(defaults.kv_keys),
            writes_per_call: Some(defaults.writes_per_call),
            writes_per_minute: Some(defaults.writes_per_minute),
            timers: Some(defaults.timers),
            sends_per_call: Some(defaults.sends_per_call),
            sends_per_minute: Some(defaults.sends_per_minute),
            http_per_call: Some(defaults.http_per_call),
            http_per_minute: Some(defaults.http_per_minute),
            http_body: size(http_body),
            log_lines_per_minute: Some(defaults.log_lines_per_minute),
            cpu_share: Some(defaults.cpu_share),
            retries: Some(defaults.retries),
        };

        assert_eq!(written.validate("x", &Config::default()), Ok(()));
        let read: LimitSettings = toml::from_str(&toml::to_string(&written).unwrap()).unwrap();
        assert_eq!(read, written);
        assert_eq!(Allowance::resolve(&Config::default(), &AskedLimits::default(), &read), Ok(defaults));
    }
}
