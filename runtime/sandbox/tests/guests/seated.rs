//! A guest in a seat, and a host that does what it is asked and keeps a list.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use starling_sandbox::{
    EngineOptions, Fault, Limits, Moment, Plugin, Sandbox, Seat,
    call::{Answering, FetchResponse, HostCall, HostError, HostReply, Message, MessageRef},
    config::CodeMode,
    event::{Event, Outcome},
};

/// How long a call of these tests may take.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(1);
/// How much memory an instance of these tests may have.
pub(crate) const MEMORY: u64 = 16 << 20;
/// The other side of every conversation of these tests.
pub(crate) const ALICE: &str = "05aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The engine of all tests of a process.
pub(crate) fn sandbox(mode: CodeMode) -> Sandbox {
    static ENGINES: [OnceLock<Sandbox>; 2] = [OnceLock::new(), OnceLock::new()];
    let options = EngineOptions { mode, cache: None, max_memory: MEMORY, instances: 64 };
    let engine = &ENGINES[usize::from(mode == CodeMode::Interpreted)];
    engine.get_or_init(|| Sandbox::new(&options).expect("this machine runs plugins")).clone()
}

pub(crate) fn limits() -> Limits {
    Limits { memory: MEMORY, table_elements: 20_000, call_time: CALL_TIME }
}

/// A guest that takes calls.
pub(crate) struct Seated {
    pub(crate) seat: Seat,
    pub(crate) host: Obedient,
    moment: Moment,
}

impl Seated {
    pub(crate) fn new(plugin: Plugin) -> Self {
        Self::keeping(plugin, None)
    }

    /// One whose instances stay for so many calls.
    pub(crate) fn keeping(plugin: Plugin, calls: Option<u64>) -> Self {
        let moment = Moment { now_ms: 1_790_000_000_000, seed: [7; 32] };
        Self { seat: Seat::new(plugin, limits(), calls), host: Obedient::default(), moment }
    }

    pub(crate) async fn call(&mut self, event: &Event) -> Result<Outcome, Fault> {
        self.seat.call(event, &self.moment, Box::new(self.host.clone())).await.0
    }

    /// Tells a guest that listens to orders what to do.
    pub(crate) async fn order(&mut self, order: &str) -> Result<Outcome, Fault> {
        self.call(&message(order)).await
    }
}

pub(crate) fn message(body: &str) -> Event {
    Event::Message { message: text(body) }
}

pub(crate) fn text(body: &str) -> Message {
    let origin =
        MessageRef { conversation: ALICE.to_owned(), author: ALICE.to_owned(), sent_at: 1_790_000_000_000 };
    Message { id: 1, origin, body: body.to_owned(), received_at: 1_790_000_000_001, is_request: false }
}

/// Does as it is asked, except that web servers never answer until it has an answer for them to give.
#[derive(Clone, Default)]
pub(crate) struct Obedient {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<&'static str>,
    lines: Vec<String>,
    printed: String,
    config: String,
    web: Option<FetchResponse>,
}

impl Obedient {
    /// What `config.get-all` answers.
    pub(crate) fn configure(&self, json: &str) {
        json.clone_into(&mut self.seen.lock().unwrap().config);
    }

    /// What every web server answers.
    pub(crate) fn answer_from_web(&self, response: FetchResponse) {
        self.seen.lock().unwrap().web = Some(response);
    }

    /// The names of the calls so far; begins a new list.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.seen.lock().unwrap().calls)
    }

    /// The lines of the log so far; begins a new log.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap().lines)
    }

    /// What was printed so far.
    pub(crate) fn take_printed(&self) -> String {
        std::mem::take(&mut self.seen.lock().unwrap().printed)
    }
}

/// Lists of these tests are cut here; what floods them has other limits in a real host.
const KEPT: usize = 1_000;

impl Answering for Obedient {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        let mut seen = self.seen.lock().unwrap();
        if seen.calls.len() < KEPT {
            seen.calls.push(call.name());
        }
        let answer = match call {
            HostCall::Fetch { .. } => match &seen.web {
                Some(response) => HostReply::Response(response.clone()),
                None => return futures::future::pending().boxed(),
            },
            HostCall::Log { line, .. } => {
                if seen.lines.len() < KEPT {
                    seen.lines.push(line);
                }
                HostReply::Done
            }
            HostCall::Send { .. } | HostCall::Reply { .. } => HostReply::Sending("1".to_owned()),
            HostCall::Read { .. } => HostReply::Messages(Vec::new()),
            HostCall::ListRecent | HostCall::KvListKeys { .. } => HostReply::Names(Vec::new()),
            HostCall::KvGet { .. } => HostReply::Value(Some("value".into())),
            HostCall::KvDelete { .. }
            | HostCall::KvCompareAndSwap { .. }
            | HostCall::TimerCancel { .. }
            | HostCall::SecretExists { .. } => HostReply::Flag(true),
            HostCall::KvIncrement { by, .. } => HostReply::Number(by),
            HostCall::TimerList { .. } => HostReply::Timers(Vec::new()),
            HostCall::GetConfig => HostReply::Text(seen.config.clone()),
            HostCall::SecretReveal { .. } | HostCall::OwnId => HostReply::Text(ALICE.to_owned()),
            HostCall::Now | HostCall::RandomNumber => HostReply::Unsigned(1_790_000_000_000),
            HostCall::RandomBytes { n } => HostReply::Bytes(vec![0; n.min(65_536) as usize].into()),
            HostCall::React { .. }
            | HostCall::DeleteOwn { .. }
            | HostCall::KvSet { .. }
            | HostCall::TimerSet { .. } => HostReply::Done,
        };
        futures::future::ready(Ok(answer)).boxed()
    }

    fn printed(&mut self, text: &str) {
        self.seen.lock().unwrap().printed.push_str(text);
    }
}
