//! What a guest asks of its host, as values: the one gate through which every import of the contract goes.
//!
//! Grants, quotas, receipts, metrics, recording and replay all stand at this gate, so that no import can be missed by one of
//! them. As JSON, these are also the lines of a recording and of a test's script.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::bytes_text::BytesText;

/// A question or command of a guest; one case for each function of `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of the parameters in wit/")]
pub enum HostCall {
    /// `outbox.send`.
    Send { to: String, body: String },
    /// `outbox.reply`.
    Reply { to: MessageRef, body: String },
    /// `outbox.react`.
    React { to: MessageRef, emoji: String, remove: bool },
    /// `outbox.delete-own`.
    DeleteOwn { sent: String },
    /// `conversations.read`.
    Read { of: String, after: u64, limit: u32 },
    /// `conversations.list-recent`.
    ListRecent,
    /// `kv.get`.
    KvGet { key: String },
    /// `kv.set`.
    KvSet { key: String, value: BytesText },
    /// `kv.delete`.
    KvDelete { key: String },
    /// `kv.list-keys`.
    KvListKeys { prefix: String, after: Option<String>, limit: u32 },
    /// `kv.compare-and-swap`.
    KvCompareAndSwap { key: String, expected: Option<BytesText>, new: Option<BytesText> },
    /// `kv.increment`.
    KvIncrement { key: String, by: i64 },
    /// `timers.set`.
    TimerSet { name: String, after: u64, every: Option<u64> },
    /// `timers.cancel`.
    TimerCancel { name: String },
    /// `timers.list-set`.
    TimerList { prefix: String, after: Option<String> },
    /// `http.fetch`.
    Fetch { request: FetchRequest },
    /// `config.get-all`.
    GetConfig,
    /// `secrets.exists`.
    SecretExists { name: String },
    /// `secrets.reveal`.
    SecretReveal { name: String },
    /// `log.write`.
    Log { level: LogLevel, line: String },
    /// `clock.now`.
    Now,
    /// `random.bytes`.
    RandomBytes { n: u32 },
    /// `random.number`.
    RandomNumber,
    /// `identity.own-id`.
    OwnId,
}

impl HostCall {
    /// The import's name, as in `kv.get`: for metrics, receipts and differences.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Send { .. } => "outbox.send",
            Self::Reply { .. } => "outbox.reply",
            Self::React { .. } => "outbox.react",
            Self::DeleteOwn { .. } => "outbox.delete-own",
            Self::Read { .. } => "conversations.read",
            Self::ListRecent => "conversations.list-recent",
            Self::KvGet { .. } => "kv.get",
            Self::KvSet { .. } => "kv.set",
            Self::KvDelete { .. } => "kv.delete",
            Self::KvListKeys { .. } => "kv.list-keys",
            Self::KvCompareAndSwap { .. } => "kv.compare-and-swap",
            Self::KvIncrement { .. } => "kv.increment",
            Self::TimerSet { .. } => "timers.set",
            Self::TimerCancel { .. } => "timers.cancel",
            Self::TimerList { .. } => "timers.list-set",
            Self::Fetch { .. } => "http.fetch",
            Self::GetConfig => "config.get-all",
            Self::SecretExists { .. } => "secrets.exists",
            Self::SecretReveal { .. } => "secrets.reveal",
            Self::Log { .. } => "log.write",
            Self::Now => "clock.now",
            Self::RandomBytes { .. } => "random.bytes",
            Self::RandomNumber => "random.number",
            Self::OwnId => "identity.own-id",
        }
    }
}

/// What a host answers when it did as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostReply {
    /// It was done; there is nothing to say.
    Done,
    /// The name of something on its way (`outbox.send`, `outbox.reply`).
    Sending(String),
    /// Messages (`conversations.read`).
    Messages(Vec<Message>),
    /// Names (`conversations.list-recent`, `kv.list-keys`).
    Names(Vec<String>),
    /// A value, or that there is none (`kv.get`).
    Value(Option<BytesText>),
    /// Yes or no (`kv.delete`, `kv.compare-and-swap`, `timers.cancel`, `secrets.exists`).
    Flag(bool),
    /// A number (`kv.increment`).
    Number(i64),
    /// Timers (`timers.list-set`).
    Timers(Vec<Timer>),
    /// A web server's answer (`http.fetch`).
    Response(FetchResponse),
    /// A text (`config.get-all`, `secrets.reveal`, `identity.own-id`).
    Text(String),
    /// Bytes (`random.bytes`).
    Bytes(BytesText),
    /// A time or a random number (`clock.now`, `random.number`).
    Unsigned(u64),
}

/// Why a host did not do as it was asked: the contract's `types.error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostError {
    /// The grant is missing, or does not reach so far.
    AccessDenied,
    /// The quota is used up; more after so many milliseconds, never in this call when it is `u32::MAX`.
    QuotaExceeded(u32),
    /// An argument is not what the function takes.
    InvalidArgument(String),
    /// What was asked for does not exist.
    NotFound,
    /// Anything else.
    Other(String),
}

impl HostError {
    /// Its name in metrics and receipts, as in `access-denied`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AccessDenied => "access-denied",
            Self::QuotaExceeded(_) => "quota-exceeded",
            Self::InvalidArgument(_) => "invalid-argument",
            Self::NotFound => "not-found",
            Self::Other(_) => "other",
        }
    }
}

/// Answers a guest's calls: a live host, a test's script, or a recording.
pub trait Answering: std::any::Any + Send {
    /// Answers one call. The future may be dropped half-way, when the deadline of the guest's call passes.
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>>;

    /// Takes what the guest wrote to its standard output or error.
    fn printed(&mut self, text: &str);
}

/// The contract's `types.message-ref`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct MessageRef {
    pub conversation: String,
    pub author: String,
    pub sent_at: u64,
}

/// The contract's `types.message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct Message {
    pub id: u64,
    pub origin: MessageRef,
    pub body: String,
    pub received_at: u64,
    #[serde(default)]
    pub is_request: bool,
}

/// The contract's `timers.timer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct Timer {
    pub name: String,
    pub due_at: u64,
    pub every: Option<u64>,
}

/// The contract's `http.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct FetchRequest {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: Vec<(String, HeaderValue)>,
    #[serde(default)]
    pub body: BytesText,
}

/// The contract's `http.header-value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub enum HeaderValue {
    Text(String),
    Secret { prefix: String, name: String },
}

/// The contract's `http.response`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields have the names and meanings of those in wit/")]
pub struct FetchResponse {
    pub status: u16,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: BytesText,
}

/// The contract's `log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the usual ones")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}
