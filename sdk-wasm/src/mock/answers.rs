//! The seam's functions, each answered from memory.

use std::{cell::RefCell, collections::BTreeSet, ops::Bound, rc::Rc, time::Duration};

use super::{Action, limits, state::State};
use crate::{
    AccountId, Conversation, Error, Header, Level, Message, MessageRef, Request, Response, Sending, Timer,
    Timestamp, imports::Imports,
};

/// The state that a mock and the handles of its hosts share.
#[derive(Clone)]
pub(crate) struct Shared(pub(super) Rc<RefCell<State>>);

impl Shared {
    /// Answers a call, unless the test wants it refused or what it needs is not granted.
    fn answer<T>(
        &self,
        call: &'static str,
        is_granted: impl FnOnce(&State) -> bool,
        work: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.0.borrow_mut();
        if !is_granted(&state) {
            return Err(Error::AccessDenied { call });
        }
        if let Some(refusal) = state.refusals.get(call) {
            return Err(refusal.clone());
        }
        work(&mut state)
    }
}

/// Whether `send`, `react` or `read` reaches a conversation.
fn reaches<'a>(kind: &'a str, conversation: &'a Conversation) -> impl FnOnce(&State) -> bool + 'a {
    move |state| {
        let has_written = state.messages.iter().any(|message| message.conversation() == conversation);
        state.grants.reach(kind, conversation.as_str(), has_written)
    }
}

fn has(permission: &str) -> impl FnOnce(&State) -> bool + '_ {
    move |state| state.grants.has(permission)
}

impl Imports for Shared {
    fn outbox_send(&self, to: &Conversation, body: &str) -> Result<String, Error> {
        let call = "outbox.send";
        self.answer(call, reaches("send", to), |state| {
            limits::text(call, body)?;
            let sending = state.kept.name();
            let (to, body, named) = (to.clone(), body.to_owned(), sending.clone());
            state.kept.actions.push(Action::Send { to, body, sending });
            Ok(named.0)
        })
    }

    fn outbox_reply(&self, to: &MessageRef, body: &str) -> Result<String, Error> {
        let call = "outbox.reply";
        self.answer(call, reaches("send", &to.conversation), |state| {
            limits::text(call, body)?;
            let sending = state.kept.name();
            let (to, body, named) = (to.clone(), body.to_owned(), sending.clone());
            state.kept.actions.push(Action::Reply { to, body, sending });
            Ok(named.0)
        })
    }

    fn outbox_react(&self, to: &MessageRef, emoji: &str, remove: bool) -> Result<(), Error> {
        let call = "outbox.react";
        self.answer(call, reaches("react", &to.conversation), |state| {
            limits::emoji(call, emoji)?;
            state.kept.actions.push(Action::React { to: to.clone(), emoji: emoji.to_owned(), remove });
            Ok(())
        })
    }

    fn outbox_delete_own(&self, sent: &str) -> Result<(), Error> {
        let call = "outbox.delete-own";
        self.answer(call, has("delete"), |state| {
            if state.kept.left.remove(sent) {
                state.kept.actions.push(Action::Delete { sending: Sending(sent.to_owned()) });
                return Ok(());
            }
            if state.kept.queued.remove(sent) {
                let is_it =
                    |action: &Action| action.sending().is_some_and(|sending| sending.as_str() == sent);
                state.kept.actions.retain(|action| !is_it(action));
                return Ok(());
            }
            Err(Error::NotFound { call })
        })
    }

    fn conversations_read(&self, of: &Conversation, after: u64, limit: u32) -> Result<Vec<Message>, Error> {
        self.answer("conversations.read", reaches("read", of), |state| {
            let behind =
                state.messages.iter().filter(|message| message.conversation() == of && message.id > after);
            Ok(behind.take(limit.min(100) as usize).cloned().collect())
        })
    }

    fn conversations_list_recent(&self) -> Result<Vec<Conversation>, Error> {
        let conversations = |state: &State| {
            let mut seen = BTreeSet::new();
            let newest_first = state.messages.iter().rev().map(|message| message.conversation().clone());
            let each_once = newest_first.filter(|conversation| seen.insert(conversation.clone()));
            let granted = each_once.filter(|of| state.grants.reach("read", of.as_str(), false));
            granted.take(100).collect::<Vec<_>>()
        };
        let is_granted = |state: &State| state.grants.has("read:direct") || !conversations(state).is_empty();
        self.answer("conversations.list-recent", is_granted, |state| Ok(conversations(state)))
    }

    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let call = "kv.get";
        self.answer(call, has("kv"), |state| {
            limits::name(call, "key", key)?;
            Ok(state.kept.kv.get(key).cloned())
        })
    }

    fn kv_set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let call = "kv.set";
        self.answer(call, has("kv"), |state| {
            limits::name(call, "key", key)?;
            limits::value(call, value)?;
            state.kept.kv.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    fn kv_delete(&self, key: &str) -> Result<bool, Error> {
        let call = "kv.delete";
        self.answer(call, has("kv"), |state| {
            limits::name(call, "key", key)?;
            Ok(state.kept.kv.remove(key).is_some())
        })
    }

    fn kv_list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        self.answer("kv.list-keys", has("kv"), |state| {
            let keys = state.kept.kv.range::<str, _>(behind(after)).map(|(key, _)| key);
            let fitting = keys.filter(|key| key.starts_with(prefix));
            Ok(fitting.take(limit.min(1_000) as usize).cloned().collect())
        })
    }

    fn kv_compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, Error> {
        let call = "kv.compare-and-swap";
        self.answer(call, has("kv"), |state| {
            limits::name(call, "key", key)?;
            limits::value(call, new.unwrap_or_default())?;
            if state.kept.kv.get(key).map(Vec::as_slice) != expected {
                return Ok(false);
            }
            match new {
                Some(new) => state.kept.kv.insert(key.to_owned(), new.to_vec()),
                None => state.kept.kv.remove(key),
            };
            Ok(true)
        })
    }

    fn kv_increment(&self, key: &str, by: i64) -> Result<i64, Error> {
        let call = "kv.increment";
        self.answer(call, has("kv"), |state| {
            limits::name(call, "key", key)?;
            let is_number =
                || Error::InvalidArgument { call, reason: format!("the value of `{key}` is no number") };
            let now = match state.kept.kv.get(key) {
                None => 0,
                Some(bytes) => {
                    let digits = std::str::from_utf8(bytes).ok();
                    digits.and_then(|digits| digits.parse::<i64>().ok()).ok_or_else(is_number)?
                }
            };
            let overflow =
                || Error::InvalidArgument { call, reason: "the sum does not fit into 64 bits".to_owned() };
            let sum = now.checked_add(by).ok_or_else(overflow)?;
            state.kept.kv.insert(key.to_owned(), sum.to_string().into_bytes());
            Ok(sum)
        })
    }

    fn timers_set(&self, name: &str, after: u64, every: Option<u64>) -> Result<(), Error> {
        let call = "timers.set";
        self.answer(call, has("timers"), |state| {
            limits::name(call, "name", name)?;
            limits::every(call, every)?;
            let due_at = state.now + Duration::from_millis(after);
            let timer = Timer { name: name.to_owned(), due_at, every: every.map(Duration::from_millis) };
            state.kept.timers.insert(name.to_owned(), timer);
            Ok(())
        })
    }

    fn timers_cancel(&self, name: &str) -> Result<bool, Error> {
        let call = "timers.cancel";
        self.answer(call, has("timers"), |state| {
            limits::name(call, "name", name)?;
            Ok(state.kept.timers.remove(name).is_some())
        })
    }

    fn timers_list_set(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Timer>, Error> {
        self.answer("timers.list-set", has("timers"), |state| {
            let timers = state.kept.timers.range::<str, _>(behind(after)).map(|(_, timer)| timer);
            Ok(timers.filter(|timer| timer.name.starts_with(prefix)).take(100).cloned().collect())
        })
    }

    fn http_fetch(&self, request: Request) -> Result<Response, Error> {
        let call = "http.fetch";
        let origin = limits::origin(call, &request.url)?;
        limits::request(call, &request.method, &request.body)?;
        let secrets: Vec<&str> = request.headers.iter().filter_map(secret).collect();
        let is_granted =
            |state: &State| state.grants.open(&origin) && secrets.iter().all(|name| state.grants.lend(name));
        self.answer(call, is_granted, |state| {
            let is_it = |method: &str, url: &str| method == request.method && url == request.url;
            let position = state.web.iter().position(|(method, url, _)| is_it(method, url));
            state.requests.push(request.clone());
            let (_, _, answer) =
                position.and_then(|position| state.web.remove(position)).unwrap_or_else(|| {
                    panic!("no answer was told for {} {}: see MockHost::answer", request.method, request.url)
                });
            answer.map_err(|reason| Error::Other { call, reason })
        })
    }

    fn config_get_all(&self) -> Result<String, Error> {
        self.answer("config.get-all", has("config"), |state| Ok(state.config.to_string()))
    }

    fn secrets_exists(&self, name: &str) -> Result<bool, Error> {
        let is_granted = |state: &State| state.grants.lend(name);
        self.answer("secrets.exists", is_granted, |state| Ok(state.secrets.contains_key(name)))
    }

    fn secrets_reveal(&self, name: &str) -> Result<String, Error> {
        let call = "secrets.reveal";
        let is_granted = |state: &State| state.grants.reveal(name);
        self.answer(call, is_granted, |state| {
            state.secrets.get(name).cloned().ok_or(Error::NotFound { call })
        })
    }

    fn log_write(&self, level: Level, line: &str) -> Result<(), Error> {
        self.answer("log.write", has("log"), |state| {
            state.log.push((level, line.to_owned()));
            Ok(())
        })
    }

    fn clock_now(&self) -> Result<Timestamp, Error> {
        self.answer("clock.now", has("clock"), |state| Ok(state.now))
    }

    fn random_bytes(&self, n: u32) -> Result<Vec<u8>, Error> {
        let call = "random.bytes";
        self.answer(call, has("random"), |state| {
            limits::check(n <= 65_536, call, || format!("`n` is {n}, more than 65,536"))?;
            let numbers = std::iter::repeat_with(|| state.next_random().to_le_bytes());
            Ok(numbers.flatten().take(n as usize).collect())
        })
    }

    fn random_number(&self) -> Result<u64, Error> {
        self.answer("random.number", has("random"), |state| Ok(state.next_random()))
    }

    fn identity_own_id(&self) -> Result<AccountId, Error> {
        self.answer("identity.own-id", has("identity"), |state| Ok(state.own_id.clone()))
    }
}

/// The range behind a name, or of all.
fn behind(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// The secret that a header carries.
fn secret((_, header): &(String, Header)) -> Option<&str> {
    match header {
        Header::Text(_) => None,
        Header::Secret { name, .. } => Some(name),
    }
}
