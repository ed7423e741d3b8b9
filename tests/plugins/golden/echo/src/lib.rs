//! Says back what it is told, and calls every import of the contract on the way, so that a component of this version uses all
//! that the version has. Each export leaves a line in the log.

wit_bindgen::generate!({ path: "../../../../sdk-wasm/wit", world: "bot" });

use exports::starling::plugin::handler::{Command, Event, Failure, Guest, Message};
use starling::plugin::{
    clock, config, conversations, http, identity, kv, log, outbox, random, secrets, timers, types::Error,
};

struct Echo;

impl Guest for Echo {
    fn on_start() -> Result<(), Failure> {
        say("start").map_err(failed)
    }

    fn on_message(message: Message) -> Result<(), Failure> {
        if let Some(wait) = message.body.strip_prefix("retry ") {
            return Err(Failure::Retry(wait.parse().unwrap_or_default()));
        }
        if let Some(reason) = message.body.strip_prefix("reject ") {
            return Err(Failure::Reject(reason.to_owned()));
        }
        everything(&message).map_err(failed)
    }

    fn on_command(command: Command) -> Result<(), Failure> {
        say(&format!("command {} {}", command.name, command.arguments.join("|"))).map_err(failed)
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        let line = match event {
            Event::Reaction(reaction) => format!("reaction {} {}", reaction.emoji, reaction.is_removed),
            Event::Receipt(receipt) => format!("receipt {:?}", receipt.sent_at),
            Event::Deletion(deletion) => format!("deletion {}", deletion.target.sent_at),
            Event::Other(other) => format!("other {} {}", other.kind, other.detail),
        };
        say(&line).map_err(failed)
    }

    fn on_timer(name: String) -> Result<(), Failure> {
        say(&format!("timer {name}")).map_err(failed)
    }

    fn migrate(from_version: String) -> Result<(), Failure> {
        say(&format!("migrate {from_version}")).map_err(failed)
    }
}

/// Calls everything that there is.
fn everything(message: &Message) -> Result<(), Error> {
    let origin = &message.origin;
    let sending = outbox::send(&origin.conversation, &message.body)?;
    outbox::reply(origin, &message.body)?;
    outbox::react(origin, "\u{1f426}", false)?;
    outbox::delete_own(&sending)?;
    let read = conversations::read(&origin.conversation, 0, 10)?;
    let recent = conversations::list_recent()?;
    kv::set("key", b"value")?;
    let value = kv::get("key")?;
    let keys = kv::list_keys("k", None, 10)?;
    let swapped = kv::compare_and_swap("key", Some(b"value"), Some(b"other"))?;
    let count = kv::increment("count", 2)?;
    let deleted = kv::delete("key")?;
    timers::set("timer", 60_000, Some(1_000))?;
    let set = timers::list_set("", None)?;
    let cancelled = timers::cancel("timer")?;
    let answer = http::fetch(&request())?;
    let settings = config::get_all()?;
    let exists = secrets::exists("token")?;
    let revealed = secrets::reveal("token")?;
    let now = clock::now()?;
    let bytes = random::bytes(3)?;
    let number = random::number()?;
    let own = identity::own_id()?;
    say(&format!("outbox {sending}; conversations {} {}", read.len(), recent.len()))?;
    say(&format!("kv {} {} {swapped} {count} {deleted}", value.map_or(0, |value| value.len()), keys.len()))?;
    say(&format!("timers {} {cancelled}; http {} {}", set.len(), answer.status, answer.body.len()))?;
    say(&format!("config {settings}; secrets {exists} {revealed}; clock {now}"))?;
    say(&format!("random {} {number}; identity {own}", bytes.len()))
}

fn request() -> http::Request {
    let secret = http::SecretValue { prefix: "Bearer ".to_owned(), name: "token".to_owned() };
    http::Request {
        method: "POST".to_owned(),
        url: "https://api.example.org/echo".to_owned(),
        headers: vec![
            ("accept".to_owned(), http::HeaderValue::Text("text/plain".to_owned())),
            ("authorization".to_owned(), http::HeaderValue::Secret(secret)),
        ],
        body: b"body".to_vec(),
    }
}

fn say(line: &str) -> Result<(), Error> {
    log::write(log::Level::Info, line)
}

fn failed(error: Error) -> Failure {
    Failure::Reject(format!("{error:?}"))
}

export!(Echo);
