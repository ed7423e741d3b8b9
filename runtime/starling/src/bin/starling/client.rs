//! Starts a client for the time of one verb.

use starling::{
    Config, Runtime, RuntimeBuilder,
    contracts::accounts::{BadProfile, Profile},
};

use crate::{
    arguments::{Global, ProfileChoice},
    exit::{Code, Failure},
    logging, progress, settings,
    signals::Signals,
};

/// What becomes of installed plugins while a verb lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plugins {
    /// They run: what comes in is to be judged by the filters.
    Run,
    /// They do not: nothing comes in.
    Rest,
}

/// A client that talks to the network.
pub(crate) async fn online(global: &Global, plugins: Plugins) -> Result<Runtime, Failure> {
    let mut loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    if loaded.value.network.seeds.is_empty() {
        return Err(Failure::config("network.seeds is empty: give the network's file with --network FILE"));
    }
    logging::start_if_wanted(&loaded, global.verbose);
    loaded.value.sandbox.enabled &= plugins == Plugins::Run;
    // A verb that is over in a second needs no operator.
    let starting = Runtime::builder().config(loaded.value).without("gateway").start();
    Ok(progress::spin("starting", starting).await?)
}

/// A client that knows its accounts and nothing else.
pub(crate) async fn offline(global: &Global) -> Result<Runtime, Failure> {
    let loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    logging::start_if_wanted(&loaded, global.verbose);
    Ok(keeper_of_accounts(loaded.value).start().await?)
}

/// A runtime that knows the accounts of its data folder, and nothing else.
pub(crate) fn keeper_of_accounts(mut config: Config) -> RuntimeBuilder {
    // Plugins stand on what is left out.
    config.sandbox.enabled = false;
    ["gateway", "inbox", "paths", "transport"]
        .into_iter()
        .fold(Runtime::builder().config(config), |builder, name| builder.without(name))
}

/// A verb that ends early when it is asked to: the first signal stops its client in order, a second one does not wait.
pub(crate) struct Interruptible {
    signals: Signals,
    unfinished: Option<&'static str>,
}

impl Interruptible {
    /// From now on signals are heard. A verb stopped before its end is a failure that says `unfinished`, or none.
    pub(crate) fn begin(unfinished: Option<&'static str>) -> Result<Self, Failure> {
        Ok(Self { signals: Signals::listen()?, unfinished })
    }

    /// Awaits what comes before anything is asked of a client: input, and the client itself.
    pub(crate) async fn prepare<T>(
        &mut self,
        preparation: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            prepared = preparation => prepared,
            () = self.signals.next() => {
                Err(self.unfinished.map_or_else(Failure::stopped, |_| Failure::new(Code::Other, "stopped before anything was done")))
            }
        }
    }

    /// Runs `work` on a client and stops it, whatever came of the work.
    pub(crate) async fn with(
        mut self,
        runtime: Runtime,
        work: impl AsyncFnOnce(&Runtime) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let outcome = tokio::select! {
            biased;
            outcome = work(&runtime) => outcome,
            () = self.signals.next() => {
                Err(self.unfinished.map_or_else(Failure::stopped, |sentence| Failure::new(Code::Other, sentence)))
            }
        };
        tokio::select! {
            biased;
            _ = progress::spin("stopping; Ctrl-C does not wait", runtime.stop()) => outcome,
            () = self.signals.next() => Err(Failure::aborted()),
        }
    }
}

/// The profile that was typed.
pub(crate) fn profile(choice: &ProfileChoice) -> Result<Profile, Failure> {
    profile_named(&choice.profile)
}

/// A profile of that name.
pub(crate) fn profile_named(name: &str) -> Result<Profile, Failure> {
    name.parse().map_err(|error: BadProfile| Failure::usage(format!("--profile: {error}")))
}
