//! Each kind of harm is stopped in its own time, by its right name, and the next call finds everything as it should be.

use std::{fs, time::Instant};

use starling_sandbox::{
    Fault, FaultKind, Plugin,
    config::CodeMode,
    event::{Command, Event, Failure, Item, Outcome, Verdict},
};
use starling_test_guests::guest;

use crate::seated::{ALICE, CALL_TIME, Seated, message, sandbox, text};

const MODES: [CodeMode; 2] = [CodeMode::Native, CodeMode::Interpreted];

/// What a bot is ordered to do, and what is to become of it.
pub(crate) const HARM: &[(&str, End)] = &[
    ("trap", End::Fault(FaultKind::Trapped)),
    ("exit 0", End::Fault(FaultKind::Trapped)),
    ("exit 1", End::Fault(FaultKind::Trapped)),
    ("spin", End::Fault(FaultKind::TimedOut)),
    ("call-forever", End::Fault(FaultKind::TimedOut)),
    ("sleep 3600", End::Fault(FaultKind::TimedOut)),
    ("fetch http://192.0.2.1/", End::Fault(FaultKind::TimedOut)),
    ("poll-many 100", End::Fault(FaultKind::TimedOut)),
    ("recurse 18446744073709551615", End::Fault(FaultKind::StackExhausted)),
    ("recurse-wide 18446744073709551615", End::Fault(FaultKind::Trapped)),
    ("allocate 4096", End::Fault(FaultKind::OutOfMemory)),
    ("hoard-in-steps", End::Fault(FaultKind::OutOfMemory)),
    ("many-small", End::Fault(FaultKind::OutOfMemory)),
    ("huge-list 1000000", End::Fault(FaultKind::OutOfMemory)),
    ("huge-list 60000", End::Fault(FaultKind::Contract)),
    ("huge-texts 3000000", End::Fault(FaultKind::Contract)),
    ("reject-at-length 4000000", End::Fault(FaultKind::Contract)),
    ("hoard-pollables 1000000", End::Fault(FaultKind::Contract)),
    ("hoard-streams 1000000", End::Fault(FaultKind::Contract)),
    ("poll-many 100000", End::Fault(FaultKind::Contract)),
    ("wasi-random 4294967296", End::Fault(FaultKind::Contract)),
    ("wasi-write 1000000", End::Fault(FaultKind::Contract)),
    ("wasi-read 4294967295", End::Done),
    ("print-flood 200", End::Done),
    ("look-around", End::Done),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Done,
    Fault(FaultKind),
}

impl End {
    fn of(outcome: &Result<Outcome, Fault>) -> Option<Self> {
        match outcome {
            Ok(Outcome::Done) => Some(Self::Done),
            Ok(_) => None,
            Err(fault) => Some(Self::Fault(fault.kind)),
        }
    }
}

fn compiled(name: &str, mode: CodeMode) -> Plugin {
    sandbox(mode).compile(&guest(name)).expect("the guests fit this host")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_harm_is_stopped_in_its_time_and_the_next_call_is_well() {
    for mode in MODES {
        let mut bot = Seated::new(compiled("misbehave", mode));
        for (order, expected) in HARM {
            let started = Instant::now();

            let outcome = bot.order(order).await;

            let took = started.elapsed();
            assert_eq!(End::of(&outcome), Some(*expected), "{order}, {mode:?}: {outcome:?}");
            assert!(took < CALL_TIME * 4, "{order}, {mode:?}, took {took:?}");
            assert_eq!(bot.order("rest").await, Ok(Outcome::Done), "after {order}, {mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_kept_is_dropped_after_harm_and_another_takes_its_seat() {
    let mut bot = Seated::keeping(compiled("misbehave", CodeMode::Native), Some(1_000));
    for (order, expected) in HARM {
        bot.order("leak 1").await.unwrap();
        assert!(bot.seat.is_warm(), "before {order}");

        let outcome = bot.order(order).await;

        assert_eq!(End::of(&outcome), Some(*expected), "{order}: {outcome:?}");
        assert_eq!(bot.seat.is_warm(), *expected == End::Done, "after {order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_is_kept_over_calls_is_counted_until_the_instance_is_given_up() {
    let mut bot = Seated::keeping(compiled("misbehave", CodeMode::Native), Some(1_000));
    let mut calls_until_full = 0;

    let fault = loop {
        match bot.order("leak 4").await {
            Ok(_) => calls_until_full += 1,
            Err(fault) => break fault,
        }
    };

    assert_eq!(fault.kind, FaultKind::OutOfMemory);
    assert_eq!(calls_until_full, 3, "of 16 MiB, the guest needs some for itself");
    assert_eq!(bot.order("leak 4").await, Ok(Outcome::Done), "a new instance begins with nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_export_may_trap() {
    let mut bot = Seated::new(compiled("misbehave", CodeMode::Native));
    let mut filter = Seated::new(compiled("misjudge", CodeMode::Native));
    bot.host.configure("{\"on-start\":\"trap\"}");
    let target = text("").origin;
    let command = Command { name: "trap".to_owned(), arguments: Vec::new(), message: text("/trap") };
    let trap = || "trap".to_owned();
    let conversation = || ALICE.to_owned();
    let calls = [
        Event::Start,
        message("trap"),
        Event::Command { command },
        Event::Reaction { author: conversation(), target, emoji: trap(), is_removed: false },
        Event::Other { kind: trap(), conversation: conversation(), detail: "{}".to_owned() },
        Event::Timer { name: trap() },
        Event::Migrate { from_version: trap() },
    ];

    for call in &calls {
        let fault = bot.call(call).await.expect_err("it traps");
        assert_eq!(fault.kind, FaultKind::Trapped, "{}", call.export());
        assert_eq!(bot.order("rest").await, Ok(Outcome::Done), "after {}", call.export());
    }
    let fault = filter.call(&review("trap")).await.expect_err("it traps");
    assert_eq!(fault.kind, FaultKind::Trapped);
    assert_eq!(filter.call(&review("")).await, Ok(Outcome::Judged(Verdict::Allow)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_can_do_no_more_harm_than_a_bot() {
    for mode in MODES {
        let mut filter = Seated::new(compiled("misjudge", mode));
        for (order, kind) in [
            ("spin", FaultKind::TimedOut),
            ("hoard", FaultKind::OutOfMemory),
            ("trap-after-kv", FaultKind::Trapped),
            ("long-reason 4000000", FaultKind::Contract),
            ("replace 4000000", FaultKind::Contract),
        ] {
            let fault = filter.call(&review(order)).await.expect_err("it is stopped");

            assert_eq!(fault.kind, kind, "{order}, {mode:?}: {}", fault.text);
            assert_eq!(filter.call(&review("")).await, Ok(Outcome::Judged(Verdict::Allow)), "after {order}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_world_outside_and_its_clocks_stand_still() {
    let mut bot = Seated::new(compiled("misbehave", CodeMode::Native));

    let looked = bot.order("look-around").await;
    let found = bot.host.take_lines();
    bot.order("clocks").await.unwrap();
    let clocks = bot.host.take_lines();
    bot.order("randomness").await.unwrap();
    bot.order("randomness").await.unwrap();
    let randomness = bot.host.take_lines();

    assert_eq!(looked, Ok(Outcome::Done));
    assert_eq!(found, ["found nothing"]);
    let now = 1_790_000_000_000_000_000_u64;
    assert!(clocks[0].starts_with(&format!("clocks {now} {now} 0 ")), "{clocks:?}");
    assert_eq!(randomness[0], randomness[1], "one moment has one randomness");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_prints_is_cut_and_goes_to_its_host() {
    let mut bot = Seated::new(compiled("misbehave", CodeMode::Native));

    bot.order("print-flood 200").await.unwrap();

    let printed = bot.host.take_printed();
    assert!(printed.starts_with("flood flood"), "{}", &printed[..20]);
    assert!(printed.len() < 70_000, "{} bytes", printed.len());
    assert!(printed.ends_with("were printed and left out)"), "{}", &printed[printed.len() - 60..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_of_harm_at_once_cost_a_good_bot_nothing_and_the_process_little_memory() {
    let misbehave = compiled("misbehave", CodeMode::Native);
    let mut counter = Seated::new(compiled("counter", CodeMode::Native));
    let hostile: Vec<_> = HARM
        .iter()
        .map(|(order, expected)| {
            let mut bot = Seated::new(misbehave.clone());
            tokio::spawn(async move {
                for _ in 0..3 {
                    let outcome = bot.order(order).await;
                    // Among so many, whatever needs long may run out of time before it runs out of anything else.
                    let late = Some(End::Fault(FaultKind::TimedOut));
                    let end = End::of(&outcome);
                    assert!(end == Some(*expected) || end == late, "{order}: {outcome:?}");
                }
            })
        })
        .collect();

    let mut answered = 0;
    while hostile.iter().any(|bot| !bot.is_finished()) {
        assert_eq!(counter.order("one more").await, Ok(Outcome::Done));
        assert_eq!(counter.host.take_calls(), ["kv.increment", "kv.increment", "outbox.reply"]);
        answered += 1;
    }

    for bot in hostile {
        bot.await.expect("each ends as it should");
    }
    assert!(answered > 20, "the good bot was called {answered} times meanwhile");
    assert!(peak_memory() < 1 << 30, "the process has needed {} MiB", peak_memory() >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_what_the_guest_says_it_is() {
    let mut bot = Seated::new(compiled("misbehave", CodeMode::Native));

    assert_eq!(bot.order("retry 5000").await, Ok(Outcome::Failed(Failure::Retry(5_000))));
    assert_eq!(bot.order("reject as told").await, Ok(Outcome::Failed(Failure::Reject("as told".to_owned()))));
    let unknown = Failure::Reject("there is no behaviour \"dance\"".to_owned());
    assert_eq!(bot.order("dance").await, Ok(Outcome::Failed(unknown)));
}

fn review(order: &str) -> Event {
    let item = Item {
        room: None,
        conversation: ALICE.to_owned(),
        author: ALICE.to_owned(),
        sent_at: 1_790_000_000_000,
        body: order.to_owned(),
        is_request: false,
        attachments: 0,
    };
    Event::Review { item }
}

/// The most memory that this process ever had, in bytes; nothing where the system does not say.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
