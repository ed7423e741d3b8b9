//! What all plugins of a process share: the engine, the threads, the file, the roster.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use starling_contracts::{
    accounts::{ListAccounts, Profile, UnlockAccount},
    inbox::ListMessages,
    transport::FetchWeb,
};
use starling_kernel::{Context, Fault, Recipient};

use crate::{
    config::{Config, PluginConfig},
    correspondents::Correspondents,
    delivery::Ways,
    engine::{EngineOptions, Sandbox},
    folder::PluginFolder,
    ledger::{self, Ledger},
    manifest::PluginName,
    roster::Roster,
    workers::Workers,
};

/// Made once per process by the keeper, and outlives its restarts.
pub(crate) struct House {
    pub(crate) config: Config,
    /// The sections of the settings, by plugin.
    pub(crate) sections: BTreeMap<PluginName, PluginConfig>,
    pub(crate) folder: PluginFolder,
    pub(crate) sandbox: Sandbox,
    pub(crate) ledger: Ledger,
    pub(crate) workers: Workers,
    pub(crate) roster: Arc<Roster>,
    pub(crate) ways: Ways,
    pub(crate) accounts: Recipient<ListAccounts>,
    pub(crate) unlock: Recipient<UnlockAccount>,
    pub(crate) inbox: Recipient<ListMessages>,
    pub(crate) web: Recipient<FetchWeb>,
    correspondents: Mutex<BTreeMap<Profile, Arc<Correspondents>>>,
}

/// Where the house is found by those who need it; empty until the keeper has started.
#[derive(Clone)]
pub(crate) struct Housing {
    built: Arc<OnceLock<Arc<House>>>,
    plan: Arc<HousePlan>,
}

/// From what it is built.
pub(crate) struct HousePlan {
    pub(crate) config: Config,
    pub(crate) sections: BTreeMap<PluginName, PluginConfig>,
    pub(crate) data_dir: PathBuf,
    /// Every plugin that may run in this process.
    pub(crate) names: Vec<PluginName>,
}

impl Housing {
    pub(crate) fn new(plan: HousePlan) -> Self {
        Self { built: Arc::default(), plan: Arc::new(plan) }
    }

    pub(crate) fn plan(&self) -> &HousePlan {
        &self.plan
    }

    /// The house.
    pub(crate) fn house(&self) -> Result<Arc<House>, Fault> {
        self.built.get().cloned().ok_or_else(|| Fault::new("the keeper of the plugins has not started"))
    }

    /// Builds it, unless it was built before. It blocks for the opening of a file.
    pub(crate) fn build(&self, ctx: &Context) -> Result<Arc<House>, Fault> {
        if let Some(house) = self.built.get() {
            return Ok(Arc::clone(house));
        }
        let house = Arc::new(House::build(&self.plan, ctx)?);
        Ok(Arc::clone(self.built.get_or_init(|| house)))
    }
}

impl House {
    fn build(plan: &HousePlan, ctx: &Context) -> Result<Self, Fault> {
        let HousePlan { config, sections, data_dir, names } = plan;
        let folder = PluginFolder::new(data_dir);
        let options = EngineOptions {
            mode: config.code,
            cache: Some(folder.cache()),
            max_memory: config.max_memory.as_u64(),
            instances: config.instances,
        };
        let sandbox = Sandbox::new(&options).map_err(|error| Fault::new(error.to_string()))?;
        let entropy = Arc::clone(ctx.entropy());
        let ledger = Ledger::open(data_dir, &ledger::Options::default(), entropy);
        let ledger = ledger.map_err(|error| Fault::new(error.to_string()))?;
        let workers = Workers::start(config.thread_count()).map_err(|error| Fault::new(error.to_string()))?;
        Ok(Self {
            config: config.clone(),
            sections: sections.clone(),
            folder,
            sandbox,
            ledger,
            workers,
            roster: Arc::new(Roster::new(names)),
            ways: Ways::new(&ctx.environment().registry),
            accounts: ctx.recipient(),
            unlock: ctx.recipient(),
            inbox: ctx.recipient(),
            web: ctx.recipient(),
            correspondents: Mutex::default(),
        })
    }

    /// Who has written to that account; shared by its plugins.
    pub(crate) fn correspondents(&self, profile: &Profile) -> Arc<Correspondents> {
        let mut all = self.correspondents.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Correspondents::new(profile.clone(), self.inbox.clone()));
        Arc::clone(all.entry(profile.clone()).or_insert_with(fresh))
    }
}
