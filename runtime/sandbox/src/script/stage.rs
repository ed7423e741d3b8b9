//! The world that a plugin finds in a script, and the answers that it gives: one call is one transaction.

mod asking;
mod reading;
mod writing;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use super::{
    action::{self, Action, Fact},
    people::People,
    store::Store,
    web::Exchange,
};
use crate::{
    call::{HostCall, HostError, HostReply, LogLevel, Message, MessageRef},
    config::Allowance,
    guest::Moment,
    ledger::Quotas,
    permission::{Grants, Permission, SecretName},
    wasi::randomness,
};
use rand_chacha::{ChaCha20Rng, rand_core::Rng as _};
use starling_protocol::account::AccountId;

/// Longer lines of the log are cut, in bytes.
const MAX_LINE: usize = 4 << 10;
/// Most random bytes at once.
const MAX_RANDOM: u32 = 65_536;

/// Everything there is in a script beside the plugin itself.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) own_id: String,
    pub(super) grants: Grants,
    pub(super) config: String,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) http: VecDeque<Exchange>,
    quotas: Quotas,
    allowance: Allowance,
    pub(super) people: People,
    pub(super) kept: Kept,
    /// What was done since somebody looked.
    done: Vec<Action>,
    /// What went wrong that no expectation covers.
    problems: Vec<String>,
    call: Option<Call>,
}

/// What a call changes, and goes back to when it fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub(super) store: Store,
    messages: Vec<Known>,
    /// The last name of something on its way.
    sendings: u64,
    /// When the last own message was sent: no two have the same time.
    last_sent_at: u64,
}

/// A message of any conversation.
#[derive(Debug, Clone)]
struct Known {
    message: Message,
    sending: Option<String>,
}

/// The call that is being answered.
#[derive(Debug)]
struct Call {
    now: u64,
    randomness: ChaCha20Rng,
    before: Kept,
    /// What it did; nothing in the place of what it took back.
    done: Vec<Option<Action>>,
    /// Where in `done` each text is that has not left yet.
    queued: BTreeMap<String, usize>,
    sends: usize,
    fetches: u32,
}

/// What becomes of a call.
pub(super) enum Reaction {
    Now(Result<HostReply, HostError>),
    /// There is no answer before the deadline.
    Never,
}

impl Stage {
    pub(super) fn new(own_id: String, people: People, grants: Grants) -> Self {
        let allowance = Allowance::default();
        Self {
            own_id,
            people,
            grants,
            config: "{}".to_owned(),
            secrets: BTreeMap::new(),
            http: VecDeque::new(),
            quotas: quotas(&allowance),
            allowance,
            kept: Kept::default(),
            done: Vec::new(),
            problems: Vec::new(),
            call: None,
        }
    }

    /// A call begins.
    pub(super) fn begin(&mut self, moment: &Moment) {
        self.kept.store.begin();
        self.call = Some(Call {
            now: moment.now_ms,
            randomness: randomness(moment),
            before: self.kept.clone(),
            done: Vec::new(),
            queued: BTreeMap::new(),
            sends: 0,
            fetches: 0,
        });
    }

    /// It has ended: well, and what it did is done; or not, and only what cannot be undone is.
    pub(super) fn end(&mut self, is_well: bool) {
        let Some(call) = self.call.take() else { return };
        let done = call.done.into_iter().flatten();
        if is_well {
            self.done.extend(done);
        } else {
            self.kept = call.before;
            self.done.extend(done.filter(|action| action.kind.is_quiet));
        }
    }

    /// What was done since the last look.
    pub(super) fn take_done(&mut self) -> Vec<Action> {
        mem::take(&mut self.done)
    }

    /// What went wrong since the last look.
    pub(super) fn take_problems(&mut self) -> Vec<String> {
        mem::take(&mut self.problems)
    }

    /// Puts a message into a conversation.
    pub(super) fn hear(
        &mut self,
        conversation: &str,
        author: &str,
        body: &str,
        at: u64,
        is_request: bool,
    ) -> Message {
        let id = u64::try_from(self.kept.messages.len()).unwrap_or(u64::MAX).saturating_add(1);
        let origin =
            MessageRef { conversation: conversation.to_owned(), author: author.to_owned(), sent_at: at };
        let message = Message { id, origin, body: body.to_owned(), received_at: at, is_request };
        self.kept.messages.push(Known { message: message.clone(), sending: None });
        message
    }

    /// The last message of a conversation with that text.
    pub(super) fn find(&self, conversation: &str, body: &str) -> Result<MessageRef, String> {
        let messages = self.kept.messages.iter().map(|known| &known.message);
        let is_it = |message: &&Message| message.origin.conversation == conversation && message.body == body;
        let found = messages.rev().find(is_it).map(|message| message.origin.clone());
        found.ok_or_else(|| {
            format!(
                "there is no message {body:?} in the conversation with {}",
                self.people.name(conversation)
            )
        })
    }

    /// Whether that person has been written to.
    pub(super) fn has_written_to(&self, conversation: &str) -> bool {
        self.messages_of(conversation).any(|message| message.origin.author == self.own_id)
    }

    pub(super) fn printed(&mut self, text: &str) {
        for line in text.lines() {
            self.note(Action::new(&action::PRINTED, [("line", Fact::Text(line.to_owned()))]));
        }
    }

    /// Answers one call of the plugin.
    pub(super) fn answer(&mut self, call: HostCall) -> Reaction {
        let name = call.name();
        let reaction = match call {
            HostCall::Fetch { request } => self.fetch(&request),
            call => Reaction::Now(self.perform(call)),
        };
        if let Reaction::Now(Err(error)) = &reaction {
            self.note(Action::refused(name, error));
        }
        reaction
    }

    fn perform(&mut self, call: HostCall) -> Result<HostReply, HostError> {
        match call {
            HostCall::Send { to, body } => self.send(&to, body),
            HostCall::Reply { to, body } => self.reply(&to, body),
            HostCall::React { to, emoji, remove } => self.react(&to, &emoji, remove),
            HostCall::DeleteOwn { sent } => self.delete_own(&sent),
            HostCall::Read { of, after, limit } => self.read(&of, after, limit),
            HostCall::ListRecent => self.list_recent(),
            HostCall::KvGet { key } => self.store()?.get(&key),
            HostCall::KvSet { key, value } => {
                let quotas = self.quotas;
                self.store()?.set(&key, value.0, &quotas)
            }
            HostCall::KvDelete { key } => {
                let quotas = self.quotas;
                self.store()?.delete(&key, &quotas)
            }
            HostCall::KvListKeys { prefix, after, limit } => {
                self.store()?.list_keys(&prefix, after.as_deref(), limit)
            }
            HostCall::KvCompareAndSwap { key, expected, new } => {
                let quotas = self.quotas;
                self.store()?.compare_and_swap(&key, expected.as_ref(), new, &quotas)
            }
            HostCall::KvIncrement { key, by } => {
                let quotas = self.quotas;
                self.store()?.increment(&key, by, &quotas)
            }
            HostCall::TimerSet { name, after, every } => self.set_timer(&name, after, every),
            HostCall::TimerCancel { name } => self.cancel_timer(&name),
            HostCall::TimerList { prefix, after } => {
                self.need(&Permission::Timers)?;
                self.kept.store.list_timers(&prefix, after.as_deref())
            }
            HostCall::Fetch { .. } => Err(HostError::Other("requests are answered elsewhere".to_owned())),
            HostCall::GetConfig => {
                self.need(&Permission::Config)?;
                Ok(HostReply::Text(self.config.clone()))
            }
            HostCall::SecretExists { name } => {
                self.need(&Permission::Secret(secret_name(&name)?))?;
                Ok(HostReply::Flag(self.secrets.contains_key(&name)))
            }
            HostCall::SecretReveal { name } => {
                self.need(&Permission::SecretReveal(secret_name(&name)?))?;
                self.secrets.get(&name).cloned().map(HostReply::Text).ok_or(HostError::NotFound)
            }
            HostCall::Log { level, line } => self.log(level, &line),
            HostCall::Now => {
                self.need(&Permission::Clock)?;
                Ok(HostReply::Unsigned(self.now()))
            }
            HostCall::RandomBytes { n } => self.random_bytes(n),
            HostCall::RandomNumber => {
                self.need(&Permission::Random)?;
                Ok(HostReply::Unsigned(self.call()?.randomness.next_u64()))
            }
            HostCall::OwnId => {
                self.need(&Permission::Identity)?;
                Ok(HostReply::Text(self.own_id.clone()))
            }
        }
    }

    fn set_timer(&mut self, name: &str, after: u64, every: Option<u64>) -> Result<HostReply, HostError> {
        self.need(&Permission::Timers)?;
        let (due_at, quotas) = (self.now().saturating_add(after), self.quotas);
        let reply = self.kept.store.set_timer(name, due_at, every, &quotas)?;
        let facts = [
            ("name", Fact::Text(name.to_owned())),
            ("after", Fact::Millis(Some(after))),
            ("every", Fact::Millis(every)),
        ];
        self.note(Action::new(&action::TIMER_SET, facts));
        Ok(reply)
    }

    fn cancel_timer(&mut self, name: &str) -> Result<HostReply, HostError> {
        self.need(&Permission::Timers)?;
        let reply = self.kept.store.cancel_timer(name)?;
        self.note(Action::new(&action::TIMER_CANCEL, [("name", Fact::Text(name.to_owned()))]));
        Ok(reply)
    }

    fn log(&mut self, level: LogLevel, line: &str) -> Result<HostReply, HostError> {
        self.need(&Permission::Log)?;
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        let line = line[..line.floor_char_boundary(MAX_LINE)].to_owned();
        self.note(Action::new(
            &action::LOG,
            [("level", Fact::Text(level.to_owned())), ("line", Fact::Text(line))],
        ));
        Ok(HostReply::Done)
    }

    fn random_bytes(&mut self, n: u32) -> Result<HostReply, HostError> {
        self.need(&Permission::Random)?;
        if n > MAX_RANDOM {
            return Err(HostError::InvalidArgument(format!("n is {n}, expected at most {MAX_RANDOM}")));
        }
        let mut bytes = vec![0; usize::try_from(n).unwrap_or(0)];
        self.call()?.randomness.fill_bytes(&mut bytes);
        Ok(HostReply::Bytes(bytes.into()))
    }

    fn store(&mut self) -> Result<&mut Store, HostError> {
        self.need(&Permission::Kv)?;
        Ok(&mut self.kept.store)
    }

    fn need(&self, permission: &Permission) -> Result<(), HostError> {
        if self.grants.covers(permission) { Ok(()) } else { Err(HostError::AccessDenied) }
    }

    fn call(&mut self) -> Result<&mut Call, HostError> {
        self.call.as_mut().ok_or_else(|| HostError::Other("there is no call".to_owned()))
    }

    fn now(&self) -> u64 {
        self.call.as_ref().map_or(0, |call| call.now)
    }

    fn note(&mut self, action: Action) {
        match &mut self.call {
            Some(call) => call.done.push(Some(action)),
            None => self.done.push(action),
        }
    }

    fn messages_of<'a>(&'a self, conversation: &'a str) -> impl Iterator<Item = &'a Message> {
        let messages = self.kept.messages.iter().map(|known| &known.message);
        messages.filter(move |message| message.origin.conversation == conversation)
    }

    /// The text of a message; empty when nobody knows it.
    fn text_of(&self, target: &MessageRef) -> String {
        let mut messages = self.messages_of(&target.conversation);
        messages
            .find(|message| message.origin == *target)
            .map(|message| message.body.clone())
            .unwrap_or_default()
    }
}

fn secret_name(name: &str) -> Result<SecretName, HostError> {
    name.parse().map_err(|error| HostError::InvalidArgument(format!("{error}")))
}

/// An id that a guest has written.
fn account(text: &str) -> Result<AccountId, HostError> {
    text.parse().map_err(|error| HostError::InvalidArgument(format!("{text:?} is no conversation: {error}")))
}

/// What a plugin may keep and send where no operator says otherwise.
fn quotas(allowance: &Allowance) -> Quotas {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Quotas {
        keys: allowance.kv_keys.into(),
        bytes: allowance.kv_bytes,
        writes_per_call: allowance.writes_per_call.into(),
        timers: size(allowance.timers),
        sends_per_call: size(allowance.sends_per_call),
        ..Quotas::default()
    }
}
