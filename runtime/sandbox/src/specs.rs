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

/// The actors for the plugins that the settings name or that are installed; nothing when there are none, or plugins are switched
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
    names.extend(installed(&PluginFolder::new(&data_dir)));
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

/// The plugins of the data folder that are to run: those that are installed, and those of which a command said where they are. What
/// else has a folder there was tried or removed, and has left its log.
fn installed(folder: &PluginFolder) -> Vec<PluginName> {
    // A folder that cannot be read names nobody; whoever is in the settings says so when it is started.
    let mut names = folder.names().unwrap_or_default();
    if names.is_empty() {
        return names;
    }
    // Where it is not known what is installed, each says so when it is started.
    let Ok(pins) = folder.installed() else { return names };
    let has_source =
        |name: &PluginName| folder.operator(name).is_ok_and(|operator| operator.source.is_some());
    names.retain(|name| pins.iter().any(|(installed, _)| installed == name) || has_source(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> PluginName {
        name.parse().unwrap()
    }

    #[test]
    fn a_plugin_that_was_only_tried_has_no_place() {
        let data = tempfile::tempdir().unwrap();
        let folder = PluginFolder::new(data.path());
        folder.make(&name("tried")).unwrap();
        folder.change_operator(&name("granted"), |operator| operator.enabled = Some(true)).unwrap();
        let elsewhere = |operator: &mut PluginConfig| operator.source = Some("/opt/bots/elsewhere".into());
        folder.change_operator(&name("elsewhere"), elsewhere).unwrap();

        let names = installed(&folder);

        assert_eq!(names, [name("elsewhere")]);
    }

    #[test]
    fn where_no_plugin_ever_was_nothing_is_made() {
        let data = tempfile::tempdir().unwrap();

        assert!(crew(&Config::default(), &BTreeMap::new(), data.path().to_owned()).is_none());

        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
    }
}
