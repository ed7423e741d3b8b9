//! A client with one plugin in it, for as long as a verb lasts.

use std::{path::Path, time::Duration};

use serde::Serialize;
use starling::{
    Config, Runtime,
    contracts::{
        accounts::{self, CreateAccount, Profile, ShowAccount},
        plugins::{ListPlugins, PluginState, PluginStatus},
    },
    protocol::account::AccountId,
};
use starling_sandbox::{
    config::PluginConfig, folder::PluginFolder, journal::Follower, manifest::PluginName, permission::Grants,
};

use super::logs;
use crate::{
    client,
    exit::{Code, Failure},
    output::Output,
};

/// How often the plugin's state and its log are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Who tries a plugin out does not want to wait for its answer.
const POLL: Duration = Duration::from_millis(300);
/// How long a plugin may take until it runs: the first time, its code has to be compiled.
const RUNNING_WITHIN: Duration = Duration::from_secs(120);

/// Which plugin, where it comes from, and what it may do.
pub(super) struct Casting<'a> {
    pub(super) name: &'a PluginName,
    pub(super) source: &'a Path,
    pub(super) profile: &'a Profile,
    /// What the settings of this process grant; where they say nothing, what is in the data folder counts.
    pub(super) grants: Option<Grants>,
}

/// A running client with the plugin.
pub(super) struct Host {
    pub(super) runtime: Runtime,
    name: PluginName,
    log: Follower,
}

/// The account that a plugin speaks as.
#[derive(Serialize)]
pub(super) struct Speaker {
    event: &'static str,
    profile: String,
    pub(super) id: AccountId,
    /// Whether it was made just now.
    made: bool,
}

/// Makes the account, if it is not there.
///
/// A plugin of an account that is not there does not start, so this comes first, and in a runtime of its own.
pub(super) async fn speaker(config: &Config, profile: &Profile) -> Result<Speaker, Failure> {
    let runtime = client::keeper_of_accounts(config.clone()).start().await?;
    let found = match runtime.ask(ShowAccount { profile: profile.clone() }).await {
        Err(accounts::Error::UnknownProfile(_)) => {
            let create = CreateAccount { profile: profile.clone(), name: None };
            runtime.ask(create).await.map(|made| (made.account.id, true))
        }
        found => found.map(|account| (account.id, false)),
    };
    runtime.stop().await;
    let (id, made) = found?;
    Ok(Speaker { event: "account", profile: profile.to_string(), id, made })
}

impl Speaker {
    pub(super) fn tell(&self, output: Output) -> Result<(), Failure> {
        output.fact(self, || {
            let Self { profile, id, made, .. } = self;
            let made = match made {
                true => format!("\n          made just now; `starling account show --profile {profile} --recovery` shows its recovery password"),
                false => String::new(),
            };
            format!("account   {id}{made}")
        })
    }
}

impl Host {
    /// Starts a client with the plugin, and waits until it runs.
    pub(super) async fn start(mut config: Config, casting: Casting<'_>) -> Result<Self, Failure> {
        let Casting { name, source, profile, grants } = casting;
        let source = source
            .canonicalize()
            .map_err(|error| Failure::machine(format!("could not open {}: {error}", source.display())))?;
        let section = config.plugins.remove(name).unwrap_or_default();
        let section = PluginConfig {
            enabled: Some(true),
            source: Some(source),
            profile: Some(profile.clone()),
            grants: grants.or(section.grants.clone()),
            ..section
        };
        config.plugins.insert(name.clone(), section);
        config.sandbox.enabled = true;
        config.sandbox.poll = config.sandbox.poll.min(POLL);
        let folder = PluginFolder::new(&config.runtime.data_folder());
        let log = folder.log(name);
        let log = Follower::from_now(&log)
            .map_err(|error| Failure::machine(format!("could not read {}: {error}", log.display())))?;
        let runtime = Runtime::builder().config(config).without("gateway").start().await?;
        Ok(Self { runtime, name: name.clone(), log })
    }

    /// How the plugin is doing.
    pub(super) async fn status(&self) -> Result<PluginStatus, Failure> {
        let listed = self
            .runtime
            .ask(ListPlugins)
            .await
            .map_err(|error| Failure::new(Code::Other, error.to_string()))?;
        let found = listed.into_iter().find(|status| status.name == self.name.as_str());
        found.ok_or_else(|| {
            Failure::new(Code::Other, format!("the process does not know the plugin {}", self.name))
        })
    }

    /// Waits until the plugin runs.
    pub(super) async fn running(&self) -> Result<PluginStatus, Failure> {
        let clock = self.runtime.kernel().environment().clock.clone();
        let began = clock.elapsed();
        loop {
            let status = self.status().await?;
            match status.state {
                // Until it is loaded, nobody knows its version.
                PluginState::Running if !status.version.is_empty() => return Ok(status),
                PluginState::Refused => {
                    return Err(Failure::usage(format!("{} does not start: {}", self.name, status.reason)));
                }
                _ if clock.elapsed().saturating_sub(began) > RUNNING_WITHIN => {
                    return Err(Failure::machine(format!(
                        "{} did not start within {RUNNING_WITHIN:?}",
                        self.name
                    )));
                }
                _ => clock.sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Prints what the plugin logs, for ever.
    pub(super) async fn show_log(&mut self, output: Output) -> Result<(), Failure> {
        let clock = self.runtime.kernel().environment().clock.clone();
        loop {
            self.print_log(output)?;
            clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Prints what it has logged since the last time.
    pub(super) fn print_log(&mut self, output: Output) -> Result<(), Failure> {
        let entries = self.log.poll();
        let entries =
            entries.map_err(|error| Failure::machine(format!("could not read the plugin's log: {error}")))?;
        logs::print(output, &entries)
    }
}
