//! The store by itself, and beside the ledger: a script must not promise what a real host does not keep.

use std::{mem::discriminant, sync::Arc};

use proptest::{collection::vec, option, prelude::*};
use starling_kernel::SystemEntropy;

use super::*;
use crate::ledger::{self, Draft, DraftError, Ledger};

const QUOTAS: Quotas = Quotas {
    keys: 3,
    bytes: 20,
    writes_per_call: 12,
    timers: 2,
    sends_per_call: 1,
    queued: 1,
    quarantined: 1,
};
const NOW: u64 = 1_000_000;

#[test]
fn values_are_kept_up_to_the_quota_and_what_shrinks_always_fits() {
    let mut store = Store::default();

    assert_eq!(store.set("a", vec![0; 19], &QUOTAS), Ok(HostReply::Done));
    assert_eq!(store.set("b", Vec::new(), &QUOTAS), Err(USED_UP), "21 bytes");
    assert_eq!(store.set("a", vec![0; 20], &QUOTAS), Err(USED_UP));
    assert_eq!(store.set("a", vec![0; 5], &QUOTAS), Ok(HostReply::Done));
    for key in ["b", "c"] {
        assert_eq!(store.set(key, Vec::new(), &QUOTAS), Ok(HostReply::Done));
    }
    assert_eq!(store.set("d", Vec::new(), &QUOTAS), Err(USED_UP), "a fourth key");
    assert_eq!(store.delete("b", &QUOTAS), Ok(HostReply::Flag(true)));
    assert_eq!(store.delete("b", &QUOTAS), Ok(HostReply::Flag(false)));
}

#[test]
fn a_call_writes_so_much_and_the_next_one_again() {
    let mut store = Store::default();

    for _ in 0..12 {
        assert_eq!(store.set("a", Vec::new(), &QUOTAS), Ok(HostReply::Done));
    }
    assert_eq!(store.set("a", Vec::new(), &QUOTAS), Err(USED_UP));
    assert_eq!(store.delete("a", &QUOTAS), Err(USED_UP));
    store.begin();
    assert_eq!(store.delete("a", &QUOTAS), Ok(HostReply::Flag(true)));
}

#[test]
fn timers_fire_in_the_order_of_their_times() {
    let mut store = Store::default();
    store.set_timer("later", 5000, None, &QUOTAS).unwrap();
    store.set_timer("often", 1000, Some(3000), &QUOTAS).unwrap();

    assert_eq!(store.set_timer("third", 1, None, &QUOTAS), Err(USED_UP));
    assert_eq!(store.set_timer("later", 5500, None, &QUOTAS), Ok(HostReply::Done), "in place of the old one");
    let fired: Vec<_> = std::iter::from_fn(|| store.fire(6000)).collect();
    assert_eq!(fired, [(1000, "often".to_owned()), (4000, "often".to_owned()), (5500, "later".to_owned())]);
    assert_eq!(store.timers(), ["often"]);
}

/// One question to a store.
#[derive(Debug, Clone)]
enum Ask {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    List(String, Option<String>, u32),
    Swap(String, Option<Vec<u8>>, Option<Vec<u8>>),
    Increment(String, i64),
    SetTimer(String, u64, Option<u64>),
    CancelTimer(String),
    ListTimers(String, Option<String>),
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let name = || prop_oneof![8 => "[ab]{1,2}", 1 => Just(String::new()), 1 => Just("x".repeat(257))];
    let value = || prop_oneof![4 => vec(any::<u8>(), 0..8), 2 => "-?[0-9]{1,2}".prop_map(String::into_bytes)];
    let number = prop_oneof![Just(1), Just(-3), Just(i64::MAX), Just(i64::MIN)];
    prop_oneof![
        name().prop_map(Ask::Get),
        (name(), value()).prop_map(|(key, value)| Ask::Set(key, value)),
        name().prop_map(Ask::Delete),
        ("[ab]{0,1}", option::of("[ab]{0,2}"), 0_u32..4)
            .prop_map(|(prefix, after, limit)| Ask::List(prefix, after, limit)),
        (name(), option::of(value()), option::of(value()))
            .prop_map(|(key, expected, new)| Ask::Swap(key, expected, new)),
        (name(), number).prop_map(|(key, by)| Ask::Increment(key, by)),
        (name(), 0_u64..5000, option::of(0_u64..3000))
            .prop_map(|(name, after, every)| Ask::SetTimer(name, after, every)),
        name().prop_map(Ask::CancelTimer),
        ("[ab]{0,1}", option::of("[ab]{0,2}")).prop_map(|(prefix, after)| Ask::ListTimers(prefix, after)),
    ]
}

impl Ask {
    fn of_store(&self, store: &mut Store) -> Answer {
        let bytes = |value: &Option<Vec<u8>>| value.clone().map(BytesText);
        match self {
            Self::Get(key) => store.get(key),
            Self::Set(key, value) => store.set(key, value.clone(), &QUOTAS),
            Self::Delete(key) => store.delete(key, &QUOTAS),
            Self::List(prefix, after, limit) => store.list_keys(prefix, after.as_deref(), *limit),
            Self::Swap(key, expected, new) => {
                store.compare_and_swap(key, bytes(expected).as_ref(), bytes(new), &QUOTAS)
            }
            Self::Increment(key, by) => store.increment(key, *by, &QUOTAS),
            Self::SetTimer(name, after, every) => store.set_timer(name, NOW + after, *every, &QUOTAS),
            Self::CancelTimer(name) => store.cancel_timer(name),
            Self::ListTimers(prefix, after) => store.list_timers(prefix, after.as_deref()),
        }
    }

    fn of_ledger(&self, draft: &mut Draft) -> Result<HostReply, DraftError> {
        Ok(match self {
            Self::Get(key) => HostReply::Value(draft.get(key)?.map(BytesText)),
            Self::Set(key, value) => {
                draft.set(key, value)?;
                HostReply::Done
            }
            Self::Delete(key) => HostReply::Flag(draft.delete(key)?),
            Self::List(prefix, after, limit) => {
                HostReply::Names(draft.list_keys(prefix, after.as_deref(), *limit as usize)?)
            }
            Self::Swap(key, expected, new) => {
                HostReply::Flag(draft.compare_and_swap(key, expected.as_deref(), new.as_deref())?)
            }
            Self::Increment(key, by) => HostReply::Number(draft.increment(key, *by)?),
            Self::SetTimer(name, after, every) => {
                draft.set_timer(name, *after, *every)?;
                HostReply::Done
            }
            Self::CancelTimer(name) => HostReply::Flag(draft.cancel_timer(name)?),
            Self::ListTimers(prefix, after) => HostReply::Timers(draft.list_timers(prefix, after.as_deref())),
        })
    }
}

#[test]
fn a_script_s_store_answers_as_the_ledger_does() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path(), &ledger::Options::default(), Arc::new(SystemEntropy)).unwrap();
    let book = ledger.book("x", &[1; 32], QUOTAS).unwrap();

    proptest!(ProptestConfig::with_cases(512), |(asks in vec(any_ask(), 0..40))| {
        let mut store = Store::default();
        let mut draft = book.begin(NOW).unwrap();
        for ask in asks {
            let (own, real) = (ask.of_store(&mut store), ask.of_ledger(&mut draft).map_err(HostError::from));
            match (&own, &real) {
                (Err(own), Err(real)) => prop_assert_eq!(discriminant(own), discriminant(real), "{:?}", ask),
                _ => prop_assert_eq!(&own, &real, "{:?}", ask),
            }
        }
    });
}
