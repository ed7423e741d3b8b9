//! Calls of a plugin, each one transaction.

use std::time::Duration;

use super::{MockHost, message};
use crate::{
    AccountId, Bot, Command, Failure, Filter, FilterHost, Host, Item, Message, Outcome, Place, Verdict,
};

/// How many timers may fire in one [`advance`](MockHost::advance) before it is taken for endless.
const MOST_FIRINGS: usize = 10_000;

impl MockHost {
    /// Does something as one call of a plugin: undone when it fails.
    pub fn call<T>(&self, work: impl FnOnce(&Host) -> Result<T, Failure>) -> Result<T, Failure> {
        let host = Host::new(self.shared.clone());
        self.transact(|| work(&host))
    }

    /// A message comes in from that author: as a command when it is one, else as a message.
    pub fn say<B: Bot>(&self, bot: &mut B, author: &AccountId, body: &str) -> Outcome {
        let message = self.receive(author, body);
        self.call(|host| match Command::parse(&message) {
            Some(command) => bot.on_command(host, command),
            None => bot.on_message(host, message),
        })
    }

    /// Stores a message of that author without calling anybody, and answers it; a test may deliver it by
    /// [`call`](Self::call).
    pub fn receive(&self, author: &AccountId, body: &str) -> Message {
        self.state(|state| {
            let mut message = message(author, body);
            message.id = state.messages.last().map_or(1, |last| last.id + 1);
            message.origin.sent_at = state.now;
            message.received_at = state.now;
            state.messages.push(message.clone());
            message
        })
    }

    /// Lets time pass without calling anybody: for filters, and for bots without timers.
    pub fn pass(&self, by: Duration) {
        self.state(|state| state.now = state.now + by);
    }

    /// Lets time pass. Timers that come due fire in their order, each at its time; answers the names of those that fired and
    /// how their calls ended. One whose call fails is not fired again, unless it repeats.
    pub fn advance<B: Bot>(&self, bot: &mut B, by: Duration) -> Vec<(String, Outcome)> {
        let until = self.now() + by;
        let mut fired = Vec::new();
        while let Some(name) = self.next_due(until) {
            let outcome = self.call(|host| bot.on_timer(host, &name));
            fired.push((name, outcome));
            assert!(fired.len() < MOST_FIRINGS, "timers fire without end");
        }
        self.state(|state| state.now = until);
        fired
    }

    /// Takes the timer that is due first, if it is by then, and moves the time to it.
    fn next_due(&self, until: crate::Timestamp) -> Option<String> {
        self.state(|state| {
            let timers = state.kept.timers.values().filter(|timer| timer.due_at <= until);
            let due = timers.min_by_key(|timer| timer.due_at)?.clone();
            state.now = state.now.max(due.due_at);
            match due.every {
                Some(every) => {
                    let due_at = due.due_at + every;
                    state.kept.timers.entry(due.name.clone()).and_modify(|timer| timer.due_at = due_at);
                }
                None => {
                    state.kept.timers.remove(&due.name);
                }
            }
            Some(due.name)
        })
    }

    /// Has a filter judge an item, as one call. A filter that fails is asked for its
    /// [verdict without knowing](Filter::undecided), and what it stored is undone.
    pub fn review<F: Filter>(&self, filter: &mut F, item: Item) -> Verdict {
        let host = FilterHost::new(self.shared.clone());
        let judged = self.transact(|| filter.review(&host, item));
        judged.unwrap_or_else(|error| filter.undecided(&error))
    }

    /// An item for a filter: a text of that author, who is known, now, for the inbox.
    pub fn item(&self, author: &AccountId, body: &str) -> Item {
        Item {
            place: Place::Inbox,
            conversation: author.into(),
            author: author.clone(),
            sent_at: self.now(),
            body: body.to_owned(),
            is_request: false,
            attachments: 0,
        }
    }

    fn transact<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.state(|state| {
            assert!(!state.is_in_call, "calls of one plugin never overlap");
            state.is_in_call = true;
            state.kept.clone()
        });
        let result = work();
        self.state(|state| {
            state.is_in_call = false;
            match &result {
                Ok(_) => state.kept.let_leave(),
                Err(_) => state.kept = before,
            }
        });
        result
    }
}
