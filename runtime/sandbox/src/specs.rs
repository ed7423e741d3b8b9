//! Which actors run the plugins of a process.

use std::{collections::BTreeMap, path::PathBuf};

use starling_kernel::Spec;

use crate::{
    actor::{self, PluginActor},
    config::{Config, PluginConfig},
    filters::{self, Filters},
    folder::PluginFolder,
    house::{HousePlan, Housing},
    keeper::{self, Keeper},
    manifest::PluginName,
};

/// The actors: the keeper first, then one for each plugin, then the one that asks the filters.
pub struct Crew {
    /// `plugins`.
    pub keeper: Spec<Keeper>,
    /// `plugin/NAME`.
    pub plugins: Vec<Spec<PluginActor>>,
    /// `filters`.
    pub filters: Spec<Filters>,
}

/// The actors for the plugins that the settings or the data folder name; nothing when there are none, or plugins are switched
/// off.
///
/// A plugin that is installed while the process runs is run from the next start on; one that has a place already is loaded
/// anew as soon as its folder changes.
pub fn crew(
    config: &Config,
    sections: &BTreeMap<PluginName, PluginConfig>,
    data_dir: PathBuf,
) -> Option<Crew> {
    let mut names = sections.keys().cloned().collect::<Vec<_>>();
    // A folder that cannot be read names nobody; whoever is in the settings says so when it is started.
    names.extend(PluginFolder::new(&data_dir).names().unwrap_or_default());
    names.sort();
    names.dedup();
    if !config.enabled || names.is_empty() {
        return None;
    }
    let plan =
        HousePlan { config: config.clone(), sections: sections.clone(), data_dir, names: names.clone() };
    let housing = Housing::new(plan);
    Some(Crew {
        keeper: keeper::spec(housing.clone()),
        plugins: names.iter().map(|name| actor::spec(housing.clone(), name)).collect(),
        filters: filters::spec(config.bounds.clone(), housing),
    })
}
