#![doc = include_str!("../README.md")]

mod account;
mod bot;
mod clock;
mod command;
mod commands;
mod config;
mod conversations;
pub mod duration;
mod error;
mod event;
mod export;
mod failure;
mod filter;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
mod host;
mod http;
mod identity;
mod imports;
mod kv;
mod log;
mod message;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
mod outbox;
mod random;
mod review;
mod secrets;
mod timers;
mod timestamp;

pub use account::{AccountId, Conversation, NoAccountId};
pub use bot::Bot;
pub use clock::Clock;
pub use command::Command;
pub use commands::{Argument, Arguments, Commands, account, duration, number, rest, word};
pub use config::Config;
pub use conversations::Conversations;
pub use error::Error;
pub use event::{Deletion, Event, OtherEvent, Reaction, Receipt};
pub use failure::{Failure, Outcome};
pub use filter::Filter;
pub use host::{FilterHost, Host};
pub use http::{Header, Http, Request, RequestBuilder, Response};
pub use identity::Identity;
pub use kv::{Keys, Kv};
pub use log::{Level, Log};
pub use message::{Message, MessageRef};
pub use outbox::{Outbox, Sending};
pub use random::Random;
pub use review::{Item, Place, Verdict};
pub use secrets::Secrets;
pub use timers::{Timer, Timers};
pub use timestamp::Timestamp;
