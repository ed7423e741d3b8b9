//! `plugin.toml`: what a plugin's author says of it and asks for.

mod name;
mod world;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::name::{BadPluginName, PluginName};
pub use self::world::{BadWorld, World};
use crate::{
    permission::{Grants, Permission},
    toml_file::{self, FileError},
    values,
};

/// What `plugin.toml` is called.
pub const FILE_NAME: &str = "plugin.toml";

/// A plugin as its author describes it. Nothing in it is granted by standing there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it is called, unless the operator installs it under another name.
    pub name: PluginName,
    /// Its own version, as in <https://semver.org>.
    pub version: Version,
    /// What it exports and may import.
    pub world: World,
    /// One sentence for operators, at most [`MAX_DESCRIPTION`](Self::MAX_DESCRIPTION) characters.
    #[serde(default)]
    pub description: String,
    /// The component's file, beside this one; `<name>.wasm` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// What a bot is called for; messages when absent. A filter has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<BTreeSet<EventKind>>,
    /// What it asks to be granted.
    #[serde(default)]
    pub permissions: Grants,
    /// Is one instance kept from call to call, instead of a fresh one for each?
    #[serde(default)]
    pub stateful: bool,
    /// After how many calls a kept instance gives way to a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_after: Option<u64>,
    /// How much it needs; within what the operator allows.
    #[serde(default)]
    pub limits: AskedLimits,
    /// The defaults of its own settings.
    #[serde(default)]
    pub config: toml::Table,
    /// How its component is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// What happens that a bot can be called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A text came in.
    Message,
    /// A text that begins with `/` came in; without this kind it is a message.
    Command,
    /// An emoji was put on a message, or taken off.
    Reaction,
    /// Messages were read.
    Receipt,
    /// A message was taken back.
    Deletion,
    /// Something that the contract has no case for.
    Other,
}

/// The `[limits]` of `plugin.toml`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskedLimits {
    /// The memory of an instance.
    #[serde(with = "values::size", skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// How long a call may take, the host's time included.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub call_time: Option<Duration>,
}

/// The `[build]` of `plugin.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// A line for the shell, run in the folder of `plugin.toml`.
    pub command: String,
    /// The component that it leaves behind, seen from there; in place already when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
}

impl Manifest {
    /// The longest description, in characters.
    pub const MAX_DESCRIPTION: usize = 300;
    /// The most permissions that can be asked for.
    pub const MAX_PERMISSIONS: usize = 128;
    /// After how many calls a kept instance retires when `plugin.toml` does not say.
    pub const RETIRE_AFTER: u64 = 1_000;
    /// The most calls a kept instance can be kept for.
    pub const MAX_RETIRE_AFTER: u64 = 1_000_000;
    /// The longest version, in characters.
    const MAX_VERSION: usize = 64;
    /// The longest file name of a component.
    const MAX_COMPONENT: usize = 128;

    /// Reads a `plugin.toml`.
    ///
    /// # Errors
    /// One sentence that names the file, the line, the key, and what was expected.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, &toml_file::read_text(path)?)
    }

    /// Reads the text of a `plugin.toml`; `path` is only for the error.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let manifest: Self = toml_file::parse(path, text)?;
        match manifest.problem() {
            Some((key, problem)) => {
                Err(toml_file::wrong_key(path, text, key, format!("{} {problem}", key.join("."))))
            }
            None => Ok(manifest),
        }
    }

    /// The file of the component, beside `plugin.toml`.
    pub fn component_file(&self) -> String {
        self.component.clone().unwrap_or_else(|| format!("{}.wasm", self.name))
    }

    /// What it is called for; nothing of the kind for a filter.
    pub fn events(&self) -> BTreeSet<EventKind> {
        match (&self.events, self.world) {
            (_, World::Filter) => BTreeSet::new(),
            (Some(events), World::Bot) => events.clone(),
            (None, World::Bot) => [EventKind::Message].into(),
        }
    }

    /// After how many calls an instance retires that is kept from call to call; nothing when each call has a fresh one.
    pub fn kept_for(&self) -> Option<u64> {
        self.stateful.then(|| self.retire_after.unwrap_or(Self::RETIRE_AFTER))
    }

    /// What no type can say: the key, and what is wrong with it.
    fn problem(&self) -> Option<(&'static [&'static str], String)> {
        self.problem_with_description()
            .or_else(|| self.problem_with_files())
            .or_else(|| self.problem_with_world())
            .or_else(|| self.problem_with_limits())
    }

    fn problem_with_description(&self) -> Option<(&'static [&'static str], String)> {
        if self.description.chars().count() > Self::MAX_DESCRIPTION {
            return Some((&["description"], format!("is longer than {} characters", Self::MAX_DESCRIPTION)));
        }
        if self.description.contains(char::is_control) {
            return Some((&["description"], "holds control characters; expected one sentence".to_owned()));
        }
        if self.version.to_string().len() > Self::MAX_VERSION {
            return Some((&["version"], format!("is longer than {} characters", Self::MAX_VERSION)));
        }
        None
    }

    fn problem_with_files(&self) -> Option<(&'static [&'static str], String)> {
        let component = self.component_file();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_file = component.len() <= Self::MAX_COMPONENT
            && !component.starts_with('.')
            && component.ends_with(".wasm")
            && component.bytes().all(is_plain);
        if !is_file {
            let expected = "is no file beside plugin.toml: expected a name such as \"echo.wasm\"";
            return Some((&["component"], expected.to_owned()));
        }
        match &self.build {
            Some(build) if build.command.trim().is_empty() => {
                Some((&["build", "command"], "is empty: expected a line for the shell".to_owned()))
            }
            _ => None,
        }
    }

    fn problem_with_world(&self) -> Option<(&'static [&'static str], String)> {
        if self.permissions.len() > Self::MAX_PERMISSIONS {
            return Some((&["permissions"], format!("asks for more than {}", Self::MAX_PERMISSIONS)));
        }
        if self.world == World::Bot {
            return None;
        }
        if self.events.is_some() {
            return Some((&["events"], "is for bots; a filter is called for every item".to_owned()));
        }
        let beyond = self.permissions.iter().find(|permission| !is_for_filters(permission))?;
        Some((&["permissions"], format!("asks for {beyond}, which the world of filters does not import")))
    }

    fn problem_with_limits(&self) -> Option<(&'static [&'static str], String)> {
        if self.retire_after.is_some() && !self.stateful {
            return Some((&["retire_after"], "goes with stateful = true".to_owned()));
        }
        if self.retire_after.is_some_and(|calls| !(1..=Self::MAX_RETIRE_AFTER).contains(&calls)) {
            return Some((
                &["retire_after"],
                format!("is out of range: expected 1 to {}", Self::MAX_RETIRE_AFTER),
            ));
        }
        if self.limits.memory.is_some_and(|memory| memory.as_u64() == 0) {
            return Some((&["limits", "memory"], "is 0: expected a size such as \"32 MiB\"".to_owned()));
        }
        if self.limits.call_time.is_some_and(|time| time.is_zero()) {
            return Some((&["limits", "call_time"], "is 0: expected a duration such as \"2s\"".to_owned()));
        }
        values::problem(&self.config).map(|problem| (&["config"] as &[_], problem))
    }
}

fn is_for_filters(permission: &Permission) -> bool {
    matches!(
        permission,
        Permission::Kv
            | Permission::Config
            | Permission::Log
            | Permission::Clock
            | Permission::Random
            | Permission::Identity
    )
}

#[cfg(test)]
mod tests;
