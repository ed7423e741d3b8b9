//! Between the types of the contract and those that authors see.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use super::{
    bot::starling::plugin::{http, log, timers, types},
    filter::exports::starling::plugin::reviewer,
};
use crate::{
    AccountId, Command, Conversation, Deletion, Error, Event, Failure, Header, Item, Level, Message,
    MessageRef, OtherEvent, Place, Reaction, Receipt, Request, Response, Timer, Timestamp, Verdict,
    timestamp::millis,
};

/// Puts the name of what was asked beside the host's error.
pub(crate) fn error(call: &'static str) -> impl FnOnce(types::Error) -> Error {
    move |error| match error {
        types::Error::AccessDenied => Error::AccessDenied { call },
        types::Error::QuotaExceeded(u32::MAX) => Error::QuotaExceeded { call, retry_after: None },
        types::Error::QuotaExceeded(after) => {
            Error::QuotaExceeded { call, retry_after: Some(Duration::from_millis(after.into())) }
        }
        types::Error::InvalidArgument(reason) => Error::InvalidArgument { call, reason },
        types::Error::NotFound => Error::NotFound { call },
        types::Error::Other(reason) => Error::Other { call, reason },
    }
}

/// Writes a line to standard error, which is the plugin's log whatever is granted. Where it cannot, the line is lost.
pub(crate) fn printed(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The contract has no place for the reason of a retry; it is printed.
pub(crate) fn failure(failure: Failure) -> types::Failure {
    match failure {
        Failure::Retry { after, reason } => {
            printed(&format!("to be retried: {reason}"));
            types::Failure::Retry(u32::try_from(millis(after)).unwrap_or(u32::MAX))
        }
        Failure::Reject(reason) => types::Failure::Reject(reason),
    }
}

pub(crate) fn message_ref(to: &MessageRef) -> types::MessageRef {
    types::MessageRef {
        conversation: to.conversation.as_str().to_owned(),
        author: to.author.as_str().to_owned(),
        sent_at: to.sent_at.as_millis(),
    }
}

fn origin(origin: types::MessageRef) -> MessageRef {
    MessageRef {
        conversation: Conversation::from_host(origin.conversation),
        author: AccountId::from_host(origin.author),
        sent_at: Timestamp::from_millis(origin.sent_at),
    }
}

pub(crate) fn message(message: types::Message) -> Message {
    Message {
        id: message.id,
        origin: origin(message.origin),
        body: message.body,
        received_at: Timestamp::from_millis(message.received_at),
        is_request: message.is_request,
    }
}

pub(crate) fn command(command: types::Command) -> Command {
    Command { name: command.name, arguments: command.arguments, message: message(command.message) }
}

pub(crate) fn event(event: types::Event) -> Event {
    match event {
        types::Event::Reaction(reaction) => Event::Reaction(Reaction {
            author: AccountId::from_host(reaction.author),
            target: origin(reaction.target),
            emoji: reaction.emoji,
            is_removed: reaction.is_removed,
        }),
        types::Event::Receipt(receipt) => Event::Receipt(Receipt {
            conversation: Conversation::from_host(receipt.conversation),
            reader: AccountId::from_host(receipt.reader),
            sent_at: receipt.sent_at.into_iter().map(Timestamp::from_millis).collect(),
        }),
        types::Event::Deletion(deletion) => Event::Deletion(Deletion { target: origin(deletion.target) }),
        types::Event::Other(other) => Event::Other(OtherEvent {
            kind: other.kind,
            conversation: Conversation::from_host(other.conversation),
            detail: other.detail,
        }),
    }
}

pub(crate) fn timer(timer: timers::Timer) -> Timer {
    Timer {
        name: timer.name,
        due_at: Timestamp::from_millis(timer.due_at),
        every: timer.every.map(Duration::from_millis),
    }
}

pub(crate) fn level(level: Level) -> log::Level {
    match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    }
}

pub(crate) fn request(request: Request) -> http::Request {
    let value = |value| match value {
        Header::Text(text) => http::HeaderValue::Text(text),
        Header::Secret { prefix, name } => http::HeaderValue::Secret(http::SecretValue { prefix, name }),
    };
    http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|(name, header)| (name, value(header))).collect(),
        body: request.body,
    }
}

pub(crate) fn response(response: http::Response) -> Response {
    Response { status: response.status, headers: response.headers, body: response.body }
}

pub(crate) fn item(item: reviewer::Item) -> Item {
    Item {
        place: match item.place {
            reviewer::Place::Inbox => Place::Inbox,
            reviewer::Place::Room(address) => Place::Room(address),
        },
        conversation: Conversation::from_host(item.conversation),
        author: AccountId::from_host(item.author),
        sent_at: Timestamp::from_millis(item.sent_at),
        body: item.body,
        is_request: item.is_request,
        attachments: item.attachments,
    }
}

pub(crate) fn verdict(verdict: Verdict) -> reviewer::Verdict {
    match verdict {
        Verdict::Allow => reviewer::Verdict::Allow,
        Verdict::Flag(reason) => reviewer::Verdict::Flag(reason),
        Verdict::Hold(reason) => reviewer::Verdict::Hold(reason),
        Verdict::Reject(reason) => reviewer::Verdict::Reject(reason),
        Verdict::Replace(text) => reviewer::Verdict::Replace(text),
    }
}
