//! The ledger beside a model: two maps, copied at every call.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::call::Timer;

const QUOTAS: Quotas = Quotas {
    keys: 5,
    bytes: 60,
    writes_per_call: 500,
    timers: 2,
    sends_per_call: 2,
    queued: 1000,
    quarantined: 5,
};

/// What a guest does.
#[derive(Debug, Clone)]
enum Step {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Swap(String, Option<Vec<u8>>, Option<Vec<u8>>),
    Increment(String, i64),
    List(String, Option<String>, usize),
    SetTimer(String, u64, Option<u64>),
    Cancel(String),
    Timers,
    Send,
}

/// How a call ends, and what happens then.
#[derive(Debug, Clone, Copy)]
enum End {
    Undone,
    Accepted,
    /// Accepted, and waited for.
    Written,
    /// Accepted, and the file is closed and opened again.
    Reopened,
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "abc", "b", "ba", "\u{e9}", "z"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), Just(b"7".to_vec()), vec(any::<u8>(), 0..30)]
}

fn step() -> impl Strategy<Value = Step> {
    let period = prop::option::of(500_u64..3000);
    prop_oneof![
        key().prop_map(Step::Get),
        (key(), value()).prop_map(|(key, value)| Step::Set(key, value)),
        key().prop_map(Step::Delete),
        (key(), prop::option::of(value()), prop::option::of(value()))
            .prop_map(|(k, old, new)| Step::Swap(k, old, new)),
        (key(), -9_i64..9).prop_map(|(key, by)| Step::Increment(key, by)),
        (key(), prop::option::of(key()), 0_usize..5)
            .prop_map(|(prefix, after, limit)| Step::List(prefix, after, limit)),
        (key(), 0_u64..99, period).prop_map(|(name, after, every)| Step::SetTimer(name, after, every)),
        key().prop_map(Step::Cancel),
        Just(Step::Timers),
        Just(Step::Send),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![3 => Just(End::Undone), 6 => Just(End::Accepted), 2 => Just(End::Written), 1 => Just(End::Reopened)]
}

/// What a plugin ought to keep.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    values: BTreeMap<String, Vec<u8>>,
    timers: BTreeMap<String, (u64, Option<u64>)>,
    n_sent: u64,
    cursor: u64,
}

impl Model {
    fn bytes(&self) -> usize {
        self.values.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    fn set(&mut self, key: &str, value: &[u8]) -> bool {
        let mut after = self.clone();
        after.values.insert(key.to_owned(), value.to_vec());
        let fits = after.values.len() as u64 <= QUOTAS.keys && after.bytes() as u64 <= QUOTAS.bytes;
        if fits {
            *self = after;
        }
        fits
    }

    fn increment(&mut self, key: &str, by: i64) -> Option<i64> {
        let number: i64 = match self.values.get(key) {
            None => 0,
            Some(value) => std::str::from_utf8(value).ok()?.parse().ok()?,
        };
        let sum = number + by;
        self.set(key, sum.to_string().as_bytes()).then_some(sum)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let keys = self.values.keys().filter(|key| key.starts_with(prefix));
        keys.filter(|key| after.is_none_or(|after| key.as_str() > after)).take(limit).cloned().collect()
    }

    fn set_timer(&mut self, name: &str, after: u64, every: Option<u64>) -> bool {
        let has_room = self.timers.len() < QUOTAS.timers || self.timers.contains_key(name);
        let is_fine = has_room && every.is_none_or(|every| every >= MIN_TIMER_PERIOD_MS);
        if is_fine {
            self.timers.insert(name.to_owned(), (NOW + after, every));
        }
        is_fine
    }
}

/// Takes a step on both, and compares what they answer.
fn take(step: Step, draft: &mut Draft, model: &mut Model, sends_left: &mut usize) {
    match step {
        Step::Get(key) => assert_eq!(draft.get(&key).unwrap().as_ref(), model.values.get(&key)),
        Step::Set(key, value) => assert_eq!(draft.set(&key, &value).is_ok(), model.set(&key, &value)),
        Step::Delete(key) => assert_eq!(draft.delete(&key).unwrap(), model.values.remove(&key).is_some()),
        Step::Swap(key, old, new) => {
            let outcome = draft.compare_and_swap(&key, old.as_deref(), new.as_deref()).ok();
            let expected = match (model.values.get(&key) == old.as_ref(), new) {
                (false, _) => Some(false),
                (true, Some(new)) => model.set(&key, &new).then_some(true),
                (true, None) => {
                    model.values.remove(&key);
                    Some(true)
                }
            };
            assert_eq!(outcome, expected);
        }
        Step::Increment(key, by) => assert_eq!(draft.increment(&key, by).ok(), model.increment(&key, by)),
        Step::List(prefix, after, limit) => {
            let listed = draft.list_keys(&prefix, after.as_deref(), limit).unwrap();
            assert_eq!(listed, model.list(&prefix, after.as_deref(), limit));
        }
        Step::SetTimer(name, after, every) => {
            assert_eq!(draft.set_timer(&name, after, every).is_ok(), model.set_timer(&name, after, every));
        }
        Step::Cancel(name) => {
            assert_eq!(draft.cancel_timer(&name).unwrap(), model.timers.remove(&name).is_some());
        }
        Step::Timers => {}
        Step::Send => {
            let may = *sends_left > 0;
            assert_eq!(draft.send("05aa", "x").is_ok(), may);
            *sends_left -= usize::from(may);
            model.n_sent += u64::from(may);
        }
    }
    let timers = draft.list_timers("", None).into_iter();
    let timers: BTreeMap<_, _> =
        timers.map(|Timer { name, due_at, every }| (name, (due_at, every))).collect();
    assert_eq!(timers, model.timers);
    assert_eq!(draft.stored(), (model.values.len() as u64, model.bytes() as u64));
}

/// Compares all that is kept.
fn compare(ledger: &Ledger, book: &Book, model: &Model, is_on_disk: bool) {
    let mut draft = book.begin(NOW).unwrap();
    let keys = draft.list_keys("", None, 99).unwrap();
    let values: BTreeMap<_, _> =
        keys.into_iter().map(|key| (key.clone(), draft.get(&key).unwrap().unwrap())).collect();
    assert_eq!(values, model.values);
    assert_eq!(book.cursor().unwrap(), model.cursor);
    assert_eq!(book.next_due().unwrap(), model.timers.values().map(|(due_at, _)| *due_at).min());
    if is_on_disk {
        let usage = Usage {
            keys: model.values.len() as u64,
            bytes: model.bytes() as u64,
            timers: model.timers.len() as u64,
            queued: model.n_sent,
            ..Usage::default()
        };
        assert_eq!(ledger.usage("echo").unwrap(), usage);
        assert_eq!(book.outgoing(None, 9999).unwrap().len() as u64, model.n_sent);
    }
}

fn run(runtime: &Runtime, calls: Vec<(Vec<Step>, End)>) {
    let folder = tempfile::tempdir().unwrap();
    let reopen = || {
        let ledger = open(folder.path());
        let book = ledger.book("echo", &AT_REST, QUOTAS).unwrap();
        (ledger, book)
    };
    let (mut ledger, mut book) = reopen();
    let mut model = Model::default();
    for (number, (steps, end)) in (1..).zip(calls) {
        let mut draft = book.begin(NOW).unwrap();
        let (mut changed, mut sends_left) = (model.clone(), QUOTAS.sends_per_call);
        for step in steps {
            take(step, &mut draft, &mut changed, &mut sends_left);
        }
        if matches!(end, End::Undone) {
            drop(draft);
            compare(&ledger, &book, &model, false);
            continue;
        }
        changed.cursor = number;
        model = changed;
        let ticket = book.accept(draft, &Done::Message { number }).unwrap();
        let is_lazy = ticket.is_lazy();
        match end {
            End::Undone | End::Accepted => {}
            End::Written => runtime.block_on(ticket).unwrap(),
            End::Reopened => {
                runtime.block_on(ledger.close());
                (ledger, book) = reopen();
            }
        }
        let is_on_disk = matches!(end, End::Reopened) || (matches!(end, End::Written) && !is_lazy);
        compare(&ledger, &book, &model, is_on_disk);
    }
}

#[test]
fn the_ledger_does_as_two_maps_would() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let calls = vec((vec(step(), 0..8), end()), 1..25);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(calls in calls)| run(&runtime, calls));
}
