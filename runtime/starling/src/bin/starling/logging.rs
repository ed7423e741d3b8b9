//! The log: ours alone, on standard error.
//!
//! Only our own crates are heard. What libraries log names addresses, and no level of ours does.

use std::{io::IsTerminal as _, sync::Once};

use starling::{
    Config,
    config::{Log, LogFormat, LogLevel},
    kernel::config::{Loaded, Origin},
};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Begins every target of ours.
const OURS: &str = "starling";

/// Logs as the settings say.
pub(crate) fn start(log: Log) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| install(log));
}

/// Logs as the settings say if they were written by somebody or `verbose`, and stays quiet otherwise: for verbs that answer a question.
pub(crate) fn start_if_wanted(loaded: &Loaded<Config>, verbose: bool) {
    let is_set = ["runtime.log.level", "runtime.log.format"]
        .into_iter()
        .any(|key| loaded.origin(key).is_some_and(|origin| *origin != Origin::Default));
    let log = loaded.value.runtime.log;
    start(if is_set || verbose { log } else { Log { level: LogLevel::Off, ..log } });
}

fn install(log: Log) {
    let level = match log.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target(OURS, level);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let layer = match log.format {
        LogFormat::Text => layer.compact().boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(ours)).init();
}
