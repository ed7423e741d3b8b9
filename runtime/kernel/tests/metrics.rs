//! What every actor's metrics say. The recorder is the process's, so there is one test.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use starling_kernel::{
    Actor, Bounds, CallError, Context, Event, Handler, Kernel, Spec, Task, done, message, task,
};

struct Count(u32);
message!(Count => u32, CallError, "count");

#[derive(Clone)]
struct Rang;
impl Event for Rang {
    const NAME: &'static str = "rang";
}

struct Counter;

impl Actor for Counter {
    const NAME: &'static str = "counter";
}

impl Handler<Count> for Counter {
    fn handle(&mut self, Count(n): Count, _: &Context) -> Task<Result<u32, CallError>> {
        match n {
            0 => done(Err(CallError::NotServed { message: "nothing" })),
            1 => panic!("asked to"),
            2 => task(std::future::pending()),
            n => done(Ok(n)),
        }
    }
}

impl Handler<Rang> for Counter {
    fn handle(&mut self, _: Rang, _: &Context) -> Task<Result<(), CallError>> {
        done(Ok(()))
    }
}

fn counter() -> Spec<Counter> {
    let bounds = Bounds {
        mailbox_capacity: 1,
        concurrency: 1,
        max_restarts: 1,
        drain_within: Duration::from_millis(50),
        ..Bounds::default()
    };
    Spec::new(|_| async { Ok(Counter) }).serves::<Count>().subscribes::<Rang>().bounds(bounds)
}

/// The value of a series; absent ones are a failure.
#[track_caller]
fn value(rendered: &str, series: &str) -> f64 {
    let line =
        rendered.lines().find(|line| line.starts_with(series) && line[series.len()..].starts_with(' '));
    let line = line.unwrap_or_else(|| panic!("{series} is not there:\n{rendered}"));
    line[series.len()..].trim().parse().expect("a number")
}

#[tokio::test]
async fn every_series_is_there_at_zero_before_its_first_use_and_counts_after() {
    let metrics = PrometheusBuilder::new().install_recorder().expect("nobody else has installed one");
    let kernel = Kernel::builder().actor(counter()).start().await.expect("it starts");

    let rendered = metrics.render();
    for series in [
        "actor_mailbox_depth{actor=\"counter\"}",
        "actor_refused_total{actor=\"counter\"}",
        "actor_restarts_total{actor=\"counter\"}",
        "actor_handled_total{actor=\"counter\",message=\"count\"}",
        "actor_handled_total{actor=\"counter\",message=\"rang\"}",
        "actor_failed_total{actor=\"counter\",message=\"count\"}",
        "actor_failed_total{actor=\"counter\",message=\"rang\"}",
        "actor_handle_duration_seconds_count{actor=\"counter\",message=\"count\"}",
        "actor_handle_duration_seconds_count{actor=\"counter\",message=\"rang\"}",
        "actor_events_lost_total{event=\"rang\"}",
    ] {
        assert_eq!(value(&rendered, series), 0.0, "{series}");
        let name = series.split('{').next().expect("there is a name").trim_end_matches("_count");
        assert!(rendered.contains(&format!("# HELP {name} ")), "{name} is described:\n{rendered}");
    }

    kernel.ask(Count(7)).await.expect("seven is fine");
    kernel.ask(Count(0)).await.expect_err("zero is not");
    kernel.publisher::<Rang>().publish(Rang).await;
    kernel.ask(Count(1)).await.expect_err("one panics");
    let recipient = kernel.recipient::<Count>();
    let (mut stuck, mut waiting) = (Box::pin(recipient.ask(Count(2))), Box::pin(recipient.ask(Count(7))));
    assert!(futures::poll!(&mut stuck).is_pending());
    while kernel.observe().await[0].mailbox_depth > 0 || !kernel.unready().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(futures::poll!(&mut waiting).is_pending());
    kernel.ask(Count(7)).await.expect_err("the mailbox is full");

    let rendered = metrics.render();
    assert_eq!(value(&rendered, "actor_handled_total{actor=\"counter\",message=\"count\"}"), 3.0);
    assert_eq!(value(&rendered, "actor_failed_total{actor=\"counter\",message=\"count\"}"), 2.0);
    assert_eq!(value(&rendered, "actor_handled_total{actor=\"counter\",message=\"rang\"}"), 1.0);
    assert_eq!(value(&rendered, "actor_restarts_total{actor=\"counter\"}"), 1.0);
    assert_eq!(value(&rendered, "actor_refused_total{actor=\"counter\"}"), 1.0);
    assert_eq!(value(&rendered, "actor_mailbox_depth{actor=\"counter\"}"), 1.0);
    assert_eq!(
        value(&rendered, "actor_handle_duration_seconds_count{actor=\"counter\",message=\"count\"}"),
        3.0
    );

    // A second kernel of the same actors adds to the series instead of setting them back.
    let second = Kernel::builder().actor(counter()).start().await.expect("it starts");
    assert_eq!(value(&metrics.render(), "actor_mailbox_depth{actor=\"counter\"}"), 1.0);
    second.stop().await;

    let mut stopping = Box::pin(kernel.stop());
    assert!(futures::poll!(&mut stopping).is_pending());
    kernel.publisher::<Rang>().publish(Rang).await;
    assert_eq!(value(&metrics.render(), "actor_events_lost_total{event=\"rang\"}"), 1.0);
    let killed = tokio::time::timeout(Duration::from_secs(20), stopping).await.expect("it does not hang");

    assert_eq!(killed, ["counter"]);
    let rendered = metrics.render();
    assert_eq!(value(&rendered, "actor_mailbox_depth{actor=\"counter\"}"), 0.0);
    assert_eq!(
        value(&rendered, "actor_failed_total{actor=\"counter\",message=\"count\"}"),
        3.0,
        "what was cut off has failed"
    );
    assert!(stuck.await.is_err() && waiting.await.is_err());
}
