//! Draining: accepted work is finished, new work is refused, and there is an end to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use starling_kernel::{Bounds, CallError, Kernel, ManualClock, Spec, Status, done, task};

use crate::worker::{
    Diary, Do, Gate, Worker, add, bounds, counted, does, idle, panics, soon, spec, until, waits_for,
};

const STOPPING: CallError = CallError::Stopping { actor: "worker-0" };
const LOST: CallError = CallError::Lost { actor: "worker-0", message: "do" };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_what_was_accepted_is_finished_and_what_comes_later_is_refused() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let finished = Arc::new(AtomicU32::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let ask = |_| {
            let (kernel, finished, is_over) = (kernel.clone(), Arc::clone(&finished), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut answered = 0;
                while !is_over.load(Ordering::SeqCst) {
                    let finished = Arc::clone(&finished);
                    let deed = does::<0>(move |_, _| {
                        task(async move {
                            tokio::task::yield_now().await;
                            finished.fetch_add(1, Ordering::SeqCst);
                            Ok(0)
                        })
                    });
                    match kernel.ask(deed).await {
                        Ok(_) => answered += 1,
                        Err(CallError::Busy { .. }) => tokio::task::yield_now().await,
                        Err(error) => {
                            assert_eq!(error, STOPPING);
                            tokio::task::yield_now().await;
                        }
                    }
                }
                answered
            })
        };
        let callers: Vec<_> = (0..100).map(ask).collect();
        until(|| finished.load(Ordering::SeqCst) > 1000).await;

        assert!(kernel.stop().await.is_empty());

        let at_the_end = finished.load(Ordering::SeqCst);
        assert_eq!(kernel.ask(add::<0>(1)).await, Err(STOPPING));
        is_over.store(true, Ordering::SeqCst);
        let mut answered = 0;
        for caller in callers {
            answered += caller.await.expect("no caller panics");
        }
        assert_eq!(answered, at_the_end, "every piece of finished work was answered, and nothing more");
        assert_eq!(finished.load(Ordering::SeqCst), at_the_end, "nothing is done after the stop");
    })
    .await;
}

/// A worker that writes down when it starts and when it is drained.
fn noted<const N: usize>(diary: &Diary) -> Spec<Worker<N>> {
    let diary = diary.clone();
    Spec::new(move |ctx| {
        diary.note(format!("{} starts", ctx.name()));
        let (diary, name) = (diary.clone(), ctx.name());
        let at_drain: Box<dyn FnOnce() -> _> = Box::new(move || {
            task(async move {
                tokio::task::yield_now().await;
                diary.note(format!("{name} is drained"));
            })
        });
        async { Ok(Worker { at_drain: Some(at_drain), ..idle() }) }
    })
    .serves::<Do<N>>()
    .bounds(bounds())
}

#[tokio::test]
async fn actors_stop_before_those_they_need() {
    soon(async {
        let diary = Diary::default();
        let kernel = Kernel::builder()
            .actor(noted::<0>(&diary).needs("worker-1"))
            .actor(noted::<1>(&diary).needs("worker-2"))
            .actor(noted::<2>(&diary))
            .start()
            .await
            .unwrap();

        assert!(kernel.stop().await.is_empty());

        assert_eq!(
            diary.read(),
            [
                "worker-2 starts",
                "worker-1 starts",
                "worker-0 starts",
                "worker-0 is drained",
                "worker-1 is drained",
                "worker-2 is drained",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_drains_can_still_ask_those_it_needs() {
    soon(async {
        let kernel =
            Kernel::builder().actor(spec::<0>().needs("worker-1")).actor(spec::<1>()).start().await.unwrap();
        let gate = Gate::closed();
        let asks_below = {
            let gate = gate.clone();
            does::<0>(move |_, ctx| {
                let below = ctx.recipient::<Do<1>>();
                task(async move {
                    gate.passed().await;
                    below.ask(add::<1>(7)).await
                })
            })
        };
        let mut asked = Box::pin(kernel.ask(asks_below));
        assert!(futures::poll!(&mut asked).is_pending());
        let mut stopping = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut stopping).is_pending());

        gate.open();

        assert_eq!(asked.await, Ok(7));
        assert!(stopping.await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn after_the_deadline_the_actor_is_killed_and_named_and_its_callers_are_told() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel = Kernel::builder()
            .clock(Arc::new(clock.clone()))
            .actor(spec::<0>())
            .actor(spec::<1>())
            .start()
            .await
            .unwrap();
        let gate = Gate::closed();
        let mut asked: Vec<_> = (0..10).map(|_| Box::pin(kernel.ask(waits_for::<0>(&gate)))).collect();
        for one in &mut asked {
            assert!(futures::poll!(one).is_pending());
        }
        until(|| gate.reached() == 4).await;
        let mut stopping = Box::pin(kernel.stop());
        until(|| {
            let waker = futures::task::noop_waker();
            assert!(stopping.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
            kernel.unready().iter().any(|(actor, reason)| *actor == "worker-0" && reason == "shutting down")
        })
        .await;

        clock.advance(bounds().drain_within);

        assert_eq!(stopping.await, ["worker-0"]);
        for answer in futures::future::join_all(asked).await {
            assert_eq!(answer, Err(LOST), "begun or waiting");
        }
        let observed = kernel.observe().await;
        assert!(observed.iter().all(|actor| actor.status == Status::Stopped));
    })
    .await;
}

#[tokio::test]
async fn a_drain_that_hangs_is_cut_off() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        let is_dropped = Arc::new(());
        let watched = Arc::downgrade(&is_dropped);
        let deed = does::<0>(move |worker, _| {
            worker.at_drain = Some(Box::new(|| {
                task(async move {
                    std::future::pending::<()>().await;
                    drop(is_dropped);
                })
            }));
            done(Ok(0))
        });
        kernel.ask(deed).await.unwrap();
        let stopping = tokio::spawn({
            let kernel = kernel.clone();
            async move { kernel.stop().await }
        });
        until(|| clock.sleepers() == 1).await;

        clock.advance(bounds().drain_within);

        assert_eq!(stopping.await.unwrap(), ["worker-0"]);
        assert_eq!(watched.strong_count(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_actor_is_drained_though_it_is_being_restarted() {
    soon(async {
        let clock = ManualClock::at(0);
        let made = Arc::new(AtomicU32::new(0));
        let kernel = Kernel::builder().clock(Arc::new(clock.clone())).actor(counted::<0>(&made));
        let kernel = kernel.start().await.unwrap();
        kernel.ask(panics::<0>()).await.unwrap_err();
        until(|| clock.sleepers() == 1).await;
        let mut waiting = Box::pin(kernel.ask(add::<0>(1)));
        assert!(futures::poll!(&mut waiting).is_pending());
        let stopping = tokio::spawn({
            let kernel = kernel.clone();
            async move { kernel.stop().await }
        });
        until(|| clock.sleepers() == 3).await;

        clock.advance(bounds().restart_backoff);

        assert_eq!(waiting.await, Ok(1), "what was accepted is finished by the next incarnation");
        assert!(stopping.await.unwrap().is_empty());
        assert_eq!(made.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_panics_on_accepted_work_while_it_drains_still_finishes_the_rest() {
    soon(async {
        let one_at_a_time = Bounds { concurrency: 1, ..bounds() };
        let kernel = Kernel::builder().actor(spec::<0>().bounds(one_at_a_time)).start().await.unwrap();
        let gate = Gate::closed();
        let mut held = Box::pin(kernel.ask(waits_for::<0>(&gate)));
        let mut breaks = Box::pin(kernel.ask(panics::<0>()));
        let mut rest = Box::pin(kernel.ask(add::<0>(1)));
        assert!(futures::poll!(&mut held).is_pending());
        assert!(futures::poll!(&mut breaks).is_pending());
        assert!(futures::poll!(&mut rest).is_pending());
        let mut stopping = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut stopping).is_pending());

        gate.open();

        assert_eq!(held.await, Ok(1));
        assert!(matches!(breaks.await, Err(CallError::Panicked { .. })));
        assert_eq!(rest.await, Ok(1));
        assert!(stopping.await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn background_tasks_run_until_the_drain_is_done() {
    soon(async {
        let (order, ordered) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
        let ordered = std::sync::Mutex::new(Some(ordered));
        let writer = Spec::<Worker<0>>::new(move |ctx| {
            let ordered = ordered.lock().expect("nobody panics in here").take();
            ctx.spawn(async move {
                let mut ordered = ordered.expect("there is one incarnation");
                while let Some(done) = ordered.recv().await {
                    let _ = done.send(());
                }
            });
            let order = order.clone();
            let at_drain: Box<dyn FnOnce() -> _> = Box::new(move || {
                task(async move {
                    let (done, written) = tokio::sync::oneshot::channel();
                    order.send(done).await.expect("the writer is there");
                    written.await.expect("the writer writes");
                })
            });
            async { Ok(Worker { at_drain: Some(at_drain), ..idle() }) }
        });
        let kernel = Kernel::builder().actor(writer.serves::<Do<0>>()).start().await.unwrap();

        assert!(kernel.stop().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_second_stop_waits_for_the_first() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let mut asked = Box::pin(kernel.ask(waits_for::<0>(&gate)));
        assert!(futures::poll!(&mut asked).is_pending());
        let (mut first, mut second) = (Box::pin(kernel.stop()), Box::pin(kernel.stop()));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending(), "the threads are in use still");

        gate.open();

        assert!(first.await.is_empty());
        assert!(second.await.is_empty());
        assert_eq!(asked.await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn a_stop_that_was_dropped_half_way_can_be_taken_up_again() {
    soon(async {
        let diary = Diary::default();
        let kernel =
            Kernel::builder().actor(noted::<0>(&diary)).actor(noted::<1>(&diary)).start().await.unwrap();
        let gate = Gate::closed();
        let mut asked = Box::pin(kernel.ask(waits_for::<1>(&gate)));
        assert!(futures::poll!(&mut asked).is_pending());
        let mut given_up = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);

        gate.open();
        assert!(kernel.stop().await.is_empty());

        assert_eq!(asked.await, Ok(1));
        assert_eq!(diary.read()[2..], ["worker-1 is drained", "worker-0 is drained"]);
    })
    .await;
}

/// Takes its time to close, like a file.
struct Slow(Arc<AtomicU32>);

impl Slow {
    fn open(left: &Arc<AtomicU32>) -> Self {
        left.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(left))
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(20));
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An actor that holds something itself and in a background task.
fn holder(left: &Arc<AtomicU32>) -> Spec<Worker<0>> {
    let left = Arc::clone(left);
    let holder = Spec::<Worker<0>>::new(move |ctx| {
        let (in_task, in_actor) = (Slow::open(&left), Slow::open(&left));
        ctx.spawn(async move {
            std::future::pending::<()>().await;
            drop(in_task);
        });
        async { Ok(Worker { holds: Some(Box::new(in_actor)), ..idle() }) }
    });
    holder.serves::<Do<0>>().bounds(bounds())
}

#[tokio::test]
async fn nothing_of_an_actor_is_left_when_stop_returns() {
    soon(async {
        let left = Arc::new(AtomicU32::new(0));
        let kernel = Kernel::builder().actor(holder(&left)).start().await.unwrap();
        assert_eq!(left.load(Ordering::SeqCst), 2);

        assert!(kernel.stop().await.is_empty());

        assert_eq!(left.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&left), 1, "its factory is gone too");
        assert_eq!(kernel.ask(add::<0>(1)).await, Err(STOPPING));
    })
    .await;
}

#[tokio::test]
async fn nothing_of_an_actor_is_left_when_it_had_to_be_killed() {
    soon(async {
        let left = Arc::new(AtomicU32::new(0));
        let impatient = Bounds { drain_within: Duration::from_millis(1), ..bounds() };
        let kernel = Kernel::builder().actor(holder(&left).bounds(impatient)).start().await.unwrap();
        let held = Slow::open(&left);
        let mut stuck = Box::pin(kernel.ask(does::<0>(move |_, _| {
            task(async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(0)
            })
        })));
        assert!(futures::poll!(&mut stuck).is_pending());

        assert_eq!(kernel.stop().await, ["worker-0"]);

        assert_eq!(left.load(Ordering::SeqCst), 0);
        assert_eq!(stuck.await, Err(LOST));
    })
    .await;
}

#[tokio::test]
async fn a_kernel_that_is_dropped_tells_who_waits() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let recipient = kernel.recipient::<Do<0>>();
        let gate = Gate::closed();
        let mut asked: Vec<_> = (0..10).map(|_| Box::pin(recipient.ask(waits_for::<0>(&gate)))).collect();
        for one in &mut asked {
            assert!(futures::poll!(one).is_pending());
        }

        until(|| gate.reached() == 4).await;

        tokio::task::spawn_blocking(move || drop(kernel)).await.unwrap();

        let answers = futures::future::join_all(asked).await;
        assert!(answers[..4].iter().all(|answer| *answer == Err(LOST)), "they may have had an effect");
        assert!(answers[4..].iter().all(|answer| [Err(LOST), Err(STOPPING)].contains(answer)));
        assert_eq!(recipient.ask(add::<0>(1)).await, Err(STOPPING));
    })
    .await;
}

#[tokio::test]
async fn a_start_within_a_kernel_and_a_stop_leave_no_deadline_behind() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        kernel.ask(add::<0>(1)).await.unwrap();
        assert_eq!(clock.sleepers(), 0);

        kernel.stop().await;

        assert_eq!(clock.sleepers(), 0);
        clock.advance(Duration::from_secs(1));
    })
    .await;
}

#[tokio::test]
async fn a_blocked_thread_holds_up_the_stop_for_a_second_and_no_longer() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
        let (began, begun) = std::sync::mpsc::sync_channel::<()>(1);
        let mut asked = Box::pin(kernel.ask(does::<0>(move |_, _| {
            let _ = began.send(());
            let _ = blocked.recv();
            done(Ok(0))
        })));
        assert!(futures::poll!(&mut asked).is_pending());
        begun.recv().unwrap();
        let mut stopping = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut stopping).is_pending());

        clock.advance(bounds().drain_within);
        assert!(futures::poll!(&mut stopping).is_pending());
        clock.advance(Duration::from_secs(1));

        assert_eq!(stopping.await, ["worker-0"]);
        release.send(()).unwrap();
        assert!(matches!(asked.await, Ok(0) | Err(CallError::Lost { .. })), "it is answered even so");
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_drains_cannot_ask_itself() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let asks_itself = {
            let gate = gate.clone();
            does::<0>(move |_, ctx| {
                let itself = ctx.recipient::<Do<0>>();
                task(async move {
                    gate.passed().await;
                    itself.ask(add::<0>(1)).await
                })
            })
        };
        let mut asked = Box::pin(kernel.ask(asks_itself));
        assert!(futures::poll!(&mut asked).is_pending());
        let mut stopping = Box::pin(kernel.stop());
        assert!(futures::poll!(&mut stopping).is_pending());

        gate.open();

        assert_eq!(asked.await, Err(STOPPING));
        assert!(stopping.await.is_empty());
    })
    .await;
}
