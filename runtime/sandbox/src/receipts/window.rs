//! Uses that are gathered before they are written.

use super::{Use, line::Draft};

/// The most kinds of use that are told apart in one window.
pub const KINDS: usize = 64;
/// How long a window lasts when little happens, in milliseconds.
const SHORTEST: u64 = 1_000;
/// And when much does.
const LONGEST: u64 = 60_000;
/// The longest grant, in bytes: one for the longest host name there is, and some.
const MAX_GRANT: usize = 320;
/// So much of a target is kept, in characters.
const TARGET: usize = 32;
/// So much of an account id, which has 66.
const ACCOUNT: usize = 8;

#[derive(Debug)]
pub(super) struct Window {
    drafts: Vec<Draft>,
    /// Uses of further kinds.
    folded: Option<Draft>,
    opened_at: u64,
    length: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { drafts: Vec::new(), folded: None, opened_at: 0, length: SHORTEST }
    }
}

impl Window {
    pub(super) fn record(&mut self, used: Use) {
        let at_ms = used.at_ms;
        if self.drafts.is_empty() {
            self.opened_at = at_ms;
        }
        let target = shortened(&used.target);
        // The latest kinds are the likeliest.
        if let Some(draft) = self.drafts.iter_mut().rev().find(|draft| draft.is_like(&used, &target)) {
            draft.repeat(at_ms);
        } else if self.drafts.len() < KINDS {
            let target = target.text();
            let Use { import, mut grant, outcome, .. } = used;
            grant.truncate(grant.floor_char_boundary(MAX_GRANT));
            self.drafts.push(Draft { at_ms, until_ms: at_ms, import, grant, target, outcome, count: 1 });
        } else if let Some(folded) = &mut self.folded {
            folded.repeat(at_ms);
        } else {
            self.folded = Some(summary(at_ms, "folded", 1));
        }
    }

    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        // A wall clock that was set back must not keep a window open.
        !self.drafts.is_empty() && !(self.opened_at..self.opened_at + self.length).contains(&now_ms)
    }

    /// Takes what was gathered, in the order in which it first happened, and begins another window.
    pub(super) fn close(&mut self, now_ms: u64, lost: u64) -> Vec<Draft> {
        if self.drafts.is_empty() && lost == 0 {
            return Vec::new();
        }
        let is_full = self.drafts.len() == KINDS;
        self.length = if is_full { (self.length * 2).min(LONGEST) } else { SHORTEST };
        let mut drafts = Vec::with_capacity(self.drafts.len() + 2);
        if lost > 0 {
            drafts.push(summary(now_ms, "lost", lost));
        }
        drafts.append(&mut self.drafts);
        drafts.extend(self.folded.take());
        drafts
    }
}

fn summary(at_ms: u64, outcome: &'static str, count: u64) -> Draft {
    let (grant, target) = (String::new(), String::new());
    Draft { at_ms, until_ms: at_ms, import: "*", grant, target, outcome, count }
}

impl Draft {
    fn is_like(&self, used: &Use, target: &Shortened<'_>) -> bool {
        let own = if target.is_cut { self.target.strip_suffix(CUT) } else { Some(self.target.as_str()) };
        own == Some(target.kept)
            && self.import == used.import
            && self.outcome == used.outcome
            && self.grant == used.grant
    }

    fn repeat(&mut self, at_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.until_ms = self.until_ms.max(at_ms);
    }
}

/// What stands for the rest of a target.
const CUT: char = '…';

/// A target, cut so that a log of receipts is no list of contacts.
struct Shortened<'a> {
    kept: &'a str,
    is_cut: bool,
}

impl Shortened<'_> {
    fn text(&self) -> String {
        let mut text = self.kept.to_owned();
        if self.is_cut {
            text.push(CUT);
        }
        text
    }
}

fn shortened(target: &str) -> Shortened<'_> {
    let is_account = target.len() == 66 && target.bytes().all(|byte| byte.is_ascii_hexdigit());
    let kept = if is_account { ACCOUNT } else { TARGET };
    match target.char_indices().nth(kept) {
        Some((end, _)) => Shortened { kept: &target[..end], is_cut: true },
        None => Shortened { kept: target, is_cut: false },
    }
}
