//! The worlds' exports, for any bot and any filter.

use std::{cell::Cell, marker::PhantomData, thread::LocalKey};

use super::{
    Component,
    bot::{exports::starling::plugin::handler, starling::plugin::types},
    convert,
    filter::exports::starling::plugin::reviewer,
};
use crate::{Bot, Filter, FilterHost, Host, Outcome};

/// A type that the macros keep a place for, in which it outlives a call.
pub trait Kept: Default + 'static {
    /// The place; empty before the first call.
    fn place() -> &'static LocalKey<Cell<Option<Self>>>;
}

/// Takes what is kept, or a new one, calls it and keeps it again.
///
/// Nothing here can panic: a call that came in during another, which the component model rules out, would find the place empty.
fn with<K: Kept, T>(call: impl FnOnce(&mut K) -> T) -> T {
    let mut kept = K::place().try_with(Cell::take).ok().flatten().unwrap_or_default();
    let answer = call(&mut kept);
    // The thread's places are gone only when the instance is; then nobody misses it.
    let _ = K::place().try_with(|place| place.set(Some(kept)));
    answer
}

/// The export `handler` of a bot.
pub struct ExportedBot<B>(PhantomData<B>);

impl<B: Bot + Kept> ExportedBot<B> {
    fn call(call: impl FnOnce(&mut B, &Host) -> Outcome) -> Result<(), types::Failure> {
        with(|bot| call(bot, &Host::new(Component))).map_err(convert::failure)
    }
}

impl<B: Bot + Kept> handler::Guest for ExportedBot<B> {
    fn on_start() -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.on_start(host))
    }

    fn on_message(message: types::Message) -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.on_message(host, convert::message(message)))
    }

    fn on_command(command: types::Command) -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.on_command(host, convert::command(command)))
    }

    fn on_event(event: types::Event) -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.on_event(host, convert::event(event)))
    }

    fn on_timer(name: String) -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.on_timer(host, &name))
    }

    fn migrate(from_version: String) -> Result<(), types::Failure> {
        Self::call(|bot, host| bot.migrate(host, &from_version))
    }
}

/// The export `reviewer` of a filter.
pub struct ExportedFilter<F>(PhantomData<F>);

impl<F: Filter + Kept> reviewer::Guest for ExportedFilter<F> {
    fn review(item: reviewer::Item) -> reviewer::Verdict {
        let verdict = with(|filter: &mut F| {
            let host = FilterHost::new(Component);
            filter.review(&host, convert::item(item)).unwrap_or_else(|error| {
                convert::printed(&format!("could not judge: {error}"));
                filter.undecided(&error)
            })
        });
        convert::verdict(verdict)
    }
}
