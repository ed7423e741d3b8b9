//! The values of the contract, from the host's form into the guest's and back.

use crate::{
    bindings::{
        bot::{
            exports::starling::plugin::handler,
            starling::plugin::{timers, types},
        },
        filter::exports::starling::plugin::reviewer,
    },
    call::{Message, MessageRef, Timer},
    event::{Command, Failure, Item, Verdict},
};

impl From<types::MessageRef> for MessageRef {
    fn from(message: types::MessageRef) -> Self {
        let types::MessageRef { conversation, author, sent_at } = message;
        Self { conversation, author, sent_at }
    }
}

impl From<MessageRef> for types::MessageRef {
    fn from(message: MessageRef) -> Self {
        let MessageRef { conversation, author, sent_at } = message;
        Self { conversation, author, sent_at }
    }
}

impl From<Message> for types::Message {
    fn from(message: Message) -> Self {
        let Message { id, origin, body, received_at, is_request } = message;
        Self { id, origin: origin.into(), body, received_at, is_request }
    }
}

impl From<Command> for types::Command {
    fn from(command: Command) -> Self {
        let Command { name, arguments, message } = command;
        Self { name, arguments, message: message.into() }
    }
}

impl From<Timer> for timers::Timer {
    fn from(timer: Timer) -> Self {
        let Timer { name, due_at, every } = timer;
        Self { name, due_at, every }
    }
}

impl From<handler::Failure> for Failure {
    fn from(failure: handler::Failure) -> Self {
        match failure {
            handler::Failure::Retry(wait) => Self::Retry(wait),
            handler::Failure::Reject(reason) => Self::Reject(reason),
        }
    }
}

impl From<Item> for reviewer::Item {
    fn from(item: Item) -> Self {
        let Item { room, conversation, author, sent_at, body, is_request, attachments } = item;
        let place = room.map_or(reviewer::Place::Inbox, reviewer::Place::Room);
        Self { place, conversation, author, sent_at, body, is_request, attachments }
    }
}

impl From<reviewer::Verdict> for Verdict {
    fn from(verdict: reviewer::Verdict) -> Self {
        match verdict {
            reviewer::Verdict::Allow => Self::Allow,
            reviewer::Verdict::Flag(reason) => Self::Flag(reason),
            reviewer::Verdict::Hold(reason) => Self::Hold(reason),
            reviewer::Verdict::Reject(reason) => Self::Reject(reason),
            reviewer::Verdict::Replace(text) => Self::Replace(text),
        }
    }
}
