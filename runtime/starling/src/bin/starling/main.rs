//! The `starling` command: runs nodes and clients, and talks through them.

mod account;
mod arguments;
mod client;
mod config;
mod defect;
mod devnet;
mod exit;
mod inbox;
mod input;
mod logging;
mod output;
mod plugin;
mod progress;
mod run;
mod send;
mod settings;
mod signals;
mod status;
mod version;

use std::process::ExitCode;

use arguments::{Arguments, Verb};
use clap::Parser as _;
use exit::Failure;

fn main() -> ExitCode {
    defect::watch();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::refuse_usage(&error),
    };
    let json = arguments.global.json;
    match defect::guarded(|| perform(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

fn perform(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { global, verb } = arguments;
    match verb {
        Verb::Devnet(options) => block_on(devnet::devnet(&global, &options)),
        Verb::Run(options) => block_on(run::run(&global, &options)),
        Verb::Status(options) => block_on(status::status(&global, &options)),
        Verb::Account { verb } => block_on(account::account(&global, verb)),
        Verb::Send(options) => block_on(send::send(&global, &options)),
        Verb::Inbox(options) => block_on(inbox::inbox(&global, &options)),
        Verb::Plugin { verb } => block_on(plugin::plugin(&global, verb)),
        Verb::Config { verb } => config::config(&global, &verb),
        Verb::Completions { shell } => version::completions(shell),
        Verb::Version => version::version(&global),
    }
}

/// Waits on this thread: the actors have threads of their own.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build();
    waiting
        .map_err(|error| Failure::machine(format!("could not start waiting for events: {error}")))?
        .block_on(future)
}
