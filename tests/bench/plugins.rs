//! Calls of plugins: bare, through a seat, and through the whole host; what idle instances hold, and a start from the cache.
//!
//! All plugins are those of the tests: `misbehave` rests, answers or stores as it is told; `counter` changes two keys and answers.
//! They use no SDK, so that the figures are of the host.

mod hostile;
mod house;

use std::{
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use starling::sandbox::{
    Bare, EngineOptions, Limits, Moment, Plugin, Sandbox, Seat,
    call::{Answering, HostCall, HostError, HostReply, Message, MessageRef},
    config::CodeMode,
    event::Event,
};
use starling_test_guests::guest;

pub(crate) use self::hostile::serve;
use self::house::{Cast, House};
use crate::{
    machine,
    report::{Report, ms},
};

const CALLS: u32 = 20_000;
const IDLE: usize = 1_000;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many events go through the whole host
    #[arg(long, default_value_t = 5_000)]
    events: usize,
    /// Measures instead a node under load beside plugins that mean it harm
    #[arg(long)]
    hostile: bool,
    /// Which of them are let loose; all if none is named
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "hostile")]
    only: Vec<String>,
    /// How long each of these measurements takes, in seconds
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// How many nodes it is done with, one after another
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How many stores per second the node has to do meanwhile
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
}

pub(crate) fn measure(report: &Report, options: &Options) -> Result<()> {
    if options.hostile {
        return hostile::measure(report, options);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guests = Guests::load();
    let bare = runtime.block_on(calls(report, &guests))?;
    runtime.block_on(idle(report, &guests))?;
    cold(report, &guests)?;
    runtime.block_on(whole(report, options, bare))
}

/// The components.
struct Guests {
    misbehave: Vec<u8>,
    counter: Vec<u8>,
}

impl Guests {
    fn load() -> Self {
        Self { misbehave: guest("misbehave"), counter: guest("counter") }
    }
}

fn sandbox(instances: u32, cache: Option<PathBuf>) -> Result<Sandbox> {
    Ok(Sandbox::new(&EngineOptions { mode: CodeMode::Native, cache, max_memory: 64 << 20, instances })?)
}

/// One call, as often as it takes to see how long it takes.
async fn calls(report: &Report, guests: &Guests) -> Result<Duration> {
    let sandbox = sandbox(16, None)?;
    let rest = sandbox.compile(&guests.misbehave)?;
    let event = message("rest");

    let started = Instant::now();
    let mut letters = 0;
    for _ in 0..CALLS {
        letters += native(black_box(&event));
    }
    black_box(letters);
    each(report, "a native function that reads the event", started.elapsed());

    let mut bare = Bare::new(&rest, &Limits::default(), &moment(), Box::new(Agreeable)).await?;
    let started = Instant::now();
    for _ in 0..CALLS {
        bare.call(&event).await?;
    }
    let warm = each(report, "bare call, warm", started.elapsed());
    drop(bare);

    let kept = seat(report, "seat, kept instance", &rest, Some(u64::MAX), &event).await?;
    let fresh = seat(report, "seat, fresh instance for each call", &rest, None, &event).await?;
    report.ratio("seat, kept instance, against bare", micros(kept), micros(warm), "µs");
    report.ratio("seat, fresh instance, against bare", micros(fresh), micros(warm), "µs");
    Ok(warm)
}

async fn seat(
    report: &Report,
    what: &str,
    plugin: &Plugin,
    retire_after: Option<u64>,
    event: &Event,
) -> Result<Duration> {
    let mut seat = Seat::new(plugin.clone(), Limits::default(), retire_after);
    let mut host: Box<dyn Answering> = Box::new(Agreeable);
    let started = Instant::now();
    for _ in 0..CALLS {
        let (outcome, same) = seat.call(event, &moment(), host).await;
        outcome?;
        host = same;
    }
    Ok(each(report, what, started.elapsed()))
}

/// What a thousand instances hold that wait for their next call.
async fn idle(report: &Report, guests: &Guests) -> Result<()> {
    let sandbox = sandbox(u32::try_from(IDLE)?, None)?;
    let counter = sandbox.compile(&guests.counter)?;
    let before = machine::resident(std::process::id())?;
    let mut seats = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut seat = Seat::new(counter.clone(), Limits::default(), Some(u64::MAX));
        let (outcome, _) = seat.call(&message("hello"), &moment(), Box::new(Agreeable)).await;
        outcome?;
        seats.push(seat);
    }
    let held = machine::resident(std::process::id())?.saturating_sub(before);
    anyhow::ensure!(seats.iter().all(Seat::is_warm), "an instance did not stay");
    report.ratio("resident memory of 1,000 idle instances, against 300 MB", mb(held), 300.0, "MB");
    Ok(())
}

/// A start with compiled code on disk: engine, component, first instance.
fn cold(report: &Report, guests: &Guests) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    sandbox(16, Some(folder.path().to_owned()))?.compile(&guests.counter)?;
    report.figure("start without a cache: engine and compilation", ms(started.elapsed()), "ms");
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let sandbox = sandbox(16, Some(folder.path().to_owned()))?;
        let started = Instant::now();
        black_box(sandbox.compile(&guests.counter)?);
        fastest = fastest.min(started.elapsed());
        let (hits, misses) = sandbox.cache_use();
        anyhow::ensure!(misses == 0 && hits > 0, "the cache did not have it: {hits} hits, {misses} misses");
    }
    report.ratio(
        "start of a plugin from the cache, against 5 ms",
        fastest.as_secs_f64() * 1e6,
        5_000.0,
        "µs",
    );
    Ok(())
}

/// Events from the inbox through actor, transaction and grants, and back to the inbox.
async fn whole(report: &Report, options: &Options, bare: Duration) -> Result<()> {
    for (guest, text, what) in [
        ("misbehave", "rest", "whole host, no effects"),
        ("misbehave", "try outbox.send", "whole host, one answer sent"),
        ("misbehave", "try kv.increment", "whole host, one key changed"),
        ("counter", "hello", "whole host, two keys and one answer"),
    ] {
        let cast = [Cast { name: "bot", guest, section: house::plenty()?, is_kept: true }];
        let house = House::open(&cast, |_| ()).await?;
        house.run("bot", text, options.events / 10).await?;
        let took = house.run("bot", text, options.events).await?;
        let one = took / u32::try_from(options.events)?;
        let per_second = 1.0 / one.as_secs_f64();
        report.figure(&format!("{what}, events per second"), per_second, "/s");
        report.ratio(&format!("{what}, one event against a bare call"), micros(one), micros(bare), "µs");
        if text == "rest" {
            let over = one.saturating_sub(bare);
            report.ratio(
                &format!("{what}, time over the bare call, against 20 µs"),
                micros(over),
                20.0,
                "µs",
            );
        }
        house.close().await;
    }
    Ok(())
}

/// What the guest does with an event that it rests upon.
fn native(event: &Event) -> usize {
    match event.clone() {
        Event::Message { message } => message.body.split_whitespace().map(str::len).sum(),
        _ => 0,
    }
}

/// Answers every call in the simplest way.
struct Agreeable;

impl Answering for Agreeable {
    fn answer(&mut self, call: HostCall) -> futures::future::BoxFuture<'_, Result<HostReply, HostError>> {
        let reply = match call {
            HostCall::Send { .. } | HostCall::Reply { .. } => HostReply::Sending("1".to_owned()),
            HostCall::KvGet { .. } => HostReply::Value(None),
            HostCall::KvIncrement { by, .. } => HostReply::Number(by),
            HostCall::Now | HostCall::RandomNumber => HostReply::Unsigned(1),
            HostCall::GetConfig => HostReply::Text("{}".to_owned()),
            HostCall::OwnId => HostReply::Text(String::new()),
            _ => HostReply::Done,
        };
        Box::pin(std::future::ready(Ok(reply)))
    }

    fn printed(&mut self, _: &str) {}
}

fn message(body: &str) -> Event {
    let account = "05".to_owned() + &"ab".repeat(32);
    Event::Message {
        message: Message {
            id: 1,
            origin: MessageRef { conversation: account.clone(), author: account, sent_at: 1 },
            body: body.to_owned(),
            received_at: 1,
            is_request: false,
        },
    }
}

fn moment() -> Moment {
    Moment { now_ms: 1_800_000_000_000, seed: [7; 32] }
}

fn each(report: &Report, what: &str, all: Duration) -> Duration {
    let one = all / CALLS;
    report.figure(what, micros(one), "µs");
    one
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
