//! What the operator sets: a section for each rule. `plugin.toml` has every default.

use std::time::Duration;

use serde::Deserialize;
use starling_plugin::{AccountId, duration};

use crate::finding::Action;

/// The `[config]` of `plugin.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Whether findings are only counted and logged, and everything is let through.
    pub(crate) shadow: bool,
    /// Accounts that are always let through, whatever they write.
    pub(crate) allow: Vec<AccountId>,
    /// Accounts that are always rejected.
    pub(crate) deny: Vec<AccountId>,
    pub(crate) links: Links,
    pub(crate) words: Words,
    pub(crate) requests: Requests,
    pub(crate) rate: Rate,
    pub(crate) repeats: Repeats,
}

/// Links in a text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Links {
    /// About more than `most` links.
    pub(crate) action: Action,
    /// How many links are none too many.
    pub(crate) most: usize,
    /// About a link to one of `domains`, or to a host below one.
    pub(crate) domain_action: Action,
    /// Domains that nobody should link to.
    pub(crate) domains: Vec<String>,
}

/// Words in a text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) action: Action,
    /// Words and phrases, in whatever case; each has to stand by itself.
    pub(crate) phrases: Vec<String>,
}

/// What people may write who have never been written to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requests {
    /// About any link.
    pub(crate) link_action: Action,
    /// About any attachment.
    pub(crate) attachment_action: Action,
    /// About a text of more than `longest` characters.
    pub(crate) length_action: Action,
    pub(crate) longest: usize,
}

/// How much one author writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    pub(crate) action: Action,
    /// How many messages in one `window` are none too many.
    pub(crate) most: u32,
    #[serde(with = "duration")]
    pub(crate) window: Duration,
}

/// How often the same text comes, from whomever.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeats {
    pub(crate) action: Action,
    /// How often in one `window` is not too often.
    pub(crate) most: u32,
    #[serde(with = "duration")]
    pub(crate) window: Duration,
    /// Shorter texts, in characters, may come as often as they like: everybody says hello.
    pub(crate) shortest: usize,
}
