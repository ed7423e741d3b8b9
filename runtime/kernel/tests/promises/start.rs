//! Plans that cannot work are refused before anything runs; those that fail half-way leave nothing running.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use starling_kernel::{
    Bounds, CallError, Context, Fault, Handler, Kernel, KernelBuilder, ManualClock, Spec, StartError, Task,
    done, message,
};

use crate::worker::{Diary, Do, Worker, add, bounds, counted, does, idle, soon, spec, task_with, until};

/// The plan is refused in so many words, and no actor of it has run.
#[track_caller]
fn refused(
    plan: impl FnOnce(KernelBuilder, &Arc<AtomicU32>) -> KernelBuilder,
    expected: &str,
) -> impl Future<Output = ()> {
    let made = Arc::new(AtomicU32::new(0));
    let plan = plan(Kernel::builder(), &made);
    let caller = std::panic::Location::caller();
    let expected = expected.to_owned();
    async move {
        let error = soon(plan.start()).await.err().expect("it is refused");
        assert_eq!(error.to_string(), expected, "{caller}");
        assert_eq!(made.load(Ordering::SeqCst), 0, "{caller}");
    }
}

struct Shared;
message!(Shared => u32, CallError, "shared");

impl<const N: usize> Handler<Shared> for Worker<N> {
    fn handle(&mut self, _: Shared, _: &Context) -> Task<Result<u32, CallError>> {
        done(Ok(0))
    }
}

#[tokio::test]
async fn two_actors_of_one_name_are_refused() {
    let plan = |builder: KernelBuilder, made: &Arc<AtomicU32>| {
        builder.actor(counted::<0>(made)).actor(counted::<0>(made))
    };
    refused(plan, "there is already an actor named worker-0").await;
}

#[tokio::test]
async fn actors_of_one_type_live_side_by_side_under_names_of_their_own() {
    let builder = Kernel::builder().actor(unserved("worker-0/a")).actor(unserved("worker-0/b"));

    let kernel = soon(builder.start()).await.expect("the names differ");

    let names: Vec<_> = kernel.observe().await.into_iter().map(|observation| observation.name).collect();
    assert_eq!(names, ["worker-0/a", "worker-0/b"]);
    kernel.stop().await;
    refused(
        |builder, _| builder.actor(unserved("same")).actor(unserved("same")),
        "there is already an actor named same",
    )
    .await;
}

fn unserved(name: &'static str) -> Spec<Worker<0>> {
    Spec::new(|_| async { Ok(idle()) }).named(name).bounds(bounds())
}

#[tokio::test]
async fn two_servers_of_one_message_are_refused() {
    let plan = |builder: KernelBuilder, made: &Arc<AtomicU32>| {
        builder.actor(counted::<0>(made).serves::<Shared>()).actor(counted::<1>(made).serves::<Shared>())
    };
    refused(plan, "shared is already served by worker-0; worker-1 cannot serve it too").await;
}

#[tokio::test]
async fn a_missing_dependency_is_refused() {
    let plan =
        |builder: KernelBuilder, made: &Arc<AtomicU32>| builder.actor(counted::<0>(made).needs("worker-3"));
    refused(plan, "worker-0 depends on worker-3, which is not part of this runtime").await;
}

#[tokio::test]
async fn a_ring_is_refused_and_shown() {
    let plan = |builder: KernelBuilder, made: &Arc<AtomicU32>| {
        builder
            .actor(counted::<0>(made).needs("worker-1"))
            .actor(counted::<1>(made).needs("worker-3").needs("worker-2"))
            .actor(counted::<2>(made).needs("worker-1"))
            .actor(counted::<3>(made))
    };
    let shown = "actors depend on each other in a ring: worker-1 -> worker-2 -> worker-1";
    refused(plan, shown).await;
    let itself =
        |builder: KernelBuilder, made: &Arc<AtomicU32>| builder.actor(counted::<0>(made).needs("worker-0"));
    refused(itself, "actors depend on each other in a ring: worker-0 -> worker-0").await;
}

#[tokio::test]
async fn bounds_that_no_actor_can_run_with_are_refused() {
    let cases: [(Bounds, &str); 5] = [
        (
            Bounds { mailbox_capacity: 0, ..bounds() },
            "worker-0 cannot run with this mailbox_capacity: expected a number from 1 to 16777216",
        ),
        (
            Bounds { mailbox_capacity: usize::MAX, ..bounds() },
            "worker-0 cannot run with this mailbox_capacity: expected a number from 1 to 16777216",
        ),
        (
            Bounds { concurrency: 0, ..bounds() },
            "worker-0 cannot run with this concurrency: expected a number from 1 to 16777216",
        ),
        (
            Bounds { answer_within: Duration::ZERO, ..bounds() },
            "worker-0 cannot run with this answer_within: expected a duration above zero",
        ),
        (
            Bounds { start_within: Duration::ZERO, ..bounds() },
            "worker-0 cannot run with this start_within: expected a duration above zero",
        ),
    ];
    for (bounds, expected) in cases {
        refused(|builder, made| builder.actor(counted::<0>(made).bounds(bounds)), expected).await;
    }
}

#[tokio::test]
async fn the_longest_durations_are_borne() {
    soon(async {
        let endless = Bounds {
            answer_within: Duration::MAX,
            start_within: Duration::MAX,
            drain_within: Duration::MAX,
            restart_window: Duration::MAX,
            restart_backoff: Duration::ZERO,
            ..bounds()
        };
        for clock in [None, Some(ManualClock::at(u64::MAX))] {
            let mut builder = Kernel::builder().actor(spec::<0>().bounds(endless.clone()));
            if let Some(clock) = clock {
                clock.advance(Duration::MAX);
                builder = builder.clock(Arc::new(clock));
            }
            let kernel = builder.start().await.unwrap();
            assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
            kernel.ask(crate::worker::panics::<0>()).await.unwrap_err();
            assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
            assert!(kernel.stop().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn when_a_later_actor_cannot_start_the_earlier_ones_are_drained() {
    soon(async {
        let diary = Diary::default();
        let noted = {
            let diary = diary.clone();
            Spec::<Worker<0>>::new(move |_| {
                let diary = diary.clone();
                let at_drain: Box<dyn FnOnce() -> _> =
                    Box::new(move || task_with(move || diary.note("worker-0 is drained")));
                async { Ok(Worker { at_drain: Some(at_drain), ..idle() }) }
            })
        };
        let fails = Spec::<Worker<1>>::new(|_| async {
            Err(Fault::caused_by("port 443 is in use", std::io::Error::other("address in use")))
        });
        let made = Arc::new(AtomicU32::new(0));

        let error =
            Kernel::builder().actor(noted).actor(fails).actor(counted::<2>(&made)).start().await.err();

        let error = error.unwrap();
        assert_eq!(error.to_string(), "worker-1 could not start: port 443 is in use");
        assert!(matches!(error, StartError::Fault { actor: "worker-1", .. }));
        assert_eq!(diary.read(), ["worker-0 is drained"]);
        assert_eq!(made.load(Ordering::SeqCst), 0, "those after it are not started at all");
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_does_not_start_in_time_is_ended_and_named() {
    soon(async {
        let clock = ManualClock::at(0);
        let held = Arc::new(());
        let watched = Arc::downgrade(&held);
        let hangs = Spec::<Worker<0>>::new(move |_| {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(idle())
            }
        });
        let starting = tokio::spawn(
            Kernel::builder().clock(Arc::new(clock.clone())).actor(hangs.bounds(bounds())).start(),
        );
        until(|| clock.sleepers() == 2).await;

        clock.advance(bounds().start_within);

        let error = starting.await.unwrap().err().unwrap();
        assert_eq!(error.to_string(), "worker-0 did not start within 30s");
        assert_eq!(watched.strong_count(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_process_is_not_ready_before_the_last_actor_is() {
    soon(async {
        let (sender, receiver) = std::sync::mpsc::sync_channel(2);
        let looks = Spec::<Worker<0>>::new(move |ctx| {
            let _ = sender.send(ctx.environment().health.unready());
            async { Ok(idle()) }
        });
        let kernel = Kernel::builder().actor(looks).actor(spec::<1>()).start().await.unwrap();

        let starting = "starting".to_owned();
        assert_eq!(
            receiver.recv().unwrap(),
            [("worker-0", starting.clone()), ("worker-1", starting)],
            "whose turn has not come is listed too"
        );
        assert!(kernel.unready().is_empty());
        kernel.stop().await;
        assert_eq!(kernel.unready().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_actor_can_say_why_it_is_not_ready_though_it_runs() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let says = does::<0>(|_, ctx| {
            ctx.not_ready("no peers yet");
            done(Ok(0))
        });
        kernel.ask(says).await.unwrap();
        assert_eq!(kernel.unready(), [("worker-0", "no peers yet".to_owned())]);

        let takes_back = does::<0>(|_, ctx| {
            ctx.ready();
            done(Ok(0))
        });
        kernel.ask(takes_back).await.unwrap();
        assert!(kernel.unready().is_empty());
    })
    .await;
}

#[tokio::test]
async fn two_kernels_in_one_process_know_nothing_of_each_other() {
    soon(async {
        let (one, other) = tokio::join!(
            Kernel::builder().actor(spec::<0>()).start(),
            Kernel::builder().actor(spec::<0>()).start()
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.ask(add::<0>(1)).await, Ok(1));
        assert_eq!(other.ask(add::<0>(5)).await, Ok(5));

        assert!(one.stop().await.is_empty());

        assert_eq!(other.ask(add::<0>(5)).await, Ok(10));
        assert!(other.stop().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_actor_with_its_own_thread_shares_it_with_nobody() {
    soon(async {
        let kernel = Kernel::builder()
            .io_threads(1)
            .actor(spec::<0>())
            .actor(spec::<1>())
            .actor(spec::<2>().own_thread())
            .start()
            .await
            .unwrap();
        let (sender, receiver) = std::sync::mpsc::sync_channel(3);
        fn tells<const N: usize>(sender: &std::sync::mpsc::SyncSender<std::thread::ThreadId>) -> Do<N> {
            let sender = sender.clone();
            does(move |_, _| {
                let _ = sender.send(std::thread::current().id());
                done(Ok(0))
            })
        }
        kernel.ask(tells::<0>(&sender)).await.unwrap();
        kernel.ask(tells::<1>(&sender)).await.unwrap();
        kernel.ask(tells::<2>(&sender)).await.unwrap();

        let threads: Vec<_> = receiver.try_iter().collect();
        assert_eq!(threads[0], threads[1]);
        assert_ne!(threads[0], threads[2]);
        assert!(kernel.stop().await.is_empty());
    })
    .await;
}
