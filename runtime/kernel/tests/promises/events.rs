//! Events reach everybody who subscribed, or are counted as missed.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use starling_kernel::{Bounds, CallError, Context, Event, Handler, Kernel, Spec, Task, task};

use crate::worker::{Do, Gate, Worker, add, bounds, idle, panics, soon, spec};

#[derive(Clone)]
struct Changed {
    seen: Arc<AtomicU32>,
    /// Held up here before it is seen.
    gate: Gate,
}

impl Event for Changed {
    const NAME: &'static str = "changed";
}

impl Changed {
    fn new() -> Self {
        let gate = Gate::closed();
        Self { seen: Arc::default(), gate }
    }

    fn seen(&self) -> u32 {
        self.seen.load(Ordering::SeqCst)
    }
}

impl<const N: usize> Handler<Changed> for Worker<N> {
    fn handle(&mut self, event: Changed, _: &Context) -> Task<Result<(), CallError>> {
        self.sum += 1;
        task(async move {
            event.gate.passed().await;
            event.seen.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }
}

#[tokio::test]
async fn every_subscriber_is_told() {
    soon(async {
        let kernel = Kernel::builder()
            .actor(spec::<0>().subscribes::<Changed>())
            .actor(spec::<1>().subscribes::<Changed>())
            .actor(spec::<2>())
            .start()
            .await
            .unwrap();
        let event = Changed::new();
        event.gate.open();

        kernel.publisher::<Changed>().publish(event.clone()).await;

        assert_eq!(event.seen(), 2);
        assert_eq!(kernel.ask(add::<1>(0)).await, Ok(1));
        assert_eq!(kernel.ask(add::<2>(0)).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn an_event_without_subscribers_is_told_to_nobody() {
    let kernel = Kernel::builder().start().await.unwrap();

    soon(kernel.publisher::<Changed>().publish(Changed::new())).await;
}

#[tokio::test]
async fn a_publisher_made_before_its_subscribers_reaches_them() {
    soon(async {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let early = Spec::<Worker<0>>::new(move |ctx| {
            let _ = sender.send(ctx.publisher::<Changed>());
            async { Ok(idle()) }
        });
        let _kernel =
            Kernel::builder().actor(early).actor(spec::<1>().subscribes::<Changed>()).start().await.unwrap();
        let event = Changed::new();
        event.gate.open();

        receiver.recv().unwrap().publish(event.clone()).await;

        assert_eq!(event.seen(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_slow_subscriber_holds_the_publisher_back() {
    soon(async {
        let tight = Bounds { mailbox_capacity: 1, concurrency: 1, ..bounds() };
        let kernel =
            Kernel::builder().actor(spec::<0>().subscribes::<Changed>().bounds(tight)).start().await.unwrap();
        let publisher = kernel.publisher::<Changed>();
        let event = Changed::new();
        let mut publishing: Vec<_> = (0..5).map(|_| Box::pin(publisher.publish(event.clone()))).collect();
        for one in &mut publishing {
            assert!(futures::poll!(one).is_pending());
        }
        assert!(matches!(kernel.ask(add::<0>(1)).await, Ok(1..) | Err(CallError::Busy { .. })));

        event.gate.open();
        futures::future::join_all(publishing).await;

        assert_eq!(event.seen(), 5, "none of them is lost to a full mailbox");
    })
    .await;
}

#[tokio::test]
async fn a_subscriber_that_has_failed_does_not_keep_the_others_from_being_told() {
    soon(async {
        let hopeless = Bounds { max_restarts: 0, ..bounds() };
        let kernel = Kernel::builder()
            .actor(spec::<0>().subscribes::<Changed>().bounds(hopeless))
            .actor(spec::<1>().subscribes::<Changed>())
            .start()
            .await
            .unwrap();
        kernel.ask(panics::<0>()).await.unwrap_err();
        assert!(matches!(
            kernel.recipient::<Do<0>>().ask_patiently(add::<0>(0)).await,
            Err(CallError::Failed { .. })
        ));
        let event = Changed::new();
        event.gate.open();

        kernel.publisher::<Changed>().publish(event.clone()).await;

        assert_eq!(event.seen(), 1);
    })
    .await;
}
