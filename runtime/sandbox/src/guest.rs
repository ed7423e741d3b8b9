//! Compiled plugins, and seats in which they take calls, one at a time.

mod bare;

use std::{
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{Store, Trap, component::Component};
use wasmtime_wasi::I32Exit;

pub use self::bare::Bare;
use crate::{
    bindings::{
        bot::{Bot, BotPre, starling::plugin::types},
        filter::{Filter, FilterPre},
    },
    call::Answering,
    engine::Sandbox,
    event::{Event, Failure, Outcome},
    imports::{self, UnknownImport},
    manifest::World,
    room::Room,
};

/// What one host call may bring in from a guest, in bytes as the host keeps it. The longest that is any good is a request with
/// 256 KiB of body.
const MOST_ARGUMENTS: usize = 2 << 20;

/// Why a component is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are something else, or broken.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It wants something that this host does not have.
    #[error(transparent)]
    UnknownImport(#[from] UnknownImport),
    /// It exports neither of the worlds.
    #[error("it is neither a bot nor a filter: expected an export starling:plugin/handler@0.1 or starling:plugin/reviewer@0.1, found {}", .0.join(", "))]
    NoWorld(Vec<String>),
    /// It has the right names, with other types behind them.
    #[error("it does not fit this host: {0}")]
    Unfit(String),
}

/// A compiled plugin, linked and ready to be instantiated. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    sandbox: Sandbox,
    entrance: Entrance,
    imports: Vec<String>,
}

#[derive(Clone)]
enum Entrance {
    Bot(BotPre<Room>),
    Filter(FilterPre<Room>),
}

impl Sandbox {
    /// Compiles a component, or takes its code from the cache, and links it. It blocks: seconds for a large one that is new.
    ///
    /// # Errors
    /// What is wrong with the component.
    pub fn compile(&self, component: &[u8]) -> Result<Plugin, LoadError> {
        let not_one = |error: wasmtime::Error| LoadError::NotAComponent(format!("{error:#}"));
        let component = Component::from_binary(self.engine(), component).map_err(not_one)?;
        let shape = component.component_type();
        let imports: Vec<String> = shape.imports(self.engine()).map(|(name, _)| name.to_owned()).collect();
        imports::check(&imports)?;
        let exports: Vec<String> = shape.exports(self.engine()).map(|(name, _)| name.to_owned()).collect();
        let world = imports::world(&exports).ok_or(LoadError::NoWorld(exports))?;
        let unfit = |error: wasmtime::Error| LoadError::Unfit(format!("{error:#}"));
        let linked = self.linker().instantiate_pre(&component).map_err(unfit)?;
        let entrance = match world {
            World::Bot => Entrance::Bot(BotPre::new(linked).map_err(unfit)?),
            World::Filter => Entrance::Filter(FilterPre::new(linked).map_err(unfit)?),
        };
        Ok(Plugin { sandbox: self.clone(), entrance, imports })
    }
}

impl Plugin {
    /// Bot or filter.
    pub fn world(&self) -> World {
        match self.entrance {
            Entrance::Bot(_) => World::Bot,
            Entrance::Filter(_) => World::Filter,
        }
    }

    /// What it imports, as `starling:plugin/kv@0.1.0`.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }
}

/// What one call may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory of an instance, over all its modules, in bytes.
    pub memory: u64,
    /// Elements of its tables, over all its modules.
    pub table_elements: u64,
    /// How long a call may take, all its host calls included.
    pub call_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 32 << 20, table_elements: 100_000, call_time: Duration::from_secs(2) }
    }
}

/// The time and the randomness of one call; the same moment and the same answers make the same call again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Unix milliseconds; the clock stands still during the call.
    pub now_ms: u64,
    /// From which all randomness of the call follows.
    pub seed: [u8; 32],
}

/// Why a call did not come back as the contract says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}: {text}")]
pub struct Fault {
    /// What kind of end it was.
    pub kind: FaultKind,
    /// What the engine says of it, in one line.
    pub text: String,
}

/// How a call ended that did not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The plugin's code gave up: a panic, a division by zero, an exit.
    Trapped,
    /// It took longer than it may.
    TimedOut,
    /// It was refused memory or table room, and gave up.
    OutOfMemory,
    /// It called itself too deeply.
    StackExhausted,
    /// It broke the contract: text that is no UTF-8, a case that does not exist, more arguments than a host takes.
    Contract,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Trapped, Self::TimedOut, Self::OutOfMemory, Self::StackExhausted, Self::Contract];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trapped => "trapped",
            Self::TimedOut => "timed_out",
            Self::OutOfMemory => "out_of_memory",
            Self::StackExhausted => "stack_exhausted",
            Self::Contract => "contract",
        }
    }
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Trapped => "the plugin trapped",
            Self::TimedOut => "the call took too long",
            Self::OutOfMemory => "the plugin ran out of memory",
            Self::StackExhausted => "the plugin ran out of stack",
            Self::Contract => "the plugin broke the contract",
        })
    }
}

/// One plugin taking calls, one at a time. An instance that ended in a fault is never entered again.
pub struct Seat {
    plugin: Plugin,
    limits: Limits,
    /// After how many calls an instance is retired; every call has a fresh one when absent.
    retire_after: Option<u64>,
    kept: Option<Instance>,
    busy: Duration,
}

struct Instance {
    store: Store<Room>,
    exports: Exports,
    calls: u64,
    place: OwnedSemaphorePermit,
}

enum Exports {
    Bot(Bot),
    Filter(Filter),
}

impl Seat {
    /// A seat with nobody in it: instances are made when they are needed. With `retire_after` an instance stays for so many
    /// calls, and with it what it remembers.
    pub fn new(plugin: Plugin, limits: Limits, retire_after: Option<u64>) -> Self {
        Self {
            plugin,
            limits,
            retire_after: retire_after.filter(|calls| *calls > 0),
            kept: None,
            busy: Duration::ZERO,
        }
    }

    /// What takes the calls.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Is there an instance that waits for the next call?
    pub fn is_warm(&self) -> bool {
        self.kept.is_some()
    }

    /// How long the last call kept a thread busy; waiting for the host is not counted.
    pub fn last_busy(&self) -> Duration {
        self.busy
    }

    /// Runs one call, and hands the host back. A call that fails, in whatever way, drops the instance.
    pub async fn call(
        &mut self,
        event: &Event,
        moment: &Moment,
        host: Box<dyn Answering>,
    ) -> (Result<Outcome, Fault>, Box<dyn Answering>) {
        let sandbox = self.plugin.sandbox.clone();
        // Before the deadline begins: a queue for a place is not the plugin's fault.
        let place = match &self.kept {
            Some(_) => None,
            None => Some(sandbox.place().await),
        };
        let _ticking = sandbox.tick();
        self.busy = Duration::ZERO;
        let mut busy = Duration::ZERO;
        let answer = metered(&mut busy, self.call_within(event, moment, host, place)).await;
        self.busy = busy;
        answer
    }

    async fn call_within(
        &mut self,
        event: &Event,
        moment: &Moment,
        host: Box<dyn Answering>,
        place: Option<OwnedSemaphorePermit>,
    ) -> (Result<Outcome, Fault>, Box<dyn Answering>) {
        let deadline = tokio::time::Instant::now() + self.limits.call_time;
        let mut store = match self.kept.take() {
            Some(mut kept) => {
                kept.store.data_mut().move_on(moment);
                Seated {
                    store: kept.store,
                    exports: Some(kept.exports),
                    calls: kept.calls,
                    place: kept.place,
                }
            }
            None => {
                let place = match place {
                    Some(place) => place,
                    None => self.plugin.sandbox.place().await,
                };
                Seated { store: self.store(moment), exports: None, calls: 0, place }
            }
        };
        store.store.data_mut().host = Some(host);
        let outcome =
            match tokio::time::timeout_at(deadline, enter_seat(&self.plugin, &mut store, event)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(late(self.limits.call_time)),
            };
        let room = store.store.data_mut();
        let mut host = room.host.take().expect("the host was put there before the call");
        if let Some(text) = room.printed.take() {
            host.printed(&text);
        }
        store.calls += 1;
        // What a failed call has changed is undone, and so is what the instance remembers of it.
        let went_well = matches!(outcome, Ok(Outcome::Done | Outcome::Judged(_)));
        if went_well && self.retire_after.is_some_and(|most| store.calls < most) {
            let Seated { store, exports, calls, place } = store;
            self.kept = exports.map(|exports| Instance { store, exports, calls, place });
        }
        (outcome, host)
    }

    fn store(&self, moment: &Moment) -> Store<Room> {
        let sandbox = &self.plugin.sandbox;
        let mut store = Store::new(sandbox.engine(), Room::new(&self.limits, moment));
        store.limiter(|room| &mut room.bounds);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(MOST_ARGUMENTS);
        store
    }
}

fn late(call_time: Duration) -> Fault {
    let text = format!("no answer within {}", humantime::format_duration(call_time));
    Fault { kind: FaultKind::TimedOut, text }
}

impl Plugin {
    async fn instantiate(&self, store: &mut Store<Room>) -> wasmtime::Result<Exports> {
        match &self.entrance {
            Entrance::Bot(bot) => bot.instantiate_async(store).await.map(Exports::Bot),
            Entrance::Filter(filter) => filter.instantiate_async(store).await.map(Exports::Filter),
        }
    }
}

/// Sits down, where nobody sits yet, and takes the call.
async fn enter_seat(plugin: &Plugin, seated: &mut Seated, event: &Event) -> Result<Outcome, Fault> {
    if seated.exports.is_none() {
        let made = plugin.instantiate(&mut seated.store).await;
        seated.exports = Some(made.map_err(|error| fault(&error, seated.store.data()))?);
    }
    let exports = seated.exports.as_ref().expect("they are there, or were just made");
    let outcome = enter(exports, &mut seated.store, event).await;
    outcome.map_err(|error| fault(&error, seated.store.data()))
}

/// An instance, or what becomes one.
struct Seated {
    store: Store<Room>,
    exports: Option<Exports>,
    calls: u64,
    place: OwnedSemaphorePermit,
}

async fn enter(exports: &Exports, store: &mut Store<Room>, event: &Event) -> wasmtime::Result<Outcome> {
    let bot = match (exports, event) {
        (Exports::Filter(filter), Event::Review { item }) => {
            let reviewer = filter.starling_plugin_reviewer();
            let verdict = reviewer.call_review(store, &item.clone().into()).await?;
            return Ok(Outcome::Judged(verdict.into()));
        }
        // A filter is called for nothing else, and has nothing to say to it.
        (Exports::Filter(_), _) => return Ok(Outcome::Done),
        (Exports::Bot(_), Event::Review { .. }) => {
            return Ok(Outcome::Failed(Failure::Reject("a bot reviews nothing".to_owned())));
        }
        (Exports::Bot(bot), _) => bot.starling_plugin_handler(),
    };
    let outcome = match event {
        Event::Start => bot.call_on_start(store).await?,
        Event::Message { message } => bot.call_on_message(store, &message.clone().into()).await?,
        Event::Command { command } => bot.call_on_command(store, &command.clone().into()).await?,
        Event::Timer { name } => bot.call_on_timer(store, name).await?,
        Event::Migrate { from_version } => bot.call_migrate(store, from_version).await?,
        other => match happening(other) {
            Some(happening) => bot.call_on_event(store, &happening).await?,
            None => Ok(()),
        },
    };
    Ok(match outcome {
        Ok(()) => Outcome::Done,
        Err(failure) => Outcome::Failed(failure.into()),
    })
}

/// What `on-event` is told of.
fn happening(event: &Event) -> Option<types::Event> {
    Some(match event.clone() {
        Event::Reaction { author, target, emoji, is_removed } => {
            types::Event::Reaction(types::Reaction { author, target: target.into(), emoji, is_removed })
        }
        Event::Receipt { conversation, reader, sent_at } => {
            types::Event::Receipt(types::Receipt { conversation, reader, sent_at })
        }
        Event::Deletion { target } => types::Event::Deletion(types::Deletion { target: target.into() }),
        Event::Other { kind, conversation, detail } => {
            types::Event::Other(types::OtherEvent { kind, conversation, detail })
        }
        _ => return None,
    })
}

/// What an error of the engine means.
fn fault(error: &wasmtime::Error, room: &Room) -> Fault {
    let text = one_line(error);
    let kind = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => FaultKind::StackExhausted,
        _ if room.bounds.was_refused => FaultKind::OutOfMemory,
        Some(trap) if is_contract(*trap) => FaultKind::Contract,
        Some(_) => FaultKind::Trapped,
        None if error.is::<I32Exit>() => FaultKind::Trapped,
        // Whatever is no trap of the code comes from where values cross the border.
        None => FaultKind::Contract,
    };
    Fault { kind, text }
}

/// Does the trap say that values did not cross the border as the contract wants?
fn is_contract(trap: Trap) -> bool {
    matches!(trap, Trap::CannotLeaveComponent | Trap::CannotEnterComponent)
}

/// The innermost reason, without the list of frames.
fn one_line(error: &wasmtime::Error) -> String {
    let innermost = error.chain().last().map(ToString::to_string).unwrap_or_default();
    innermost.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// Adds up how long a future's own work keeps its thread busy.
async fn metered<T>(busy: &mut Duration, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let started = Instant::now();
        let polled = future.as_mut().poll(context);
        *busy += started.elapsed();
        match polled {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
