//! Calls every import with arguments out of a hat. A message `SEED CALLS` says which hat, and how often.
//!
//! At its end it tells in its log how often each kind of answer came: `ok 12, access-denied 3, …`.

mod hat;

wit_bindgen::generate!({ path: "../../../sdk-wasm/wit", world: "bot" });

use exports::starling::plugin::handler::{Command, Event, Failure, Guest, Message};
use hat::Hat;
use starling::plugin::{
    clock, config, conversations, http, identity, kv, log, outbox, random, secrets, timers,
    types::{Error, MessageRef},
};

/// How many different calls there are.
const IMPORTS: u64 = 24;

struct Fuzzer;

impl Guest for Fuzzer {
    fn on_start() -> Result<(), Failure> {
        Ok(())
    }

    fn on_message(message: Message) -> Result<(), Failure> {
        let numbers: Option<Vec<u64>> = message.body.split(' ').map(|number| number.parse().ok()).collect();
        let Some([seed, calls]) = numbers.as_deref() else {
            return Err(Failure::Reject("expected SEED CALLS".to_owned()));
        };
        let mut hat = Hat(*seed);
        let mut tally = Tally::default();
        for _ in 0..*calls {
            tally.count(&call(&mut hat));
        }
        // A full log is one of the answers that are counted; the test then reads the tally of another seed.
        let _ = log::write(log::Level::Info, &tally.to_string());
        Ok(())
    }

    fn on_command(_: Command) -> Result<(), Failure> {
        Ok(())
    }

    fn on_event(_: Event) -> Result<(), Failure> {
        Ok(())
    }

    fn on_timer(_: String) -> Result<(), Failure> {
        Ok(())
    }

    fn migrate(_: String) -> Result<(), Failure> {
        Ok(())
    }
}

fn call(hat: &mut Hat) -> Result<(), Error> {
    match hat.below(IMPORTS) {
        0 => outbox::send(&hat.text(), &hat.text()).map(drop),
        1 => outbox::reply(&reference(hat), &hat.text()).map(drop),
        2 => outbox::react(&reference(hat), &hat.text(), hat.coin()),
        3 => outbox::delete_own(&hat.text()),
        4 => conversations::read(&hat.text(), hat.number(), hat.small_number()).map(drop),
        5 => conversations::list_recent().map(drop),
        6 => kv::get(&hat.text()).map(drop),
        7 => kv::set(&hat.text(), &hat.bytes()),
        8 => kv::delete(&hat.text()).map(drop),
        9 => {
            let after = hat.maybe(Hat::text);
            kv::list_keys(&hat.text(), after.as_deref(), hat.small_number()).map(drop)
        }
        10 => {
            let (expected, new) = (hat.maybe(Hat::bytes), hat.maybe(Hat::bytes));
            kv::compare_and_swap(&hat.text(), expected.as_deref(), new.as_deref()).map(drop)
        }
        11 => kv::increment(&hat.text(), hat.number().cast_signed()).map(drop),
        12 => {
            let every = hat.maybe(Hat::number);
            timers::set(&hat.text(), hat.number(), every)
        }
        13 => timers::cancel(&hat.text()).map(drop),
        14 => {
            let after = hat.maybe(Hat::text);
            timers::list_set(&hat.text(), after.as_deref()).map(drop)
        }
        15 => http::fetch(&request(hat)).map(drop),
        16 => config::get_all().map(drop),
        17 => secrets::exists(&hat.text()).map(drop),
        18 => secrets::reveal(&hat.text()).map(drop),
        19 => log::write(level(hat), &hat.text()),
        20 => clock::now().map(drop),
        21 => random::bytes(hat.small_number()).map(drop),
        22 => random::number().map(drop),
        _ => identity::own_id().map(drop),
    }
}

fn reference(hat: &mut Hat) -> MessageRef {
    MessageRef { conversation: hat.text(), author: hat.text(), sent_at: hat.number() }
}

fn level(hat: &mut Hat) -> log::Level {
    match hat.below(4) {
        0 => log::Level::Debug,
        1 => log::Level::Info,
        2 => log::Level::Warn,
        _ => log::Level::Error,
    }
}

fn request(hat: &mut Hat) -> http::Request {
    let headers = (0..hat.below(4)).map(|_| {
        let name = hat.text();
        let value = if hat.coin() {
            http::HeaderValue::Text(hat.text())
        } else {
            http::HeaderValue::Secret(http::SecretValue { prefix: hat.text(), name: hat.text() })
        };
        (name, value)
    });
    let headers = headers.collect();
    http::Request { method: hat.method(), url: hat.text(), headers, body: hat.bytes() }
}

/// How often each kind of answer came.
#[derive(Default)]
struct Tally([u64; 6]);

const KINDS: [&str; 6] = ["ok", "access-denied", "quota-exceeded", "invalid-argument", "not-found", "other"];

impl Tally {
    fn count(&mut self, answer: &Result<(), Error>) {
        let kind = match answer {
            Ok(()) => 0,
            Err(Error::AccessDenied) => 1,
            Err(Error::QuotaExceeded(_)) => 2,
            Err(Error::InvalidArgument(_)) => 3,
            Err(Error::NotFound) => 4,
            Err(Error::Other(_)) => 5,
        };
        self.0[kind] += 1;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted: Vec<_> = KINDS.iter().zip(self.0).map(|(kind, n)| format!("{kind} {n}")).collect();
        f.write_str(&counted.join(", "))
    }
}

export!(Fuzzer);
