//! Asks too much of the host: too often, too long, too many.

use crate::{
    Failure, named, number, report,
    starling::plugin::{
        config, conversations, http, identity, kv, log, outbox, random, secrets, timers,
        types::{Error, MessageRef},
    },
};

/// The longest value that the store takes.
const VALUE: usize = 64 << 10;

/// Does one of these; `None` when it is none of them.
pub fn flood(behaviour: &str, argument: &str, conversation: &str) -> Option<Result<(), Failure>> {
    let n = number(argument);
    Some(match behaviour {
        "log-flood" => log_flood(n),
        "print-flood" => print_flood(n),
        "fill-kv" => until_refused("kv.set", n, |i| kv::set(&format!("fill/{i}"), &vec![b'x'; VALUE])),
        "fill-kv-names" => until_refused("kv.set", n, |i| kv::set(&format!("{i:0256}"), b"")),
        "set-timers" => {
            until_refused("timers.set", n, |i| timers::set(&format!("timer/{i}"), 3_600_000, None))
        }
        "send-flood" => {
            until_refused("outbox.send", n, |i| outbox::send(conversation, &format!("flood {i}")))
        }
        "react-flood" => {
            let to = message_of(conversation);
            until_refused("outbox.react", n, |_| outbox::react(&to, "\u{1f426}", false))
        }
        "fetch-flood" => {
            let (url, n) = argument.split_once(' ').unwrap_or((argument, "1"));
            until_refused("http.fetch", number(n), |_| http::fetch(&get(url)))
        }
        "fetch" => fetch(argument),
        "huge-texts" => huge_texts(&"x".repeat(n as usize)),
        "huge-list" => huge_list(n),
        "much-randomness" => much_randomness(),
        _ => return None,
    })
}

fn log_flood(lines: u64) -> Result<(), Failure> {
    let line = "flood ".repeat(1_000);
    let refused = (0..lines).filter(|_| log::write(log::Level::Error, &line).is_err()).count();
    // Whoever reads this knows that the call came to its end; the log itself may be full.
    if refused as u64 == lines { Err(Failure::Reject("no line was taken".to_owned())) } else { Ok(()) }
}

fn print_flood(lines: u64) -> Result<(), Failure> {
    let line = "flood ".repeat(1_000);
    for _ in 0..lines {
        println!("{line}");
        eprintln!("{line}");
    }
    Ok(())
}

/// Repeats a call until it is refused, and reports after how many, and why.
fn until_refused<T>(
    name: &str,
    most: u64,
    mut call: impl FnMut(u64) -> Result<T, Error>,
) -> Result<(), Failure> {
    for i in 0..most {
        if let Err(error) = call(i) {
            return report(&format!("{name} {i} {}", named(&error)));
        }
    }
    report(&format!("{name} {most} never refused"))
}

/// Asks a server, and reports what it said.
fn fetch(url: &str) -> Result<(), Failure> {
    match http::fetch(&get(url)) {
        Ok(response) => report(&format!("http.fetch {} {} bytes", response.status, response.body.len())),
        Err(error) => report(&format!("http.fetch {}", named(&error))),
    }
}

/// Gives a very long text to every parameter of every import that takes one.
fn huge_texts(text: &str) -> Result<(), Failure> {
    tell("outbox.send to", outbox::send(text, "hi"));
    let long_ref = MessageRef { conversation: text.to_owned(), author: text.to_owned(), sent_at: 1 };
    tell("outbox.send body", outbox::send(&"05".repeat(33), text));
    tell("outbox.reply to", outbox::reply(&long_ref, "hi"));
    tell("outbox.react emoji", outbox::react(&message_of(&"05".repeat(33)), text, false));
    tell("outbox.delete-own", outbox::delete_own(text));
    tell("conversations.read", conversations::read(text, 0, u32::MAX));
    tell("kv.get", kv::get(text));
    tell("kv.set key", kv::set(text, b""));
    tell("kv.set value", kv::set("huge", text.as_bytes()));
    tell("kv.delete", kv::delete(text));
    tell("kv.list-keys", kv::list_keys(text, Some(text), u32::MAX));
    tell("kv.compare-and-swap", kv::compare_and_swap("huge", Some(text.as_bytes()), Some(text.as_bytes())));
    tell("kv.increment", kv::increment(text, 1));
    tell("timers.set", timers::set(text, u64::MAX, Some(u64::MAX)));
    tell("timers.cancel", timers::cancel(text));
    tell("timers.list-set", timers::list_set(text, Some(text)));
    drop(long_ref);
    let mut request = get(text);
    request.method = text.to_owned();
    request.headers = vec![(text.to_owned(), http::HeaderValue::Text(text.to_owned()))];
    tell("http.fetch", http::fetch(&request));
    tell("secrets.exists", secrets::exists(text));
    tell("secrets.reveal", secrets::reveal(text));
    tell("log.write", log::write(log::Level::Debug, text));
    tell("config.get-all", config::get_all());
    tell("identity.own-id", identity::own_id());
    Ok(())
}

/// Gives a list of so many headers.
fn huge_list(entries: u64) -> Result<(), Failure> {
    let mut request = get("http://127.0.0.1/");
    request.headers = vec![("x".to_owned(), http::HeaderValue::Text(String::new())); entries as usize];
    tell("http.fetch", http::fetch(&request));
    Ok(())
}

fn much_randomness() -> Result<(), Failure> {
    tell("random.bytes", random::bytes(u32::MAX));
    Ok(())
}

/// Reports one answer, without what it holds.
fn tell<T>(name: &str, answer: Result<T, Error>) {
    let said = match answer {
        Ok(_) => "ok".to_owned(),
        Err(error) => named(&error).chars().take(200).collect(),
    };
    // A report is never a failure.
    let _ = report(&format!("{name}: {said}"));
}

pub fn get(url: &str) -> http::Request {
    http::Request { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
}

pub fn message_of(conversation: &str) -> MessageRef {
    MessageRef {
        conversation: conversation.to_owned(),
        author: conversation.to_owned(),
        sent_at: 1_790_000_000_000,
    }
}
