//! `starling plugin quarantine`: events that a plugin could not handle.

use serde_json::json;
use starling::{
    Runtime,
    contracts::accounts::{ListAccounts, Profile, UnlockAccount},
};
use starling_sandbox::{
    config::PluginConfig,
    ledger::{self, Aside, Book, Ledger},
    manifest::PluginName,
};

use super::{
    arguments::{Quarantine, Which},
    installed::{self, failure},
};
use crate::{
    arguments::Global,
    client::{self, Interruptible},
    exit::{Code, Failure},
    inbox, logging,
    output::Output,
    settings,
};

/// More are never kept of one plugin.
const MOST: usize = 10_000;

pub(super) async fn quarantine(global: &Global, output: Output, options: &Quarantine) -> Result<(), Failure> {
    let folder = installed::folder(global)?;
    let name = installed::known(&folder, &options.plugin.name)?;
    let loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    logging::start_if_wanted(&loaded, global.verbose);
    let config = loaded.value;
    let section = config.plugins.get(&name).cloned().unwrap_or_default();
    let section = section.over(folder.operator(&name).map_err(failure)?);
    let mut verb = Interruptible::begin(None)?;
    let runtime = verb.prepare(async { Ok(client::keeper_of_accounts(config).start().await?) }).await?;
    verb.with(runtime, async |runtime| {
        let book = open(runtime, &name, section).await?;
        match options.discard {
            Some(which) => discard(&book, which, output).await,
            None => list(&book, output),
        }
    })
    .await
}

async fn open(runtime: &Runtime, name: &PluginName, section: PluginConfig) -> Result<Book, Failure> {
    let profile = match section.profile {
        Some(profile) => profile,
        None => first_account(runtime).await?,
    };
    let secrets = runtime.ask(UnlockAccount { profile }).await?;
    let entropy = runtime.kernel().environment().entropy.clone();
    let ledger = Ledger::open(runtime.data_dir(), &ledger::Options::default(), entropy)
        .map_err(|error| Failure::machine(error.to_string()))?;
    let book = ledger.book(name.as_str(), &secrets.at_rest, ledger::Quotas::default());
    book.map_err(|error| Failure::machine(error.to_string()))
}

async fn first_account(runtime: &Runtime) -> Result<Profile, Failure> {
    let accounts = runtime.ask(ListAccounts).await?;
    let first = accounts.into_iter().next().map(|account| account.profile);
    first.ok_or_else(|| {
        Failure::usage("there are no accounts in the data folder, so no plugin has kept anything")
    })
}

fn list(book: &Book, output: Output) -> Result<(), Failure> {
    let asides = asides(book)?;
    if asides.is_empty() {
        return output.say("nothing is in quarantine");
    }
    asides.iter().try_for_each(|aside| {
        let Aside { number, at_ms, event, reason, attempts } = aside;
        let facts =
            json!({ "id": number, "at_ms": at_ms, "reason": reason, "attempts": attempts, "event": event });
        output.fact(&facts, || {
            let (time, reason) = (inbox::time(*at_ms), inbox::printable(reason));
            format!(
                "{number:6}  {time}  {}  tried {attempts} time{}: {reason}",
                event.export(),
                if *attempts == 1 { "" } else { "s" }
            )
        })
    })
}

async fn discard(book: &Book, which: Which, output: Output) -> Result<(), Failure> {
    let mut asides = asides(book)?;
    if let Which::One(number) = which {
        asides.retain(|aside| aside.number == number);
        if asides.is_empty() {
            return Err(Failure::usage(format!("there is no event {number} in quarantine")));
        }
    }
    for aside in &asides {
        let released = book.release(aside.number);
        let ticket = released.map_err(|error| Failure::machine(error.to_string()))?;
        ticket.await.map_err(|error| Failure::machine(error.to_string()))?;
    }
    let count = asides.len();
    output.fact(&json!({ "discarded": count }), || format!("{count} events are forgotten"))
}

fn asides(book: &Book) -> Result<Vec<Aside>, Failure> {
    book.quarantined(MOST).map_err(|error| Failure::new(Code::Machine, error.to_string()))
}
