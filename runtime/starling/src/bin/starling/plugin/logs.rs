//! `starling plugin logs`.

use std::time::Duration;

use starling_sandbox::{
    call::LogLevel,
    journal::{Entry, Follower, Source},
};

use super::{arguments::Logs, installed};
use crate::{arguments::Global, exit::Failure, inbox, output::Output, signals::Signals};

/// How often a log is looked at that is followed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn logs(global: &Global, output: Output, options: &Logs) -> Result<(), Failure> {
    let folder = installed::folder(global)?;
    let name = installed::known(&folder, &options.plugin.name)?;
    let unreadable = |error: std::io::Error| {
        Failure::machine(format!("could not read {}: {error}", folder.log(&name).display()))
    };
    let mut signals = Signals::listen()?;
    let (entries, mut follower) = Follower::from_start(&folder.log(&name)).map_err(unreadable)?;
    print(output, &entries)?;
    if !options.follow {
        return Ok(());
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => print(output, &follower.poll().map_err(unreadable)?)?,
            () = signals.next() => return Ok(()),
        }
    }
}

/// Prints lines as they are in the log.
pub(super) fn print(output: Output, entries: &[Entry]) -> Result<(), Failure> {
    entries.iter().try_for_each(|entry| output.fact(entry, || text(entry)))
}

fn text(entry: &Entry) -> String {
    let level = match entry.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let source = match entry.source {
        Source::Plugin => "",
        Source::Output => " (printed)",
        Source::Host => " (host)",
    };
    format!(
        "{}  {level:5}{source}  {}",
        inbox::time(entry.at_ms),
        inbox::printable(&entry.line).replace('\n', "\n  ")
    )
}
