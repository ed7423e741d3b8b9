//! `starling plugin dev`: a private network, the plugin in one of its accounts, and another account that the person at the
//! keyboard speaks as. Whenever the sources change, the plugin is built and swapped.

mod partner;

use std::time::Duration;

use starling::{Config, Role, contracts::accounts::Profile, kernel::config::Loader};
use starling_sandbox::folder::PluginFolder;
use tokio::sync::watch;

use self::partner::Partner;
use super::{
    arguments::Dev,
    build,
    host::{Casting, Host, speaker},
    installed,
    project::Project,
    sources::Sources,
};
use crate::{
    arguments::Global,
    client,
    devnet::{events::Reporter, network::Network, place::Place},
    exit::Failure,
    logging,
    output::Output,
    progress, settings,
    signals::Signals,
};

/// How often the sources are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The plugin's account.
const BOT: &str = "bot";
/// The account of the person at the keyboard.
const ALICE: &str = "alice";

pub(super) async fn dev(global: &Global, output: Output, options: &Dev) -> Result<(), Failure> {
    if !global.config.is_empty() || global.network.is_some() || global.data_dir.is_some() {
        return Err(Failure::usage("dev makes a network and accounts of its own: use -O for their settings"));
    }
    let project = Project::open(&options.project.dir)?;
    logging::start_if_wanted(&settings::load(global)?, global.verbose);
    build::build(&project).await?;
    let mut signals = Signals::listen()?;
    let (stop, stopping) = watch::channel(false);
    let scene = Scene { project, output, overrides: &global.overrides, stopping };
    let mut work = std::pin::pin!(scene.play(options.nodes));
    tokio::select! {
        outcome = &mut work => return outcome,
        () = signals.next() => {}
    }
    stop.send_replace(true);
    tokio::select! {
        outcome = &mut work => outcome,
        () = signals.next() => Err(Failure::aborted()),
    }
}

/// Everything that a development session has.
struct Scene<'a> {
    project: Project,
    output: Output,
    overrides: &'a [String],
    /// Whether somebody asked to stop.
    stopping: watch::Receiver<bool>,
}

impl Scene<'_> {
    /// From the first node to the last word.
    async fn play(&self, nodes: u16) -> Result<(), Failure> {
        let reporter = Reporter::new(self.output);
        let place = Place::open(None, false)?;
        let mut network = Network::new(&place, self.overrides)?;
        let outcome = match self.unless_stopped(network.start(nodes, &reporter)).await {
            Ok(Some(())) => {
                network.watch_beside(self.perform(&place), &reporter).await.and_then(|performed| performed)
            }
            other => other.map(|_| ()),
        };
        network.stop().await;
        outcome.and(place.clear())
    }

    /// Waits for `work`; nothing when it was stopped before.
    async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>, Failure> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            done = work => done.map(Some),
            _ = stopping.wait_for(|stopping| *stopping) => Ok(None),
        }
    }

    /// Brings up both accounts, and has them talk until somebody stops it.
    async fn perform(&self, place: &Place) -> Result<(), Failure> {
        let profile = client::profile_named(BOT)?;
        let config = self.config(place, BOT)?;
        let speaker = speaker(&config, &profile).await?;
        speaker.tell(self.output)?;
        let mut host = self.host(config, &profile).await?;
        let partner =
            Partner::start(self.config(place, ALICE)?, client::profile_named(ALICE)?, speaker.id).await;
        let outcome = match partner {
            Ok(mut partner) => {
                let together = self.unless_stopped(self.together(&mut host, &mut partner)).await;
                partner.stop().await;
                together.map(|_| ())
            }
            Err(failure) => Err(failure),
        };
        let told = host.print_log(self.output);
        host.runtime.stop().await;
        outcome.and(told)
    }

    async fn host(&self, config: Config, profile: &Profile) -> Result<Host, Failure> {
        grant_all(&PluginFolder::new(&config.runtime.data_folder()), &self.project)?;
        let casting = Casting {
            name: &self.project.manifest.name,
            source: &self.project.folder,
            profile,
            grants: None,
        };
        progress::spin("starting the plugin", Host::start(config, casting)).await
    }

    /// Shows what the plugin logs and what is said, and swaps the plugin when its sources change.
    async fn together(&self, host: &mut Host, partner: &mut Partner) -> Result<(), Failure> {
        host.running().await?;
        self.output.say(&format!(
            "{} runs; type what {ALICE} is to write to it. A change of its sources swaps it; Ctrl-C stops.",
            self.project.manifest.name
        ))?;
        let folder = PluginFolder::new(host.runtime.data_dir());
        let log = host.show_log(self.output);
        tokio::select! {
            outcome = log => outcome,
            outcome = partner.talk(self.output) => outcome,
            outcome = self.rebuild_on_change(&folder) => outcome,
        }
    }

    /// Builds whenever something changes.
    async fn rebuild_on_change(&self, folder: &PluginFolder) -> Result<(), Failure> {
        let mut built = Sources::of(&self.project)?;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let found = Sources::of(&self.project)?;
            if found == built {
                continue;
            }
            self.swap(folder).await?;
            built = Sources::of(&self.project)?;
            if built != found {
                // Something changed meanwhile: by the build itself, or by a person who must not wait in vain.
                self.swap(folder).await?;
                built = Sources::of(&self.project)?;
            }
        }
    }

    async fn swap(&self, folder: &PluginFolder) -> Result<(), Failure> {
        match self.rebuild(folder).await {
            Ok(()) => self.output.say("built; the new version takes over"),
            Err(failure) => {
                // A slip of the pen is no reason to take the network down: the version before goes on.
                failure.say(self.output.is_json());
                Ok(())
            }
        }
    }

    /// Builds what is there now: plugin.toml may be among what changed.
    async fn rebuild(&self, folder: &PluginFolder) -> Result<(), Failure> {
        let project = Project::open(&self.project.folder)?;
        build::build(&project).await?;
        grant_all(folder, &project)
    }

    /// The settings of a client in the private network.
    fn config(&self, place: &Place, name: &str) -> Result<Config, Failure> {
        let loader = Loader::new().file(place.network_file());
        let loader = self.overrides.iter().fold(loader, |loader, assignment| loader.set(assignment));
        let mut config = loader.load::<Config>()?.value;
        config.runtime.roles = [Role::Client].into();
        config.runtime.data_dir = Some(place.account(name));
        Ok(config)
    }
}

/// Grants what the plugin asks for. The host, which watches this, loads the plugin anew, whatever else has changed.
fn grant_all(folder: &PluginFolder, project: &Project) -> Result<(), Failure> {
    let grants = project.manifest.permissions.clone();
    let changed = folder.change_operator(&project.manifest.name, |operator| operator.grants = Some(grants));
    changed.map(drop).map_err(installed::failure)
}
