//! What one instance is surrounded by: its host, its limits, its WASI. Every import of the contract becomes a [`HostCall`] here.

use wasmtime::{
    Engine, ResourceLimiter,
    component::{HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{
    bindings::bot::{
        Bot,
        starling::plugin::{
            clock, config, conversations, http, identity, kv, log, outbox, random, secrets, timers, types,
        },
    },
    call::{Answering, FetchRequest, HeaderValue, HostCall, HostError, HostReply, LogLevel},
    guest::{Limits, Moment},
    wasi::{self, Printed},
};

/// The data of a store.
pub(crate) struct Room {
    /// Away only while nobody is called.
    pub(crate) host: Option<Box<dyn Answering>>,
    pub(crate) bounds: Bounds,
    pub(crate) printed: Printed,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Room {
    pub(crate) fn new(limits: &Limits, moment: &Moment) -> Self {
        let printed = Printed::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self {
            host: None,
            bounds: Bounds::new(limits),
            wasi: wasi::context(moment, &printed),
            printed,
            table,
        }
    }

    /// Moves clock and randomness on to the next call.
    pub(crate) fn move_on(&mut self, moment: &Moment) {
        wasi::move_on(&mut self.wasi, moment);
    }

    /// A linker that knows the whole contract, and WASI.
    pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Self>> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        Bot::add_to_linker::<_, HasSelf<_>>(&mut linker, |room| room)?;
        Ok(linker)
    }

    async fn ask(&mut self, call: HostCall) -> Result<HostReply, types::Error> {
        match &mut self.host {
            Some(host) => host.answer(call).await.map_err(types::Error::from),
            None => Err(types::Error::Other("nothing can be asked while the plugin is set up".to_owned())),
        }
    }
}

/// Handles of WASI that one instance may hold.
const MOST_RESOURCES: usize = 1_024;

impl WasiView for Room {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Memory and tables of one instance, counted over all its modules.
pub(crate) struct Bounds {
    memory_left: usize,
    table_left: usize,
    /// Was it refused memory? What it does then is its own affair, mostly a trap.
    pub(crate) was_refused: bool,
}

impl Bounds {
    fn new(limits: &Limits) -> Self {
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Self { memory_left: size(limits.memory), table_left: size(limits.table_elements), was_refused: false }
    }

    fn grow(left: &mut usize, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        match left.checked_sub(more) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        most: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits =
            most.is_none_or(|most| desired <= most) && Self::grow(&mut self.memory_left, current, desired);
        self.was_refused |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        most: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits =
            most.is_none_or(|most| desired <= most) && Self::grow(&mut self.table_left, current, desired);
        self.was_refused |= !fits;
        Ok(fits)
    }
}

/// Asks, and takes the one form of answer that fits the question.
macro_rules! ask {
    ($room:expr, $call:expr, $($answer:pat => $value:expr),+) => {
        match $room.ask($call).await? {
            $($answer => Ok($value),)+
            _ => Err(unfit()),
        }
    };
}

/// A host that answers another question than the one it was asked is broken; the guest must not be.
fn unfit() -> types::Error {
    types::Error::Other("the host gave an answer that does not fit the question".to_owned())
}

impl types::Host for Room {}

impl outbox::Host for Room {
    async fn send(&mut self, to: String, body: String) -> Result<String, types::Error> {
        ask!(self, HostCall::Send { to, body }, HostReply::Sending(sending) => sending)
    }

    async fn reply(&mut self, to: types::MessageRef, body: String) -> Result<String, types::Error> {
        ask!(self, HostCall::Reply { to: to.into(), body }, HostReply::Sending(sending) => sending)
    }

    async fn react(
        &mut self,
        to: types::MessageRef,
        emoji: String,
        remove: bool,
    ) -> Result<(), types::Error> {
        ask!(self, HostCall::React { to: to.into(), emoji, remove }, HostReply::Done => ())
    }

    async fn delete_own(&mut self, sent: String) -> Result<(), types::Error> {
        ask!(self, HostCall::DeleteOwn { sent }, HostReply::Done => ())
    }
}

impl conversations::Host for Room {
    async fn read(
        &mut self,
        of: String,
        after: u64,
        limit: u32,
    ) -> Result<Vec<types::Message>, types::Error> {
        ask!(self, HostCall::Read { of, after, limit },
            HostReply::Messages(messages) => messages.into_iter().map(Into::into).collect())
    }

    async fn list_recent(&mut self) -> Result<Vec<String>, types::Error> {
        ask!(self, HostCall::ListRecent, HostReply::Names(names) => names)
    }
}

impl kv::Host for Room {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, types::Error> {
        ask!(self, HostCall::KvGet { key }, HostReply::Value(value) => value.map(|value| value.0))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), types::Error> {
        ask!(self, HostCall::KvSet { key, value: value.into() }, HostReply::Done => ())
    }

    async fn delete(&mut self, key: String) -> Result<bool, types::Error> {
        ask!(self, HostCall::KvDelete { key }, HostReply::Flag(was_there) => was_there)
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, types::Error> {
        ask!(self, HostCall::KvListKeys { prefix, after, limit }, HostReply::Names(names) => names)
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Result<bool, types::Error> {
        let (expected, new) = (expected.map(Into::into), new.map(Into::into));
        ask!(self, HostCall::KvCompareAndSwap { key, expected, new }, HostReply::Flag(was_swapped) => was_swapped)
    }

    async fn increment(&mut self, key: String, by: i64) -> Result<i64, types::Error> {
        ask!(self, HostCall::KvIncrement { key, by }, HostReply::Number(number) => number)
    }
}

impl timers::Host for Room {
    async fn set(&mut self, name: String, after: u64, every: Option<u64>) -> Result<(), types::Error> {
        ask!(self, HostCall::TimerSet { name, after, every }, HostReply::Done => ())
    }

    async fn cancel(&mut self, name: String) -> Result<bool, types::Error> {
        ask!(self, HostCall::TimerCancel { name }, HostReply::Flag(was_set) => was_set)
    }

    async fn list_set(
        &mut self,
        prefix: String,
        after: Option<String>,
    ) -> Result<Vec<timers::Timer>, types::Error> {
        ask!(self, HostCall::TimerList { prefix, after },
            HostReply::Timers(timers) => timers.into_iter().map(Into::into).collect())
    }
}

impl http::Host for Room {
    async fn fetch(&mut self, request: http::Request) -> Result<http::Response, types::Error> {
        let request = FetchRequest {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
            body: request.body.into(),
        };
        ask!(self, HostCall::Fetch { request }, HostReply::Response(answer) => http::Response {
            status: answer.status,
            headers: answer.headers,
            body: answer.body.0,
        })
    }
}

impl config::Host for Room {
    async fn get_all(&mut self) -> Result<String, types::Error> {
        ask!(self, HostCall::GetConfig, HostReply::Text(config) => config)
    }
}

impl secrets::Host for Room {
    async fn exists(&mut self, name: String) -> Result<bool, types::Error> {
        ask!(self, HostCall::SecretExists { name }, HostReply::Flag(exists) => exists)
    }

    async fn reveal(&mut self, name: String) -> Result<String, types::Error> {
        ask!(self, HostCall::SecretReveal { name }, HostReply::Text(secret) => secret)
    }
}

impl log::Host for Room {
    async fn write(&mut self, level: log::Level, line: String) -> Result<(), types::Error> {
        ask!(self, HostCall::Log { level: level.into(), line }, HostReply::Done => ())
    }
}

impl clock::Host for Room {
    async fn now(&mut self) -> Result<u64, types::Error> {
        ask!(self, HostCall::Now, HostReply::Unsigned(now) => now)
    }
}

impl random::Host for Room {
    async fn bytes(&mut self, n: u32) -> Result<Vec<u8>, types::Error> {
        ask!(self, HostCall::RandomBytes { n }, HostReply::Bytes(bytes) => bytes.0)
    }

    async fn number(&mut self) -> Result<u64, types::Error> {
        ask!(self, HostCall::RandomNumber, HostReply::Unsigned(number) => number)
    }
}

impl identity::Host for Room {
    async fn own_id(&mut self) -> Result<String, types::Error> {
        ask!(self, HostCall::OwnId, HostReply::Text(id) => id)
    }
}

impl From<HostError> for types::Error {
    fn from(error: HostError) -> Self {
        match error {
            HostError::AccessDenied => Self::AccessDenied,
            HostError::QuotaExceeded(wait) => Self::QuotaExceeded(wait),
            HostError::InvalidArgument(what) => Self::InvalidArgument(what),
            HostError::NotFound => Self::NotFound,
            HostError::Other(what) => Self::Other(what),
        }
    }
}

impl From<http::HeaderValue> for HeaderValue {
    fn from(value: http::HeaderValue) -> Self {
        match value {
            http::HeaderValue::Text(text) => Self::Text(text),
            http::HeaderValue::Secret(http::SecretValue { prefix, name }) => Self::Secret { prefix, name },
        }
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}
