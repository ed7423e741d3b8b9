//! Which of the contract's worlds a plugin lives in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::nearest::hint;

/// `starling:plugin/bot@0.1.0` or `starling:plugin/filter@0.1.0`; any version 0.1.x is the same world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum World {
    /// Reads what comes in, and answers.
    Bot,
    /// Judges what comes in before anybody sees it.
    Filter,
}

/// A text that is no world of this host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadWorld {
    /// It is not of our contract, or not written like one.
    #[error(
        "{0:?} is no world of this host: expected starling:plugin/bot@0.1.0 or starling:plugin/filter@0.1.0"
    )]
    Foreign(String),
    /// Our contract has no world of that name.
    #[error("there is no world {name:?}{hint}")]
    Unknown {
        /// The name, shortened.
        name: String,
        /// What was probably meant.
        hint: String,
    },
    /// The host speaks another version.
    #[error("this host has starling:plugin 0.1.x, not {0:?}; the plugin needs a newer or an older host")]
    Version(String),
}

/// So much of what a stranger wrote is repeated.
const REPEATED: usize = 48;

impl World {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bot, Self::Filter];
    const NAMES: [&'static str; 2] = ["bot", "filter"];

    /// `bot` or `filter`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Filter => "filter",
        }
    }
}

impl FromStr for World {
    type Err = BadWorld;

    fn from_str(text: &str) -> Result<Self, BadWorld> {
        let parts = text.strip_prefix("starling:plugin/").and_then(|rest| rest.split_once('@'));
        let Some((name, version)) = parts else { return Err(BadWorld::Foreign(shortened(text))) };
        let Some(world) = Self::ALL.into_iter().find(|world| world.name() == name) else {
            return Err(BadWorld::Unknown {
                name: shortened(name),
                hint: hint(&shortened(name), Self::NAMES),
            });
        };
        match version.parse::<semver::Version>() {
            Ok(version) if (version.major, version.minor) == (0, 1) && version.pre.is_empty() => Ok(world),
            _ => Err(BadWorld::Version(shortened(version))),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(REPEATED).collect()
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "starling:plugin/{}@0.1.0", self.name())
    }
}

impl TryFrom<String> for World {
    type Error = BadWorld;

    fn try_from(text: String) -> Result<Self, BadWorld> {
        text.parse()
    }
}

impl From<World> for String {
    fn from(world: World) -> Self {
        world.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_version_of_the_first_line_is_the_same_world() {
        assert_eq!("starling:plugin/bot@0.1.0".parse(), Ok(World::Bot));
        assert_eq!("starling:plugin/filter@0.1.9".parse(), Ok(World::Filter));
        assert_eq!(World::Bot.to_string().parse(), Ok(World::Bot));
    }

    #[test]
    fn another_world_is_refused_with_what_this_host_has() {
        let refused = |text: &str| text.parse::<World>().unwrap_err().to_string();

        assert!(refused("wasi:cli/command@0.2.0").contains("expected starling:plugin/bot@0.1.0"));
        assert!(refused("bot").contains("no world of this host"));
        assert!(refused("starling:plugin/bto@0.1.0").contains("did you mean bot?"));
        assert!(refused("starling:plugin/bot@0.2.0").contains("0.1.x, not \"0.2.0\""));
        assert!(refused("starling:plugin/bot@0.1.0-rc.1").contains("0.1.x"));
        assert!(refused("starling:plugin/bot@").contains("0.1.x"));
    }
}
