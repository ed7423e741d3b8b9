//! A panic stays where it happened.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use starling_kernel::{CallError, Kernel, Spec, StartError, Status, done, message, task};

use crate::worker::{
    Do, Gate, Worker, add, bounds, counted, does, idle, panics, panics_in_task, soon, spec, until, waits_for,
};

const PANICKED: CallError = CallError::Panicked { actor: "worker-0", message: "do" };
const LOST: CallError = CallError::Lost { actor: "worker-0", message: "do" };

/// Sends the message, and then sees whether a new incarnation answers.
#[track_caller]
fn check(message: Do<0>, answer: Result<u32, CallError>) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    soon(async move {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.expect("it starts");
        assert_eq!(kernel.ask(add::<0>(5)).await, Ok(5));

        assert_eq!(kernel.ask(message).await, answer, "{caller}");

        until(|| kernel.unready().is_empty()).await;
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1), "the state is new: {caller}");
        let observed = kernel.observe().await.remove(0);
        assert_eq!((observed.restarts, observed.status), (1, Status::Ready), "{caller}");
        assert!(kernel.stop().await.is_empty());
    })
}

#[tokio::test]
async fn a_panic_before_the_task_answers_the_caller_and_restarts_the_actor() {
    check(panics(), Err(PANICKED)).await;
}

#[tokio::test]
async fn a_panic_in_the_task_answers_the_caller_and_restarts_the_actor() {
    check(panics_in_task(), Err(PANICKED)).await;
}

#[tokio::test]
async fn a_panic_payload_that_panics_when_dropped_does_no_more_harm() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("and again");
        }
    }

    check(does(|_, _| std::panic::panic_any(Bomb)), Err(PANICKED)).await;
    check(does(|_, _| task(async { std::panic::panic_any(Bomb) })), Err(PANICKED)).await;
}

#[tokio::test]
async fn an_actor_that_panics_when_it_is_dropped_is_replaced_all_the_same() {
    struct Grumpy;
    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("not without me");
        }
    }

    let deed = does(|worker: &mut Worker<0>, _| {
        worker.holds = Some(Box::new(Grumpy));
        panic!("asked to")
    });
    check(deed, Err(PANICKED)).await;
}

#[tokio::test]
async fn a_panic_in_a_background_task_restarts_the_actor() {
    soon(async {
        let made = Arc::new(AtomicU32::new(0));
        let kernel = Kernel::builder().actor(counted::<0>(&made)).start().await.unwrap();

        let answer = kernel
            .ask(does::<0>(|_, ctx| {
                ctx.spawn(async { panic!("asked to") });
                done(Ok(7))
            }))
            .await;

        assert_eq!(answer, Ok(7), "the message that spawned it is not to blame");
        until(|| made.load(Ordering::SeqCst) == 2).await;
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert!(kernel.stop().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_background_task_that_panics_while_its_actor_still_starts_is_not_forgotten() {
    soon(async {
        let made = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&made);
        let spec = Spec::<Worker<0>>::new(move |ctx| {
            let is_first = counter.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if is_first {
                    ctx.spawn(async { panic!("asked to") });
                    for _ in 0..10 {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(idle())
            }
        });
        let kernel = Kernel::builder().actor(spec.serves::<Do<0>>().bounds(bounds())).start().await.unwrap();

        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));

        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(2), "and the second one stays");
    })
    .await;
}

#[tokio::test]
async fn several_panics_of_one_incarnation_restart_it_once() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let deed = does::<0>(|_, ctx| {
            for _ in 0..3 {
                ctx.spawn(async { panic!("asked to") });
            }
            task(async { panic!("asked to") })
        });

        kernel.ask(deed).await.unwrap_err();
        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));

        assert_eq!(kernel.observe().await[0].restarts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_the_drain_does_not_hold_up_the_stop() {
    soon(async {
        for at_drain in [|| panic!("before the task"), || task(async { panic!("in the task") })] {
            let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
            let deed = does::<0>(move |worker, _| {
                worker.at_drain = Some(Box::new(at_drain));
                done(Ok(0))
            });
            kernel.ask(deed).await.unwrap();

            assert!(kernel.stop().await.is_empty(), "it ended by itself");

            assert_eq!(kernel.unready(), [("worker-0", "stopped".to_owned())]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_the_first_start_is_a_start_error() {
    soon(async {
        let before_the_future: Spec<Worker<0>> =
            Spec::new(|_| -> std::future::Ready<_> { panic!("asked to") });
        let in_the_future: Spec<Worker<0>> = Spec::new(|_| async { panic!("asked to") });
        for spec in [before_the_future, in_the_future] {
            let error = Kernel::builder().actor(spec).start().await.err().unwrap();

            assert!(matches!(error, StartError::Fault { actor: "worker-0", .. }));
            assert_eq!(error.to_string(), "worker-0 could not start: its start panicked");
        }
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_a_later_start_is_tried_again() {
    soon(async {
        let made = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&made);
        let spec = Spec::<Worker<0>>::new(move |_| {
            assert_ne!(counter.fetch_add(1, Ordering::SeqCst), 1, "the second start fails");
            async { Ok(idle()) }
        });
        let kernel = Kernel::builder().actor(spec.serves::<Do<0>>().bounds(bounds())).start().await.unwrap();

        kernel.ask(panics::<0>()).await.unwrap_err();

        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert_eq!(made.load(Ordering::SeqCst), 3);
        assert_eq!(kernel.observe().await[0].restarts, 2);
    })
    .await;
}

#[tokio::test]
async fn a_panic_while_observed_restarts_the_actor_and_not_the_observer() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let deed = does::<0>(|worker, _| {
            worker.at_observe = Some(|| panic!("asked to"));
            done(Ok(0))
        });
        kernel.ask(deed).await.unwrap();

        assert!(kernel.observe().await[0].state.is_null());

        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert_eq!(kernel.observe().await[0].restarts, 1);
    })
    .await;
}

#[tokio::test]
async fn neighbours_on_the_same_thread_do_not_notice() {
    soon(async {
        let kernel =
            Kernel::builder().io_threads(1).actor(spec::<0>()).actor(spec::<1>()).start().await.unwrap();
        let gate = Gate::closed();
        let held = tokio::spawn({
            let (kernel, held) = (kernel.clone(), waits_for::<1>(&gate));
            async move { kernel.ask(held).await }
        });
        until(|| gate.reached() == 1).await;

        for _ in 0..3 {
            kernel.ask(panics::<0>()).await.unwrap_err();
            kernel.ask(panics_in_task::<0>()).await.unwrap_err();
        }

        gate.open();
        assert_eq!(held.await.unwrap(), Ok(1), "what the neighbour was doing goes on");
        assert_eq!(kernel.ask(add::<1>(1)).await, Ok(2), "the neighbour's state is as it was");
        let observed = kernel.observe().await;
        assert_eq!((observed[0].restarts, observed[1].restarts), (6, 0));
    })
    .await;
}

#[tokio::test]
async fn what_waits_in_the_mailbox_survives_in_its_order() {
    soon(async {
        let mut spec_bounds = bounds();
        spec_bounds.concurrency = 1;
        let kernel = Kernel::builder().actor(spec::<0>().bounds(spec_bounds)).start().await.unwrap();
        let gate = Gate::closed();
        let first = {
            let gate = gate.clone();
            does::<0>(move |worker, _| {
                worker.sum = 100;
                task(async move {
                    gate.passed().await;
                    panic!("asked to")
                })
            })
        };
        let waiting = futures::future::join_all((0..20).map(|_| kernel.ask(add::<0>(1))));
        let opened = async {
            // By now all of the others are in the mailbox: they were sent by this very thread.
            gate.open();
        };

        let (first, answers, ()) = tokio::join!(kernel.ask(first), waiting, opened);

        assert_eq!(first, Err(PANICKED));
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (1..=20).collect::<Vec<_>>(), "answered by the new one, in order of arrival");
    })
    .await;
}

#[tokio::test]
async fn what_was_being_handled_beside_the_panic_is_lost_and_said_to_be() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>()).start().await.unwrap();
        let gate = Gate::closed();
        let beside = kernel.ask(waits_for::<0>(&gate));

        let (beside, panicked) = tokio::join!(beside, kernel.ask(panics::<0>()));

        assert_eq!((beside, panicked), (Err(LOST), Err(PANICKED)));
        let observed = kernel.observe().await.remove(0);
        assert_eq!((observed.handled, observed.failed), (2, 2), "both count");
    })
    .await;
}

struct Touchy;

impl Drop for Touchy {
    fn drop(&mut self) {
        panic!("do not drop me");
    }
}

struct Give(Gate);
message!(Give => Touchy, CallError, "give");

impl starling_kernel::Handler<Give> for Worker<0> {
    fn handle(
        &mut self,
        Give(gate): Give,
        _: &starling_kernel::Context,
    ) -> starling_kernel::Task<Result<Touchy, CallError>> {
        task(async move {
            gate.passed().await;
            Ok(Touchy)
        })
    }
}

#[tokio::test]
async fn an_answer_nobody_waits_for_harms_nobody_when_it_is_dropped() {
    soon(async {
        let kernel = Kernel::builder().actor(spec::<0>().serves::<Give>()).start().await.unwrap();

        let gate = Gate::closed();
        let mut asked = Box::pin(kernel.ask(Give(gate.clone())));
        assert!(futures::poll!(&mut asked).is_pending());
        drop(asked);
        gate.open();

        assert_eq!(kernel.ask(add::<0>(1)).await, Ok(1));
        assert!(kernel.stop().await.is_empty(), "the work that made it has ended");
        assert_eq!(kernel.observe().await[0].restarts, 0);
    })
    .await;
}
