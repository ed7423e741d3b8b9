//! Mailboxes are bounded, and every question is answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use starling_kernel::{Bounds, CallError, Kernel, ManualClock, Spec, done, message, task};

use crate::worker::{Do, Gate, Worker, add, bounds, does, idle, panics, soon, spec, until, waits_for};

const BUSY: CallError = CallError::Busy { actor: "worker-0", capacity: 64 };
const LATE: CallError = CallError::Late { actor: "worker-0", message: "do" };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_questions_at_once_each_is_answered_or_refused() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let ask = |_| {
            let kernel = kernel.clone();
            tokio::spawn(async move {
                let deed = does::<0>(|worker, _| {
                    worker.sum += 1;
                    let sum = worker.sum;
                    task(async move {
                        tokio::task::yield_now().await;
                        Ok(sum)
                    })
                });
                kernel.ask(deed).await
            })
        };
        let asked: Vec<_> = (0..10_000).map(ask).collect();

        let (mut answered, mut refused) = (0, 0);
        for answer in futures::future::join_all(asked).await {
            match answer.expect("no caller panics") {
                Ok(_) => answered += 1,
                Err(error) => {
                    assert_eq!(error, BUSY);
                    refused += 1;
                }
            }
        }

        assert_eq!(answered + refused, 10_000);
        assert!(answered >= 64, "at least the mailbox is worked off: {answered}");
        assert_eq!(kernel.ask(add::<0>(0)).await, Ok(answered));
        assert_eq!(kernel.observe().await[0].mailbox_depth, 0);
    })
    .await;
}

#[tokio::test]
async fn a_full_mailbox_is_busy_and_takes_again_when_one_has_left() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let mut asked: Vec<_> = (0..4).map(|_| Box::pin(kernel.ask(waits_for::<0>(&gate)))).collect();
        for one in &mut asked {
            assert!(futures::poll!(one).is_pending());
        }
        until(|| gate.reached() == 4).await;
        let mut waiting: Vec<_> = (0..64).map(|_| Box::pin(kernel.ask(add::<0>(1)))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }

        assert_eq!(kernel.observe().await[0].mailbox_depth, 64);
        assert_eq!(kernel.ask(add::<0>(1)).await, Err(BUSY));
        assert_eq!(BUSY.to_string(), "worker-0 is busy: its mailbox of 64 is full");

        gate.open();
        assert!(futures::future::join_all(waiting).await.iter().all(Result::is_ok));
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(4 + 64 + 1));
        assert_eq!(kernel.observe().await[0].mailbox_depth, 0);
    })
    .await;
}

/// A worker that is busy with one message and has another in its mailbox of one.
async fn full(clock: &ManualClock, gate: &Gate) -> Kernel {
    let tight = Bounds { mailbox_capacity: 1, concurrency: 1, ..bounds() };
    let kernel = Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>().bounds(tight));
    let kernel = kernel.start().await.expect("it starts");
    for (n, message) in [waits_for::<0>(gate), add::<0>(1)].into_iter().enumerate() {
        let asking = kernel.clone();
        tokio::spawn(async move { asking.ask(message).await });
        until(|| clock.sleepers() == n + 1 && gate.reached() == 1).await;
    }
    kernel
}

#[tokio::test]
async fn a_patient_caller_waits_for_a_place() {
    soon(async {
        let (clock, gate) = (ManualClock::at(0), Gate::closed());
        let kernel = full(&clock, &gate).await;
        let mut patient = Box::pin(async { kernel.recipient::<Do<0>>().ask_patiently(add::<0>(1)).await });
        assert!(futures::poll!(&mut patient).is_pending());
        assert!(matches!(kernel.ask(add::<0>(1)).await, Err(CallError::Busy { capacity: 1, .. })));

        gate.open();

        assert_eq!(patient.await, Ok(3));
    })
    .await;
}

#[tokio::test]
async fn patience_ends_with_the_deadline_of_the_actor() {
    soon(async {
        let (clock, gate) = (ManualClock::at(0), Gate::closed());
        let kernel = full(&clock, &gate).await;
        let mut patient = Box::pin(async { kernel.recipient::<Do<0>>().ask_patiently(add::<0>(1)).await });
        assert!(futures::poll!(&mut patient).is_pending());

        clock.advance(bounds().answer_within);

        assert_eq!(patient.await, Err(CallError::Busy { actor: "worker-0", capacity: 1 }));
    })
    .await;
}

#[tokio::test]
async fn patient_callers_are_told_when_the_actor_stops() {
    soon(async {
        let (clock, gate) = (ManualClock::at(0), Gate::closed());
        let kernel = full(&clock, &gate).await;
        let mut patient = Box::pin(async { kernel.recipient::<Do<0>>().ask_patiently(add::<0>(1)).await });
        assert!(futures::poll!(&mut patient).is_pending());

        let mut stopping = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut stopping).is_pending());

        assert_eq!(patient.await, Err(CallError::Stopping { actor: "worker-0" }));
        gate.open();
        assert!(stopping.await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn patient_callers_are_told_when_the_actor_is_given_up() {
    soon(async {
        let gate = Gate::closed();
        let hopeless = Bounds { mailbox_capacity: 1, concurrency: 1, max_restarts: 0, ..bounds() };
        let kernel = Kernel::builder().actor(spec::<0>().bounds(hopeless)).start().await.unwrap();
        let breaks = {
            let gate = gate.clone();
            does::<0>(move |_, _| {
                task(async move {
                    gate.passed().await;
                    panic!("asked to")
                })
            })
        };
        let mut breaking = Box::pin(kernel.ask(breaks));
        assert!(futures::poll!(&mut breaking).is_pending());
        let recipient = kernel.recipient::<Do<0>>();
        let mut patient: Vec<_> = (0..5).map(|_| Box::pin(recipient.ask_patiently(add::<0>(1)))).collect();
        for one in &mut patient {
            assert!(futures::poll!(one).is_pending());
        }

        gate.open();

        assert!(matches!(breaking.await, Err(CallError::Panicked { .. })));
        for answer in futures::future::join_all(patient).await {
            assert_eq!(answer, Err(CallError::Failed { actor: "worker-0" }));
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_late() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        let never = || does::<0>(|_, _| task(std::future::pending()));
        let recipient = kernel.recipient::<Do<0>>();
        let (mut by_actor, mut by_caller) = (
            Box::pin(recipient.ask(never())),
            Box::pin(recipient.ask_within(never(), Duration::from_secs(2))),
        );
        assert!(futures::poll!(&mut by_actor).is_pending());
        assert!(futures::poll!(&mut by_caller).is_pending());

        clock.advance(Duration::from_secs(2));
        assert_eq!(by_caller.await, Err(LATE));
        assert!(futures::poll!(&mut by_actor).is_pending());

        clock.advance(bounds().answer_within);
        assert_eq!(by_actor.await, Err(LATE));
    })
    .await;
}

#[tokio::test]
async fn messages_are_begun_in_the_order_they_were_sent() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let sums = futures::future::join_all((1..=50).map(|_| kernel.ask(add::<0>(1)))).await;

        assert_eq!(sums.into_iter().map(Result::unwrap).collect::<Vec<_>>(), (1..=50).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn no_more_messages_are_worked_on_at_once_than_the_concurrency() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let ask = |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            kernel.ask(does::<0>(move |_, _| {
                task(async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    for _ in 0..10 {
                        tokio::task::yield_now().await;
                    }
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(0)
                })
            }))
        };

        assert!(futures::future::join_all((0..60).map(ask)).await.iter().all(Result::is_ok));

        assert_eq!(most.load(Ordering::SeqCst), 4);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_takes_all_it_may_hold_while_its_actor_starts() {
    soon(async {
        let gate = Gate::closed();
        let starts = gate.clone();
        let slow = Spec::<Worker<0>>::new(move |_| {
            let starts = starts.clone();
            async move {
                starts.passed().await;
                Ok(idle())
            }
        });
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let first = Spec::<Worker<1>>::new(move |ctx| {
            let _ = sender.send(ctx.recipient::<Do<0>>());
            async { Ok(idle()) }
        });
        let starting = tokio::spawn(
            Kernel::builder().actor(first).actor(slow.serves::<Do<0>>().bounds(bounds())).start(),
        );
        let recipient = tokio::task::spawn_blocking(move || receiver.recv().unwrap()).await.unwrap();
        until(|| recipient.is_served()).await;

        let mut waiting: Vec<_> = (0..64).map(|_| Box::pin(recipient.ask(add::<0>(1)))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending(), "sixteen is actix's bound, not ours");
        }
        assert_eq!(recipient.ask(add::<0>(1)).await, Err(BUSY));

        gate.open();
        assert!(futures::future::join_all(waiting).await.iter().all(Result::is_ok));
        starting.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn dropping_the_question_does_not_take_it_back() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let mut asked = Box::pin(kernel.ask(waits_for::<0>(&gate)));
        assert!(futures::poll!(&mut asked).is_pending());
        drop(asked);
        gate.open();

        assert_eq!(kernel.ask(add::<0>(0)).await, Ok(1));
    })
    .await;
}

struct Unheard;
message!(Unheard => (), CallError, "unheard");

#[tokio::test]
async fn a_message_that_nobody_serves_is_refused_by_name() {
    let kernel = Kernel::builder().start().await.unwrap();

    assert!(!kernel.recipient::<Unheard>().is_served());
    assert_eq!(kernel.ask(Unheard).await, Err(CallError::NotServed { message: "unheard" }));
}

#[tokio::test]
async fn an_actor_that_is_stuck_can_still_be_observed() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let mut asked: Vec<_> = (0..40).map(|_| Box::pin(kernel.ask(waits_for::<0>(&gate)))).collect();
        for one in &mut asked {
            assert!(futures::poll!(one).is_pending());
        }
        until(|| gate.reached() == 4).await;

        let many = futures::future::join_all((0..200).map(|_| kernel.observe())).await;

        assert!(many.iter().all(|observed| observed[0].mailbox_depth == 36));
        assert!(many.iter().any(|observed| observed[0].state == 4));
    })
    .await;
}

#[tokio::test]
async fn a_blocked_thread_does_not_block_who_observes() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
        let mut asked = Box::pin(kernel.ask(does::<0>(move |_, _| {
            let _ = blocked.recv();
            done(Ok(0))
        })));
        assert!(futures::poll!(&mut asked).is_pending());
        let mut observing = Box::pin(kernel.observe());
        assert!(futures::poll!(&mut observing).is_pending());

        clock.advance(bounds().answer_within);

        assert!(observing.await[0].state.is_null());
        assert_eq!(asked.await, Err(LATE));
        release.send(()).unwrap();
        assert_eq!(
            kernel.ask(panics::<0>()).await,
            Err(CallError::Panicked { actor: "worker-0", message: "do" })
        );
    })
    .await;
}
