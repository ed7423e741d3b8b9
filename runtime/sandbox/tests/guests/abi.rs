//! Modules that break the ABI itself end in a fault of their own, and leave nothing behind.

use std::time::Instant;

use starling_sandbox::{FaultKind, config::CodeMode, event::Outcome};
use starling_test_guests::abuse;

use crate::seated::{CALL_TIME, Seated, message, sandbox};

/// The modules of `tests/plugins/hostile/abi`, and how a message to each ends; well when there is no kind.
const ABUSES: &[(&str, Option<FaultKind>)] = &[
    ("honest", None),
    ("answer-out-of-memory", Some(FaultKind::Contract)),
    ("answer-misaligned", Some(FaultKind::Contract)),
    ("answer-unknown-case", Some(FaultKind::Contract)),
    ("failure-unknown-case", Some(FaultKind::Contract)),
    ("reason-out-of-memory", Some(FaultKind::Contract)),
    ("reason-endless", Some(FaultKind::Contract)),
    ("reason-no-utf8", Some(FaultKind::Contract)),
    ("text-out-of-memory", Some(FaultKind::Contract)),
    ("text-endless", Some(FaultKind::Contract)),
    ("text-no-utf8", Some(FaultKind::Contract)),
    ("list-endless", Some(FaultKind::Contract)),
    ("enum-unknown-case", Some(FaultKind::Contract)),
    ("option-unknown-case", Some(FaultKind::Contract)),
    ("headers-endless", Some(FaultKind::Contract)),
    ("headers-overflow", Some(FaultKind::Contract)),
    ("headers-same-memory", Some(FaultKind::Contract)),
    ("header-unknown-case", Some(FaultKind::Contract)),
    ("place-for-answer-out-of-memory", Some(FaultKind::Contract)),
    ("place-for-answer-misaligned", Some(FaultKind::Contract)),
    ("realloc-out-of-memory", Some(FaultKind::Contract)),
    ("realloc-misaligned", None),
    ("realloc-traps", Some(FaultKind::Trapped)),
    ("realloc-forever", Some(FaultKind::TimedOut)),
    ("realloc-calls-host", Some(FaultKind::Contract)),
    ("realloc-overlapping", None),
    ("grow-table", Some(FaultKind::OutOfMemory)),
    ("grow-table-at-once", None),
    ("grow-memory-at-once", None),
    ("start-forever", Some(FaultKind::TimedOut)),
    ("start-traps", Some(FaultKind::Trapped)),
    ("divide-by-zero", Some(FaultKind::Trapped)),
    ("wrong-indirect-call", Some(FaultKind::Trapped)),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_abi_is_named_and_stopped() {
    for mode in [CodeMode::Native, CodeMode::Interpreted] {
        for (name, expected) in ABUSES {
            let plugin =
                sandbox(mode).compile(&abuse(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut seated = Seated::new(plugin);
            for attempt in 1..=2 {
                let started = Instant::now();

                let outcome = seated.call(&message("hello")).await;

                let took = started.elapsed();
                let kind = outcome.as_ref().err().map(|fault| fault.kind);
                assert_eq!(kind, *expected, "{name}, {mode:?}, attempt {attempt}: {outcome:?}");
                assert!(expected.is_some() || outcome == Ok(Outcome::Done), "{name}: {outcome:?}");
                assert!(took < CALL_TIME * 4, "{name}, {mode:?}, took {took:?}");
            }
        }
    }
}
