//! One line of the receipts.

use serde::{Deserialize, Serialize};

use crate::{manifest::PluginName, signature::Digest};

/// What a plugin did, once or several times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Counts up from 0.
    pub n: u64,
    /// When it happened, the first time; Unix time in milliseconds.
    pub at_ms: u64,
    /// When it happened the last time, if it happened more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Which plugin.
    pub plugin: PluginName,
    /// What it called, such as `kv.get`; `*` for calls of several kinds.
    pub import: String,
    /// The permission that covered it, or the one that was missing; empty when it did not come so far.
    pub grant: String,
    /// With whom or what, shortened; empty when there is nobody and nothing.
    pub target: String,
    /// `ok`, `access-denied`, `quota-exceeded` and so on; `folded` for uses of too many kinds to tell apart, `lost` for those whose
    /// lines could not be written.
    pub outcome: String,
    /// How often.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u64,
    /// The hash of the line before; zeros in the first.
    pub previous: Digest,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_once(count: &u64) -> bool {
    *count == 1
}

impl Receipt {
    /// Reads a line; nothing when it is none.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// A line that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) at_ms: u64,
    pub(super) until_ms: u64,
    pub(super) import: &'static str,
    pub(super) grant: String,
    pub(super) target: String,
    pub(super) outcome: &'static str,
    pub(super) count: u64,
}

impl Draft {
    pub(super) fn line(&self, n: u64, plugin: &PluginName, previous: Digest) -> Vec<u8> {
        let receipt = Receipt {
            n,
            at_ms: self.at_ms,
            until_ms: (self.count > 1).then_some(self.until_ms),
            plugin: plugin.clone(),
            import: self.import.to_owned(),
            grant: self.grant.clone(),
            target: self.target.clone(),
            outcome: self.outcome.to_owned(),
            count: self.count,
            previous,
        };
        serde_json::to_vec(&receipt).expect("texts and numbers are always JSON")
    }
}
