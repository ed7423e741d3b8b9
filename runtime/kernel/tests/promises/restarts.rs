//! Back-off, intensity limit, and what an incarnation leaves behind.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use starling_kernel::{Bounds, CallError, Fault, Kernel, ManualClock, Spec, Status, done, task};

use crate::worker::{
    Do, Gate, Worker, add, bounds, counted, does, idle, panics, soon, spec, until, waits_for,
};

const FAILED: CallError = CallError::Failed { actor: "worker-0" };

fn three_in_a_minute() -> Bounds {
    Bounds {
        max_restarts: 3,
        restart_window: Duration::from_secs(60),
        restart_backoff: Duration::from_secs(1),
        ..bounds()
    }
}

/// A kernel that lives in a time of the test's, with one worker.
async fn start(spec: Spec<Worker<0>>) -> (Kernel, ManualClock) {
    let clock = ManualClock::at(0);
    let kernel = Kernel::builder().clock(Arc::new(clock.clone())).actor(spec);
    (kernel.start().await.expect("it starts"), clock)
}

#[tokio::test]
async fn the_pause_before_a_restart_doubles() {
    soon(async {
        let made = Arc::new(AtomicU32::new(0));
        let (kernel, clock) = start(counted(&made).bounds(three_in_a_minute())).await;

        for (restarts, pause) in [(1, 1), (2, 2), (3, 4)] {
            kernel.ask(panics::<0>()).await.unwrap_err();
            until(|| clock.sleepers() == 1).await;
            assert_eq!(kernel.unready(), [("worker-0", "starting".to_owned())]);
            assert!(kernel.observe().await[0].state.is_null(), "nobody waits for it to be looked at");

            clock.advance(Duration::from_millis(pause * 1000 - 1));
            assert_eq!(clock.sleepers(), 1, "not before its time");
            assert_eq!(made.load(Ordering::SeqCst), restarts);

            clock.advance(Duration::from_millis(1));
            until(|| kernel.unready().is_empty()).await;
            assert_eq!(made.load(Ordering::SeqCst), restarts + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn one_restart_too_many_and_the_actor_is_given_up() {
    soon(async {
        let (kernel, clock) = start(spec().bounds(three_in_a_minute())).await;
        let bring_down = async {
            for pause in [1, 2, 4] {
                kernel.ask(panics::<0>()).await.unwrap_err();
                until(|| clock.sleepers() > 0 && !kernel.unready().is_empty()).await;
                clock.advance(Duration::from_secs(pause));
                until(|| kernel.unready().is_empty()).await;
            }
        };
        bring_down.await;

        let (last, waiting) = tokio::join!(
            kernel.ask(panics::<0>()),
            futures::future::join_all((0..10).map(|_| kernel.ask(add::<0>(1))))
        );

        assert!(matches!(last, Err(CallError::Panicked { .. })));
        assert!(waiting.iter().all(|answer| *answer == Err(FAILED)), "all who waited are told");
        assert_eq!(kernel.ask(add::<0>(1)).await, Err(FAILED));
        assert_eq!(kernel.recipient::<Do<0>>().ask_patiently(add::<0>(1)).await, Err(FAILED));
        assert_eq!(kernel.unready(), [("worker-0", "failed: restarted too often".to_owned())]);
        let observed = kernel.observe().await.remove(0);
        assert_eq!((observed.status, observed.restarts), (Status::Failed, 3));
        assert!(kernel.stop().await.is_empty(), "what has failed can be stopped");
    })
    .await;
}

#[tokio::test]
async fn restarts_are_forgotten_after_the_window() {
    soon(async {
        let (kernel, clock) = start(spec().bounds(three_in_a_minute())).await;

        for _ in 0..10 {
            kernel.ask(panics::<0>()).await.unwrap_err();
            until(|| clock.sleepers() == 1).await;
            clock.advance(Duration::from_secs(1));
            until(|| kernel.unready().is_empty()).await;
            clock.advance(Duration::from_secs(60));
        }

        assert_eq!(kernel.observe().await[0].restarts, 10);
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn a_restart_that_fails_counts_as_one_and_in_the_end_the_actor_is_given_up() {
    soon(async {
        let made = AtomicU32::new(0);
        let spec = Spec::<Worker<0>>::new(move |_| {
            let is_first = made.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if is_first { Ok(idle()) } else { Err(Fault::new("the disk is gone")) } }
        });
        let quick = Bounds { restart_backoff: Duration::from_millis(1), ..three_in_a_minute() };
        let kernel = Kernel::builder().actor(spec.serves::<Do<0>>().bounds(quick)).start().await.unwrap();

        kernel.ask(panics::<0>()).await.unwrap_err();

        assert_eq!(kernel.ask(add::<0>(1)).await, Err(FAILED), "who waited through all tries is told");
        assert_eq!(kernel.observe().await[0].restarts, 3);
    })
    .await;
}

#[tokio::test]
async fn a_restart_that_hangs_is_tried_again() {
    soon(async {
        let made = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&made);
        let spec = Spec::<Worker<0>>::new(move |_| {
            let hangs = counter.fetch_add(1, Ordering::SeqCst) == 1;
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok(idle())
            }
        });
        let (kernel, clock) = start(spec.serves::<Do<0>>().bounds(three_in_a_minute())).await;

        kernel.ask(panics::<0>()).await.unwrap_err();
        until(|| clock.sleepers() == 1).await;
        clock.advance(Duration::from_secs(1));
        until(|| made.load(Ordering::SeqCst) == 2 && clock.sleepers() == 1).await;
        clock.advance(bounds().start_within);
        until(|| clock.sleepers() == 1).await;
        clock.advance(Duration::from_secs(2));

        until(|| kernel.unready().is_empty()).await;
        assert_eq!(made.load(Ordering::SeqCst), 3);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_an_incarnation_is_left_when_the_next_one_is_made() {
    /// Stands for a file that only one can have open.
    struct Exclusive(Arc<Mutex<u32>>);
    impl Exclusive {
        fn open(owners: &Arc<Mutex<u32>>) -> Self {
            let mut count = owners.lock().expect("nobody panics in here");
            *count += 1;
            assert_eq!(*count, 1, "somebody has it still");
            Self(Arc::clone(owners))
        }
    }
    impl Drop for Exclusive {
        fn drop(&mut self) {
            *self.0.lock().expect("nobody panics in here") -= 1;
        }
    }

    soon(async {
        let owners = Arc::new(Mutex::new(0));
        let spec = Spec::<Worker<0>>::new(move |ctx| {
            let shared = std::rc::Rc::new(Exclusive::open(&owners));
            let for_background = std::rc::Rc::clone(&shared);
            ctx.spawn(async move {
                std::future::pending::<()>().await;
                drop(for_background);
            });
            async move { Ok(Worker { holds: Some(Box::new(shared)), ..idle() }) }
        });
        let at_once = Bounds { restart_backoff: Duration::ZERO, ..bounds() };
        let kernel = Kernel::builder().actor(spec.serves::<Do<0>>().bounds(at_once)).start().await.unwrap();
        let holds_it_in_a_task = does::<0>(|worker, _| {
            let holds =
                worker.holds.as_ref().and_then(|holds| holds.downcast_ref::<std::rc::Rc<Exclusive>>());
            let shared = holds.map(std::rc::Rc::clone);
            task(async move {
                std::future::pending::<()>().await;
                drop(shared);
                Ok(0)
            })
        });

        let (held, _) = tokio::join!(kernel.ask(holds_it_in_a_task), kernel.ask(panics::<0>()));

        assert!(matches!(held, Err(CallError::Lost { .. })));
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert_eq!(kernel.observe().await[0].restarts, 1, "the new one could be made at once");
    })
    .await;
}

#[tokio::test]
async fn background_tasks_end_with_their_incarnation() {
    soon(async {
        let alive = Arc::new(());
        let watched = Arc::downgrade(&alive);
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let deed = does::<0>(move |_, ctx| {
            ctx.spawn(async move {
                std::future::pending::<()>().await;
                drop(alive);
            });
            done(Ok(0))
        });
        kernel.ask(deed).await.unwrap();
        assert_eq!(watched.strong_count(), 1);

        kernel.ask(panics::<0>()).await.unwrap_err();

        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert_eq!(watched.strong_count(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_mailbox_takes_messages_while_the_actor_is_restarted() {
    soon(async {
        let (kernel, clock) = start(spec().bounds(three_in_a_minute())).await;
        kernel.ask(panics::<0>()).await.unwrap_err();
        until(|| clock.sleepers() == 1).await;

        let waiting = tokio::spawn({
            let kernel = kernel.clone();
            async move { kernel.ask(add::<0>(1)).await }
        });
        until(|| clock.sleepers() == 2).await;
        clock.advance(Duration::from_secs(1));

        assert_eq!(waiting.await.unwrap(), Ok(1));
    })
    .await;
}

#[tokio::test]
async fn work_in_flight_never_exceeds_the_concurrency_after_a_restart() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        kernel.ask(panics::<0>()).await.unwrap_err();
        let gate = Gate::closed();
        let asked = futures::future::join_all((0..10).map(|_| kernel.ask(waits_for::<0>(&gate))));
        let opened = async {
            until(|| gate.reached() >= 4).await;
            assert_eq!(kernel.observe().await[0].mailbox_depth, 6);
            assert_eq!(gate.reached(), 4);
            gate.open();
        };

        let (answers, ()) = tokio::join!(asked, opened);

        assert!(answers.iter().all(Result::is_ok));
    })
    .await;
}
