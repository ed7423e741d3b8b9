//! A host for unit tests, without WebAssembly: what a plugin asks is answered from memory, and what it does is written down.
//!
//! Time stands still until the test moves it, randomness repeats itself, web servers say what the test has them say, and a
//! call that fails is undone, as it is by the real host.
//!
//! ```
//! use starling_plugin::{Bot, Host, Message, Outcome, mock::{MockHost, account}};
//!
//! #[derive(Default)]
//! struct Counter;
//!
//! impl Bot for Counter {
//!     fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
//!         let count = host.kv().increment("count", 1)?;
//!         host.outbox().send(message.conversation(), &format!("That was message {count}."))?;
//!         Ok(())
//!     }
//! }
//!
//! let mock = MockHost::new();
//! mock.say(&mut Counter, &account(1), "hello").expect("everything is granted");
//! mock.revoke("send");
//! mock.say(&mut Counter, &account(1), "hello?").expect_err("it may no longer send");
//!
//! assert_eq!(mock.texts(), ["That was message 1."]);
//! assert_eq!(mock.value("count"), Some(1), "the second call was undone");
//! ```

mod action;
mod answers;
mod calls;
mod grants;
mod limits;
mod state;

use std::{cell::RefCell, rc::Rc};

use serde::de::DeserializeOwned;

pub use action::Action;
pub(crate) use answers::Shared;

use self::{grants::Grants, state::State};
use crate::{
    AccountId, Conversation, Error, Level, Message, MessageRef, Request, Response, Timer, Timestamp,
};

/// The time at which a mock begins: the first second of 2026.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A host in memory, which a test owns. Clones are the same host.
///
/// Its methods panic, with a sentence, when a test asks for what cannot be.
#[derive(Clone)]
pub struct MockHost {
    shared: Shared,
}

impl Default for MockHost {
    fn default() -> Self {
        Self::new()
    }
}

impl MockHost {
    /// A host that grants everything.
    pub fn new() -> Self {
        Self { shared: Shared(Rc::new(RefCell::new(State::new(Grants::all())))) }
    }

    /// A host that grants only these permissions, which are written as in `plugin.toml`.
    pub fn with_grants(permissions: &[&str]) -> Self {
        let grants = Grants::of(permissions);
        Self { shared: Shared(Rc::new(RefCell::new(State::new(grants)))) }
    }

    /// The same with this config, which is one object.
    pub fn with_config(self, config: serde_json::Value) -> Self {
        assert!(config.is_object(), "a plugin's config is one object, not {config}");
        self.state(|state| state.config = config);
        self
    }

    /// The same with one more secret.
    pub fn with_secret(self, name: &str, value: &str) -> Self {
        self.state(|state| state.secrets.insert(name.to_owned(), value.to_owned()));
        self
    }

    /// Grants one more permission, written as in `plugin.toml`.
    pub fn grant(&self, permission: &str) {
        self.state(|state| state.grants.add(permission));
    }

    /// Takes back a permission, as `send:direct`, or all of its kind, as `send`.
    pub fn revoke(&self, permission: &str) {
        self.state(|state| state.grants.remove(permission));
    }

    /// From now on, answers the call that the error names (`outbox.send`) with this error.
    pub fn refuse(&self, error: Error) {
        let call = error.call().expect("only an error of the host can be an answer of the host");
        self.state(|state| state.refusals.insert(call, error));
    }

    /// Answers a call again that was refused.
    pub fn accept(&self, call: &str) {
        self.state(|state| state.refusals.remove(call));
    }

    /// Answers the next request of that method for that URL, after those that were told before. Each answer is given once.
    pub fn answer(&self, method: &str, url: &str, response: Response) {
        self.state(|state| state.web.push_back((method.to_owned(), url.to_owned(), Ok(response))));
    }

    /// Lets the next request of that method for that URL fail, as when there is no connection.
    pub fn fail_answer(&self, method: &str, url: &str, reason: &str) {
        self.state(|state| state.web.push_back((method.to_owned(), url.to_owned(), Err(reason.to_owned()))));
    }

    /// The requests that have left, the oldest first, also those of calls that failed.
    pub fn requests(&self) -> Vec<Request> {
        self.state(|state| state.requests.clone())
    }

    /// Makes the randomness another, which repeats itself like the first.
    pub fn seed(&self, seed: u64) {
        self.state(|state| state.random = seed);
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.state(|state| state.now)
    }

    /// What was sent and done by calls that ended well, the oldest first.
    pub fn actions(&self) -> Vec<Action> {
        self.state(|state| state.kept.actions.clone())
    }

    /// The same, and forgets it: what happens next is seen alone.
    pub fn take_actions(&self) -> Vec<Action> {
        self.state(|state| std::mem::take(&mut state.kept.actions))
    }

    /// The texts that were sent, to whomever, the oldest first.
    pub fn texts(&self) -> Vec<String> {
        self.actions().iter().filter_map(|action| action.text()).map(str::to_owned).collect()
    }

    /// The texts that were sent to one account.
    pub fn texts_to(&self, account: &AccountId) -> Vec<String> {
        let conversation = Conversation::from(account);
        let actions = self.actions();
        let to_account = actions.iter().filter(|action| action.conversation() == Some(&conversation));
        to_account.filter_map(|action| action.text()).map(str::to_owned).collect()
    }

    /// The value of a key that was stored as JSON or as a number. Panics when it is no such value.
    pub fn value<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.bytes(key)?;
        Some(serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("the value of `{key}`: {error}")))
    }

    /// The bytes of a key.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.state(|state| state.kept.kv.get(key).cloned())
    }

    /// The keys of the store, in their order.
    pub fn keys(&self) -> Vec<String> {
        self.state(|state| state.kept.kv.keys().cloned().collect())
    }

    /// The timers that are set, in the order of their names.
    pub fn timers(&self) -> Vec<Timer> {
        self.state(|state| state.kept.timers.values().cloned().collect())
    }

    /// The lines of the log, the oldest first, also those of calls that failed.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.state(|state| state.log.clone())
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.shared.0.borrow_mut())
    }
}

/// An account for tests; another number, another account.
pub fn account(number: u64) -> AccountId {
    AccountId::parse(&format!("05{number:064x}")).expect("this is the form of an id")
}

/// A message for tests, sent to the plugin's account by that author at the [`BEGINNING`].
pub fn message(author: &AccountId, body: &str) -> Message {
    Message {
        id: 1,
        origin: MessageRef { conversation: author.into(), author: author.clone(), sent_at: BEGINNING },
        body: body.to_owned(),
        received_at: BEGINNING,
        is_request: false,
    }
}
