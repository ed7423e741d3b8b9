//! A bot that misbehaves as it is told. What it is told is an order, `BEHAVIOUR [ARGUMENT]`: the text of a message, the name of
//! a command or timer, the `kind` of another event, the version it comes from, and `on-start` in its configuration.
//!
//! What it saw on the way, it reports in its log; what should never have been possible, it reports by rejecting the event.
//!
//! - [`appetite`]: eats time and memory.
//! - [`flood`]: asks too much of the host, politely.
//! - [`attempt`]: calls one import once, and rejects the event when it was refused.
//! - [`outside`]: looks for the world outside, through WASI.

mod appetite;
mod attempt;
mod flood;
mod outside;

wit_bindgen::generate!({ path: "../../../../sdk-wasm/wit", world: "bot" });

use exports::starling::plugin::handler::{Command, Event, Failure, Guest, Message};
use starling::plugin::{config, kv, log, types::Error};

struct Misbehave;

impl Guest for Misbehave {
    fn on_start() -> Result<(), Failure> {
        let settings = config::get_all().unwrap_or_default();
        act(text_of(&settings, "on-start").unwrap_or("rest"), "")
    }

    fn on_message(message: Message) -> Result<(), Failure> {
        act(&message.body, &message.origin.conversation)
    }

    fn on_command(command: Command) -> Result<(), Failure> {
        let order = format!("{} {}", command.name, command.arguments.join(" "));
        act(order.trim_end(), &command.message.origin.conversation)
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        match event {
            Event::Other(other) => act(&other.kind, &other.conversation),
            Event::Reaction(reaction) => act(&reaction.emoji, &reaction.target.conversation),
            Event::Receipt(_) | Event::Deletion(_) => Ok(()),
        }
    }

    fn on_timer(name: String) -> Result<(), Failure> {
        act(&name, "")
    }

    fn migrate(from_version: String) -> Result<(), Failure> {
        act(&from_version, "")
    }
}

fn act(order: &str, conversation: &str) -> Result<(), Failure> {
    let (behaviour, argument) = order.split_once(' ').unwrap_or((order, ""));
    match behaviour {
        "rest" => Ok(()),
        "trap" => panic!("as it was told"),
        "exit" => std::process::exit(number(argument) as i32),
        "retry" => Err(Failure::Retry(number(argument) as u32)),
        "reject" => Err(Failure::Reject(argument.to_owned())),
        "reject-at-length" => Err(Failure::Reject("x".repeat(number(argument) as usize))),
        "trap-after-kv" => half_way(|| panic!("as it was told")),
        "retry-after-kv" => half_way(|| Failure::Retry(1)),
        "loop-after-kv" => half_way(appetite::spin),
        "try" => attempt::attempt(argument, conversation),
        _ => appetite::indulge(behaviour, argument)
            .or_else(|| flood::flood(behaviour, argument, conversation))
            .or_else(|| outside::look(behaviour, argument))
            .unwrap_or_else(|| Err(Failure::Reject(format!("there is no behaviour {behaviour:?}")))),
    }
}

/// Changes the first of two keys that belong together, and ends there.
fn half_way(end: impl FnOnce() -> Failure) -> Result<(), Failure> {
    kv::set("left", b"changed").map_err(refused)?;
    kv::increment("count", 1).map_err(refused)?;
    Err(end())
}

/// Says in the log what was seen; that is never a failure.
fn report(line: &str) -> Result<(), Failure> {
    // A report that the log refuses is missed by the test that waits for it.
    let _ = log::write(log::Level::Info, line);
    Ok(())
}

fn refused(error: Error) -> Failure {
    Failure::Reject(named(&error))
}

/// An error of the contract in its own words.
fn named(error: &Error) -> String {
    match error {
        Error::AccessDenied => "access-denied".to_owned(),
        Error::QuotaExceeded(wait) => format!("quota-exceeded {wait}"),
        Error::InvalidArgument(text) => format!("invalid-argument {text}"),
        Error::NotFound => "not-found".to_owned(),
        Error::Other(text) => format!("other {text}"),
    }
}

/// The argument as a number; zero when it is none.
fn number(argument: &str) -> u64 {
    argument.trim().parse().unwrap_or_default()
}

/// The text under `key` of a JSON object that has only plain texts.
fn text_of<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, behind) = json.split_once(&format!("\"{key}\""))?;
    let (_, value) = behind.split_once('"')?;
    value.split_once('"').map(|(value, _)| value)
}

export!(Misbehave);
