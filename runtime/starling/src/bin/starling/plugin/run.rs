//! `starling plugin run`: a client with this plugin, until it is told to stop.

use serde_json::json;
use starling::{Config, contracts::plugins::PluginStatus};
use starling_sandbox::{manifest::Manifest, permission::Grants};

use super::{
    arguments::Run,
    build,
    host::{Casting, Host, speaker},
    installed,
    project::Project,
    sources,
};
use crate::{
    arguments::Global,
    client,
    exit::{Code, Failure},
    logging,
    output::Output,
    progress, settings,
    signals::Signals,
};

pub(super) async fn run(global: &Global, output: Output, options: &Run) -> Result<(), Failure> {
    let profile = client::profile(&options.profile)?;
    let project = Project::open(&options.source)?;
    installed::check_asked(&project.manifest.name, &project.manifest.permissions, &options.granting.grant)?;
    let grants = options.granting.added_to(Grants::none(), &project.manifest.permissions);
    refuse_half_granted(&project.manifest, &grants)?;
    let config = config(global)?;
    if options.source.is_dir() && sources::is_stale(&project)? {
        build::build(&project).await?;
    }
    let mut signals = Signals::listen()?;
    let speaker = speaker(&config, &profile).await?;
    speaker.tell(output)?;

    let casting = Casting {
        name: &project.manifest.name,
        source: &options.source,
        profile: &profile,
        grants: Some(grants),
    };
    let mut host = tokio::select! {
        host = progress::spin("starting", Host::start(config, casting)) => host?,
        () = signals.next() => return Ok(()),
    };
    let outcome = tokio::select! {
        outcome = stay(&mut host, output) => outcome,
        () = signals.next() => Ok(()),
    };
    // What it logged last is worth most when it did not start.
    let told = host.print_log(output);
    tokio::select! {
        killed = progress::spin("stopping; Ctrl-C does not wait", host.runtime.stop()) => match killed.as_slice() {
            [] => outcome.and(told),
            killed => Err(Failure::new(Code::Other, format!("had to be killed, because they did not finish in time: {}", killed.join(", ")))),
        },
        () = signals.next() => Err(Failure::aborted()),
    }
}

/// A plugin runs with all that it asks for, or not at all.
fn refuse_half_granted(manifest: &Manifest, granted: &Grants) -> Result<(), Failure> {
    let missing = Grants::missing(&manifest.permissions, granted);
    if missing.is_empty() {
        return Ok(());
    }
    let texts: Vec<_> = missing.iter().map(ToString::to_string).collect();
    Err(Failure::usage(format!(
        "{} asks for {}, which it is not granted; grant it with --grant {}, or everything with --grant-all",
        manifest.name,
        texts.join(", "),
        texts.join(" --grant ")
    )))
}

/// The settings of a client that talks to a network.
pub(super) fn config(global: &Global) -> Result<Config, Failure> {
    let loaded = settings::load_for_client(global)?;
    settings::validate(&loaded)?;
    if loaded.value.network.seeds.is_empty() {
        return Err(Failure::config("network.seeds is empty: give the network's file with --network FILE"));
    }
    logging::start_if_wanted(&loaded, global.verbose);
    Ok(loaded.value)
}

async fn stay(host: &mut Host, output: Output) -> Result<(), Failure> {
    let status = progress::spin("loading the plugin", host.running()).await?;
    tell(output, &status)?;
    host.show_log(output).await
}

fn tell(output: Output, status: &PluginStatus) -> Result<(), Failure> {
    let facts =
        json!({ "event": "running", "name": status.name, "version": status.version, "world": status.world });
    output.fact(&facts, || {
        format!(
            "running   {} {}, a {}; what it logs follows. Ctrl-C stops.",
            status.name, status.version, status.world
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_options_that_grant_it() {
        let text = "name = \"x\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\npermissions = [\"send:reply\", \"kv\"]\n";
        let manifest = Manifest::parse(Path::new("plugin.toml"), text).unwrap();
        let wider: Grants = ["send:direct", "kv"].iter().map(|text| text.parse().unwrap()).collect();

        let refused = refuse_half_granted(&manifest, &Grants::none()).unwrap_err().to_string();

        assert!(refused.contains("--grant send:reply --grant kv"), "{refused}");
        assert!(refuse_half_granted(&manifest, &wider).is_ok());
    }
}
