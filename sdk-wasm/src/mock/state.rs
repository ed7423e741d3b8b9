//! What a mock knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Action, BEGINNING, Grants, account};
use crate::{AccountId, Error, Level, Message, Request, Response, Sending, Timer, Timestamp};

/// A web server's answer that waits for its request: the method, the URL, and the answer or why there is none.
pub(super) type WebAnswer = (String, String, Result<Response, String>);

pub(super) struct State {
    pub(super) kept: Kept,
    pub(super) grants: Grants,
    pub(super) refusals: BTreeMap<&'static str, Error>,
    pub(super) config: serde_json::Value,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) messages: Vec<Message>,
    pub(super) web: VecDeque<WebAnswer>,
    pub(super) requests: Vec<Request>,
    pub(super) log: Vec<(Level, String)>,
    pub(super) now: Timestamp,
    pub(super) random: u64,
    pub(super) own_id: AccountId,
    pub(super) is_in_call: bool,
}

/// What a failed call leaves as it was.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) kv: BTreeMap<String, Vec<u8>>,
    pub(super) timers: BTreeMap<String, Timer>,
    pub(super) actions: Vec<Action>,
    /// How many texts have been named.
    pub(super) named: u64,
    /// Texts of this call, which have not left.
    pub(super) queued: BTreeSet<String>,
    /// Texts that left in an earlier call, and were not taken back.
    pub(super) left: BTreeSet<String>,
}

impl State {
    pub(super) fn new(grants: Grants) -> Self {
        Self {
            kept: Kept::default(),
            grants,
            refusals: BTreeMap::new(),
            config: serde_json::json!({}),
            secrets: BTreeMap::new(),
            messages: Vec::new(),
            web: VecDeque::new(),
            requests: Vec::new(),
            log: Vec::new(),
            now: BEGINNING,
            random: 0,
            own_id: account(0),
            is_in_call: false,
        }
    }

    /// The next number of a sequence that is the same in every run (splitmix64).
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Kept {
    /// A name for the next text.
    pub(super) fn name(&mut self) -> Sending {
        self.named += 1;
        let name = format!("sending-{}", self.named);
        self.queued.insert(name.clone());
        Sending(name)
    }

    /// The texts of a call that ended well leave.
    pub(super) fn let_leave(&mut self) {
        self.left.append(&mut self.queued);
    }
}
