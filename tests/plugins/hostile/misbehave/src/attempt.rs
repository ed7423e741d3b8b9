//! Calls one import once, with arguments that are right. When it is refused, so is the event, with the import's name and the
//! error: a test sees it even where the plugin may not write to a log.

use crate::{
    Failure,
    flood::{get, message_of},
    named, report,
    starling::plugin::{
        clock, config, conversations, http, identity, kv, log, outbox, random, secrets, timers, types::Error,
    },
};

/// Tries `IMPORT [ARGUMENT]`.
pub fn attempt(order: &str, conversation: &str) -> Result<(), Failure> {
    let (import, argument) = order.split_once(' ').unwrap_or((order, ""));
    let to = if argument.is_empty() { conversation } else { argument };
    let answer = match import {
        "outbox.send" => said(outbox::send(to, "hello")),
        "outbox.reply" => said(outbox::reply(&message_of(to), "hello")),
        "outbox.react" => said(outbox::react(&message_of(to), "\u{1f426}", false)),
        "outbox.delete-own" => said(outbox::delete_own(argument)),
        "conversations.read" => said(conversations::read(to, 0, 100)),
        "conversations.list-recent" => said(conversations::list_recent()),
        "kv.get" => said(kv::get("key")),
        "kv.set" => said(kv::set("key", b"value")),
        "kv.delete" => said(kv::delete("key")),
        "kv.list-keys" => said(kv::list_keys("", None, 100)),
        "kv.compare-and-swap" => said(kv::compare_and_swap("key", None, Some(b"value"))),
        "kv.increment" => said(kv::increment("number", 1)),
        "timers.set" => said(timers::set("timer", 60_000, None)),
        "timers.cancel" => said(timers::cancel("timer")),
        "timers.list-set" => said(timers::list_set("", None)),
        "http.fetch" => said(http::fetch(&get(argument))),
        "http.fetch-with-secret" => said(http::fetch(&with_secret(argument))),
        "config.get-all" => said(config::get_all()),
        "secrets.exists" => said(secrets::exists(argument)),
        "secrets.reveal" => said(secrets::reveal(argument)),
        "log.write" => said(log::write(log::Level::Info, "hello")),
        "clock.now" => said(clock::now()),
        "random.bytes" => said(random::bytes(16)),
        "random.number" => said(random::number()),
        "identity.own-id" => said(identity::own_id()),
        _ => return Err(Failure::Reject(format!("there is no import {import:?}"))),
    };
    match answer {
        Ok(answer) => report(&format!("{import}: {answer}")),
        Err(error) => Err(Failure::Reject(format!("{import}: {}", named(&error)))),
    }
}

/// A request that carries the secret of that name, `SECRET URL`.
fn with_secret(argument: &str) -> http::Request {
    let (name, url) = argument.split_once(' ').unwrap_or((argument, ""));
    let secret = http::SecretValue { prefix: "Bearer ".to_owned(), name: name.to_owned() };
    http::Request {
        headers: vec![("authorization".to_owned(), http::HeaderValue::Secret(secret))],
        ..get(url)
    }
}

fn said<T: std::fmt::Debug>(answer: Result<T, Error>) -> Result<String, Error> {
    answer.map(|value| format!("{value:?}"))
}
