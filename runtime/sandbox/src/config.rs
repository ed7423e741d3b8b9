//! The settings: `[sandbox]` for all plugins of a process, and a `[plugins.NAME]` for each.

mod limits;
mod plugin;
mod secret;

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

pub use self::limits::{Allowance, LimitSettings};
pub use self::plugin::{OnFailure, PluginConfig};
pub use self::secret::{Secret, SecretError, SecretSource};
use crate::signature::TrustedKey;

/// The `[sandbox]` section: what holds for all plugins of a process. All keys hold from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Do plugins run at all?
    pub enabled: bool,
    /// How their code is executed.
    pub code: CodeMode,
    /// How many instances may live at once; each takes address space, and memory only for what it uses.
    pub instances: u32,
    /// The most memory that an instance can be allowed.
    pub max_memory: ByteSize,
    /// Threads that plugins run on; 0 means half of the cores, and one at least.
    pub threads: usize,
    /// Percent of one core that a plugin may use in the long run, where its own section does not say.
    pub cpu_share: u32,
    /// How often the swarms of the accounts that bots speak as are asked for what is new.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
    /// Does every plugin need the signature of a trusted key?
    pub require_signed: bool,
    /// Public keys, in minisign's form, of those who may sign plugins.
    pub trusted_keys: Vec<TrustedKey>,
    /// May plugins ask web servers in private networks, and on this machine?
    pub private_addresses: bool,
    /// How much of each plugin's log is kept.
    pub log: ByteSize,
    /// How many receipts of each plugin are kept, in bytes.
    pub receipts: ByteSize,
    /// The bounds of each plugin's actor.
    pub bounds: Bounds,
}

/// How the code of plugins is executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMode {
    /// Compiled for this machine, once, and kept on disk.
    #[default]
    Native,
    /// Interpreted: slower, and without memory that is both writable and executable, which hardened systems forbid.
    Interpreted,
}

/// An instance needs a page of WebAssembly's at least.
const LEAST_MEMORY: ByteSize = ByteSize::kib(64);
/// The address space of a component ends there.
const MOST_MEMORY: ByteSize = ByteSize::gib(4);
/// Oftener, and the swarm takes it for an attack.
const LEAST_POLL: Duration = Duration::from_millis(100);
const MOST_INSTANCES: u32 = 100_000;
const MOST_THREADS: usize = 1024;
/// Two segments of a file have to hold a few lines each.
const LEAST_FILE: ByteSize = ByteSize::kib(64);
const MOST_FILE: ByteSize = ByteSize::gib(1);

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("enabled", "Do plugins run at all?"),
        Note::new(
            "code",
            "\"native\": compiled for this machine, once.\n\"interpreted\": slower, for systems that forbid memory both writable and executable.",
        ),
        Note::new("instances", "How many instances of plugins may live at once, 1 to 100000."),
        Note::new("max_memory", "The most memory that an instance can be allowed, up to 4 GiB."),
        Note::new("threads", "Threads that plugins run on; 0 means half of the cores, and one at least."),
        Note::new(
            "cpu_share",
            "Percent of one core that a plugin may use in the long run, 1 to 100; its own section may say otherwise.",
        ),
        Note::new(
            "poll",
            "How often the swarms of the accounts that bots speak as are asked for what is new.",
        ),
        Note::new("require_signed", "Does every plugin need the signature of a trusted key?"),
        Note::new("trusted_keys", "Public keys, in minisign's form, of those who may sign plugins."),
        Note::new(
            "private_addresses",
            "May plugins ask web servers in private networks, and on this machine?",
        ),
        Note::new("log", "How much of each plugin's log is kept."),
        Note::new(
            "receipts",
            "How much is kept of the receipts of each plugin, one for each use of a grant.",
        ),
    ];

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// A sentence that begins with the key.
    pub fn validate(&self) -> Result<(), String> {
        let Bounds { mailbox_capacity, concurrency, .. } = self.bounds;
        if mailbox_capacity == 0 || concurrency == 0 {
            return Err("sandbox.bounds: mailbox_capacity and concurrency must be at least 1".to_owned());
        }
        if !(1..=MOST_INSTANCES).contains(&self.instances) {
            return Err(format!("sandbox.instances is {}, expected 1 to {MOST_INSTANCES}", self.instances));
        }
        if self.threads > MOST_THREADS {
            return Err(format!("sandbox.threads is {}, expected at most {MOST_THREADS}", self.threads));
        }
        if !(1..=100).contains(&self.cpu_share) {
            return Err(format!("sandbox.cpu_share is {}, expected 1 to 100 percent", self.cpu_share));
        }
        for (key, size, range) in [
            ("max_memory", self.max_memory, LEAST_MEMORY..=MOST_MEMORY),
            ("log", self.log, LEAST_FILE..=MOST_FILE),
            ("receipts", self.receipts, LEAST_FILE..=MOST_FILE),
        ] {
            if !range.contains(&size) {
                return Err(format!(
                    "sandbox.{key} is {size}, expected {} to {}",
                    range.start(),
                    range.end()
                ));
            }
        }
        if self.poll < LEAST_POLL {
            let least = humantime::format_duration(LEAST_POLL);
            return Err(format!(
                "sandbox.poll is {}, expected at least {least}",
                humantime::format_duration(self.poll)
            ));
        }
        if self.require_signed && self.trusted_keys.is_empty() {
            let expected = "sandbox.trusted_keys is empty; with require_signed, at least one key is needed";
            return Err(expected.to_owned());
        }
        Ok(())
    }

    /// How many threads plugins run on.
    pub fn thread_count(&self) -> usize {
        let half = || std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2);
        if self.threads == 0 { half().max(1) } else { self.threads }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            code: CodeMode::Native,
            instances: 1_000,
            max_memory: ByteSize::mib(256),
            threads: 0,
            cpu_share: 25,
            poll: Duration::from_secs(1),
            require_signed: false,
            trusted_keys: Vec::new(),
            private_addresses: false,
            log: ByteSize::mib(4),
            receipts: ByteSize::mib(4),
            bounds: Bounds::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::config::Notes;

    use super::*;

    #[test]
    fn every_key_has_a_note() {
        let notes = Notes::new().section("", "", Config::NOTES).section("bounds", "", Bounds::NOTES);

        let example = notes.example(&Config::default()).unwrap();

        assert!(example.contains("max_memory = \"256.0 MiB\""), "{example}");
        assert_eq!(toml::from_str::<Config>(&example).unwrap(), Config::default());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err()
        };

        assert_eq!(Config::default().validate(), Ok(()));
        assert!(refused(|config| config.instances = 0).starts_with("sandbox.instances is 0"));
        assert!(refused(|config| config.threads = 9999).starts_with("sandbox.threads"));
        assert!(refused(|config| config.cpu_share = 0).starts_with("sandbox.cpu_share"));
        assert!(refused(|config| config.cpu_share = 101).starts_with("sandbox.cpu_share"));
        assert!(refused(|config| config.max_memory = ByteSize::gib(5)).starts_with("sandbox.max_memory"));
        assert!(refused(|config| config.poll = Duration::ZERO).starts_with("sandbox.poll is 0s"));
        assert!(refused(|config| config.log = ByteSize::b(1)).starts_with("sandbox.log"));
        assert!(refused(|config| config.receipts = ByteSize::tib(1)).starts_with("sandbox.receipts"));
        assert!(refused(|config| config.require_signed = true).starts_with("sandbox.trusted_keys is empty"));
        assert!(refused(|config| config.bounds.concurrency = 0).starts_with("sandbox.bounds"));
    }
}
