//! The `[runtime]` section.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};
use starling_kernel::config::Note;

/// What the process is: a service node, a client, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Keeps and relays messages of others.
    Node,
    /// Sends and receives messages of its own accounts.
    Client,
}

/// The `[runtime]` section: what all actors share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runtime {
    /// What the process is. From the next start.
    pub roles: BTreeSet<Role>,
    /// Where everything is kept; [`default_data_dir`] when absent. From the next start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Threads shared by the actors; 0 means one per core. From the next start.
    pub io_threads: usize,
    /// Threads for signatures and key agreement; 0 means one per core. From the next start.
    pub cpu_threads: usize,
    /// What is logged, and how. From the next start.
    pub log: Log,
}

/// The `[runtime.log]` section. Logs go to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important level that is written. From the next start.
    pub level: LogLevel,
    /// How a line looks. From the next start.
    pub format: LogFormat,
}

/// How much is logged. No level writes account ids, addresses or message texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the usual ones")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            roles: [Role::Node, Role::Client].into(),
            data_dir: None,
            io_threads: 0,
            cpu_threads: 0,
            log: Log::default(),
        }
    }
}

impl Runtime {
    /// What the keys mean, for the example file.
    pub(super) const NOTES: &'static [Note] = &[
        Note::new(
            "roles",
            "What this process is: \"node\" keeps and relays the messages of others, \"client\" sends and receives those of its own accounts.",
        ),
        Note::optional(
            "data_dir",
            "Where everything is kept, used by one process at a time.\nWhen absent: $XDG_DATA_HOME/starling, or ~/.local/share/starling.",
            "\"/var/lib/starling\"",
        ),
        Note::new("io_threads", "Threads shared by the actors; 0 means one per core."),
        Note::new("cpu_threads", "Threads for signatures and key agreement; 0 means one per core."),
    ];

    /// More threads than any machine has use for are a slip of the pen.
    const MAX_THREADS: usize = 1024;

    /// Checks what types cannot say; the text begins with the key.
    ///
    /// # Errors
    /// A sentence about the first key that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        if self.roles.is_empty() {
            return Err("runtime.roles is empty: expected \"node\", \"client\" or both".to_owned());
        }
        for (key, threads) in [("io_threads", self.io_threads), ("cpu_threads", self.cpu_threads)] {
            if threads > Self::MAX_THREADS {
                return Err(format!("runtime.{key} is {threads}: expected at most {}", Self::MAX_THREADS));
            }
        }
        if self.data_dir.as_ref().is_some_and(|folder| folder.as_os_str().is_empty()) {
            return Err("runtime.data_dir is empty: expected the path of a folder".to_owned());
        }
        Ok(())
    }

    /// The data folder in force.
    pub fn data_folder(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_dir)
    }
}

impl Log {
    /// What the keys mean, for the example file.
    pub(super) const NOTES: &'static [Note] = &[
        Note::new(
            "level",
            "How much is written: off, error, warn, info, debug or trace.\nNo level writes account ids, addresses or message texts.",
        ),
        Note::new("format", "How a line looks: \"text\" for people, \"json\" for collectors."),
    ];
}

/// `$XDG_DATA_HOME/starling`, or `~/.local/share/starling`; a folder here when there is no home.
pub fn default_data_dir() -> PathBuf {
    let given = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".local/share"));
    given.or_else(home).unwrap_or_default().join("starling")
}
