//! Counts its messages in two keys that one call changes together, and answers each with the number and the text.
//!
//! If the two ever differ, half a transaction was kept: then it says so, and keeps on saying so.

wit_bindgen::generate!({ path: "../../../sdk-wasm/wit", world: "bot" });

use exports::starling::plugin::handler::{Command, Event, Failure, Guest, Message};
use starling::plugin::{kv, outbox, types::Error};

struct Counter;

impl Guest for Counter {
    fn on_start() -> Result<(), Failure> {
        Ok(())
    }

    fn on_message(message: Message) -> Result<(), Failure> {
        let left = kv::increment("left", 1).map_err(refused)?;
        let right = kv::increment("right", 1).map_err(refused)?;
        let answer = if left == right {
            format!("{left} {}", message.body)
        } else {
            format!("torn {left} {right} {}", message.body)
        };
        outbox::reply(&message.origin, &answer).map_err(refused)?;
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

/// Nothing may be lost over a quota: the event comes again when there is some left.
fn refused(error: Error) -> Failure {
    match error {
        Error::QuotaExceeded(wait) if wait < u32::MAX => Failure::Retry(wait),
        other => Failure::Reject(format!("{other:?}")),
    }
}

export!(Counter);
