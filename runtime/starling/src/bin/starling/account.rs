//! `starling account`.

use std::io::{IsTerminal as _, stdin};

use serde::Serialize;
use starling::{
    Runtime,
    contracts::accounts::{
        Account, CreateAccount, Created, ListAccounts, RestoreAccount, RevealRecovery, ShowAccount,
    },
};
use zeroize::Zeroizing;

use crate::{
    arguments::{self, Global},
    client::{self, Interruptible},
    exit::Failure,
    input::{self, Until},
    output::Output,
    progress,
};

/// A recovery password has 13 words; whoever sends more than this means something else.
const MAX_RECOVERY_BYTES: usize = 4096;
/// What there is to know when `new` or `restore` was stopped.
const UNFINISHED: &str =
    "stopped before the account was shown; `starling account list` tells whether it is there";

pub(crate) async fn account(global: &Global, verb: arguments::Account) -> Result<(), Failure> {
    let output = Output::new(global.json);
    match verb {
        arguments::Account::New { profile, name } => {
            let create = CreateAccount { profile: client::profile(&profile)?, name };
            let mut verb = Interruptible::begin(Some(UNFINISHED))?;
            let runtime = verb.prepare(client::offline(global)).await?;
            verb.with(runtime, async |runtime| new(runtime, create, output).await).await
        }
        arguments::Account::Restore { profile, name } => {
            let profile = client::profile(&profile)?;
            let mut verb = Interruptible::begin(Some(UNFINISHED))?;
            let recovery = verb.prepare(read_recovery()).await?;
            let runtime = verb.prepare(client::offline(global)).await?;
            let restore = RestoreAccount { profile, name, recovery };
            verb.with(runtime, async |runtime| {
                let account = progress::spin("restoring", runtime.ask(restore)).await?;
                print(output, &Facts::of(&account, None))
            })
            .await
        }
        arguments::Account::Show { profile, recovery } => {
            let profile = client::profile(&profile)?;
            let mut verb = Interruptible::begin(None)?;
            let runtime = verb.prepare(client::offline(global)).await?;
            verb.with(runtime, async |runtime| {
                let account = runtime.ask(ShowAccount { profile: profile.clone() }).await?;
                let words = match recovery {
                    true => Some(runtime.ask(RevealRecovery { profile }).await?),
                    false => None,
                };
                print(output, &Facts::of(&account, words.as_deref().map(String::as_str)))
            })
            .await
        }
        arguments::Account::List => {
            let mut verb = Interruptible::begin(None)?;
            let runtime = verb.prepare(client::offline(global)).await?;
            verb.with(runtime, async |runtime| {
                let accounts = runtime.ask(ListAccounts).await?;
                if accounts.is_empty() {
                    return output.say("no accounts yet; `starling account new` makes one");
                }
                accounts.iter().try_for_each(|account| {
                    output.fact(account, || format!("{}  {}  {}", account.id, account.profile, account.name))
                })
            })
            .await
        }
    }
}

async fn new(runtime: &Runtime, create: CreateAccount, output: Output) -> Result<(), Failure> {
    let Created { account, recovery } = progress::spin("making the account", runtime.ask(create)).await?;
    print(output, &Facts::of(&account, Some(&recovery)))?;
    output.say("Write the recovery password down: whoever has it has the account, and without it a lost folder is a lost account.")
}

/// What is told of an account.
#[derive(Serialize)]
struct Facts<'a> {
    id: String,
    profile: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(account: &'a Account, recovery: Option<&'a str>) -> Self {
        Self { id: account.id.to_string(), profile: account.profile.as_str(), name: &account.name, recovery }
    }
}

fn print(output: Output, facts: &Facts<'_>) -> Result<(), Failure> {
    output.fact(facts, || {
        let Facts { id, profile, name, recovery } = facts;
        let (label, words) = recovery.map_or(("", ""), |words| ("\nrecovery  ", words));
        format!("id        {id}\nprofile   {profile}\nname      {name}{label}{words}")
    })
}

/// One line from a terminal, everything from anything else.
async fn read_recovery() -> Result<Zeroizing<String>, Failure> {
    let until = if stdin().is_terminal() {
        eprint!("Recovery password: ");
        Until::EndOfLine
    } else {
        Until::End
    };
    input::read("the recovery password", until, MAX_RECOVERY_BYTES).await
}
