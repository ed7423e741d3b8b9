//! Starts a client for the time of one verb.

use starling::{
    Runtime,
    contracts::accounts::{BadProfile, Profile},
};

use crate::{
    arguments::{Global, ProfileChoice},
    exit::Failure,
    logging, progress, settings,
};

/// A client that talks to the network.
pub(crate) async fn online(global: &Global) -> Result<Runtime, Failure> {
    let loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    if loaded.value.network.seeds.is_empty() {
        return Err(Failure::config("network.seeds is empty: give the network's file with --network FILE"));
    }
    logging::start_if_wanted(&loaded, global.verbose);
    // A verb that is over in a second needs no operator.
    let starting = Runtime::builder().config(loaded.value).without("gateway").start();
    Ok(progress::spin("starting", starting).await?)
}

/// A client that knows its accounts and nothing else.
pub(crate) async fn offline(global: &Global) -> Result<Runtime, Failure> {
    let loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    logging::start_if_wanted(&loaded, global.verbose);
    let builder = Runtime::builder().config(loaded.value);
    let builder = ["gateway", "inbox", "paths", "transport"]
        .into_iter()
        .fold(builder, |builder, name| builder.without(name));
    Ok(builder.start().await?)
}

/// Runs `work` on a client and stops it, whatever came of the work.
pub(crate) async fn with<T>(
    runtime: Runtime,
    work: impl AsyncFnOnce(&Runtime) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let outcome = work(&runtime).await;
    runtime.stop().await;
    outcome
}

/// The profile that was typed.
pub(crate) fn profile(choice: &ProfileChoice) -> Result<Profile, Failure> {
    choice.profile.parse().map_err(|error: BadProfile| Failure::usage(format!("--profile: {error}")))
}
