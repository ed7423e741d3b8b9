//! One span per request, whose id is carried across actors and threads. The subscriber is the process's, so there is one test.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use starling_kernel::{Actor, CallError, Context, Handler, Kernel, Spec, Task, done, message, task};
use tracing::{
    Instrument as _, Subscriber,
    field::{Field, Visit},
    info,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    layer::{Context as Scope, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Writes down in which spans each event happened, outermost first.
#[derive(Clone, Default)]
struct Recorder {
    events: Arc<Mutex<Vec<(String, String)>>>,
}

impl Recorder {
    /// The spans around the event of that name, which is then forgotten.
    #[track_caller]
    fn spans_of(&self, event: &str) -> String {
        let mut events = self.events.lock().expect("nobody panics while writing");
        let position = events.iter().position(|(name, _)| name == event);
        events.remove(position.unwrap_or_else(|| panic!("{event} did not happen"))).1
    }
}

/// A span with its fields, as one reads it in the log.
struct Shown(String);

impl Visit for Shown {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, scope: Scope<'_, S>) {
        let mut shown = Shown(attributes.metadata().name().to_owned());
        attributes.record(&mut shown);
        scope.span(id).expect("it is new").extensions_mut().insert(shown);
    }

    fn on_event(&self, event: &tracing::Event<'_>, scope: Scope<'_, S>) {
        let mut name = Shown(String::new());
        event.record(&mut name);
        let spans = scope.event_scope(event).into_iter().flat_map(|spans| spans.from_root());
        let spans: Vec<_> = spans
            .map(|span| span.extensions().get::<Shown>().map(|shown| shown.0.clone()).unwrap_or_default())
            .collect();
        let name = name.0.trim_start_matches(" message=").to_owned();
        self.events.lock().expect("nobody panics while writing").push((name, spans.join(" / ")));
    }
}

struct Upper;
impl Actor for Upper {
    const NAME: &'static str = "upper";
}

struct Begin;
message!(Begin => (), CallError, "begin");

impl Handler<Begin> for Upper {
    fn handle(&mut self, _: Begin, ctx: &Context) -> Task<Result<(), CallError>> {
        info!("upper decides");
        let (lower, pool) = (ctx.recipient::<Continue>(), ctx.pool().clone());
        ctx.spawn(async { info!("upper's background task") });
        task(async move {
            lower.ask(Continue).await?;
            pool.run(|| info!("upper's job")).await.map_err(|_| CallError::NotServed { message: "job" })?;
            info!("upper is done");
            Ok(())
        })
    }
}

struct Lower;
impl Actor for Lower {
    const NAME: &'static str = "lower";
}

struct Continue;
message!(Continue => (), CallError, "continue");

impl Handler<Continue> for Lower {
    fn handle(&mut self, _: Continue, _: &Context) -> Task<Result<(), CallError>> {
        info!("lower decides");
        done(Ok(()))
    }
}

#[tokio::test]
async fn the_request_id_is_carried_across_actors_and_threads() {
    let recorder = Recorder::default();
    tracing_subscriber::registry().with(recorder.clone()).init();
    let upper = Spec::new(|ctx: Context| async move {
        info!("upper starts");
        ctx.spawn(async { info!("upper's own task") });
        Ok(Upper)
    });
    let kernel = Kernel::builder()
        .actor(upper.serves::<Begin>().own_thread())
        .actor(Spec::new(|_| async { Ok(Lower) }).serves::<Continue>().own_thread())
        .start()
        .await
        .expect("it starts");

    kernel.ask(Begin).await.expect("it is answered");
    kernel.ask(Continue).await.expect("it is answered");
    async {
        kernel.ask(Continue).await.expect("it is answered");
        kernel.ask(Continue).await.expect("it is answered");
    }
    .instrument(kernel.request("login"))
    .await;
    kernel.stop().await;

    let first = "request id=1 kind=\"begin\" / handle actor=\"upper\" message=\"begin\"";
    assert_eq!(recorder.spans_of("upper decides"), first);
    assert_eq!(recorder.spans_of("upper's job"), first);
    assert_eq!(recorder.spans_of("upper is done"), first);
    assert_eq!(recorder.spans_of("upper's background task"), first);
    assert_eq!(
        recorder.spans_of("lower decides"),
        format!("{first} / handle actor=\"lower\" message=\"continue\"")
    );
    let lower = "handle actor=\"lower\" message=\"continue\"";
    assert_eq!(recorder.spans_of("lower decides"), format!("request id=2 kind=\"continue\" / {lower}"));
    let login = format!("request id=3 kind=\"login\" / {lower}");
    assert_eq!(recorder.spans_of("lower decides"), login, "several questions of one request");
    assert_eq!(recorder.spans_of("lower decides"), login);
    assert_eq!(recorder.spans_of("upper starts"), "actor name=\"upper\"");
    assert_eq!(recorder.spans_of("upper's own task"), "actor name=\"upper\"", "it belongs to no request");
}
