//! The verbs about plugins that are installed: list, grant, revoke, enable, disable, rollback, uninstall.

use serde::Serialize;
use serde_json::json;
use starling_sandbox::{
    config::PluginConfig,
    folder::{FolderError, Package, PluginFolder, Report},
    manifest::PluginName,
    permission::{Grants, Permission},
};

use super::arguments::{Grant, Named};
use crate::{arguments::Global, exit::Failure, output::Output, settings};

/// The plugins of the data folder.
pub(super) fn folder(global: &Global) -> Result<PluginFolder, Failure> {
    Ok(PluginFolder::new(&settings::load(global)?.value.runtime.data_folder()))
}

/// A plugin of that name, if the folder knows it.
pub(super) fn known(folder: &PluginFolder, name: &PluginName) -> Result<PluginName, Failure> {
    let names = folder.names().map_err(failure)?;
    if names.contains(name) {
        return Ok(name.clone());
    }
    let there = match names.as_slice() {
        [] => "there is none; `starling plugin install` puts one there".to_owned(),
        names => format!("there are {}", names.iter().map(PluginName::as_str).collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::usage(format!("the data folder has no plugin {name}: {there}")))
}

/// What goes wrong with the folder is a matter of this machine, unless nothing is there.
pub(super) fn failure(error: FolderError) -> Failure {
    match error {
        FolderError::NotInstalled(_) | FolderError::NoPrevious(_) => Failure::usage(error.to_string()),
        error => Failure::machine(error.to_string()),
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    version: Option<String>,
    world: Option<&'static str>,
    enabled: bool,
    profile: Option<String>,
    grants: Vec<String>,
    missing: Vec<String>,
    digest: Option<String>,
    problem: Option<String>,
}

pub(super) fn list(global: &Global, output: Output) -> Result<(), Failure> {
    let config = settings::load(global)?.value;
    let folder = PluginFolder::new(&config.runtime.data_folder());
    let mut names = folder.names().map_err(failure)?;
    names.extend(config.plugins.keys().cloned());
    names.sort();
    names.dedup();
    if names.is_empty() {
        return output.say("no plugins yet; `starling plugin install` puts one there");
    }
    names.iter().try_for_each(|name| {
        let section = config.plugins.get(name).cloned().unwrap_or_default();
        let row = row(&folder, name, section);
        output.fact(&row, || text(&row))
    })
}

fn row<'a>(folder: &PluginFolder, name: &'a PluginName, section: PluginConfig) -> Row<'a> {
    let (operator, unreadable) = match folder.operator(name) {
        Ok(operator) => (operator, None),
        Err(error) => (PluginConfig::default(), Some(error.to_string())),
    };
    let said = section.over(operator);
    let misfit = |package: &Package| said.misfit(name, &package.manifest.config);
    let (package, missing_package) = match package(folder, name, &said) {
        Ok(package) => (Some(package), None),
        Err(problem) => (None, Some(problem)),
    };
    let misfit = package.as_ref().and_then(misfit);
    let grants = said.grants.unwrap_or_default();
    let asks = package.as_ref().map(|package| &package.manifest.permissions);
    let texts = |permissions: Vec<Permission>| permissions.iter().map(ToString::to_string).collect();
    Row {
        name: name.as_str(),
        version: package.as_ref().map(|package| package.manifest.version.to_string()),
        world: package.as_ref().map(|package| package.manifest.world.name()),
        enabled: said.enabled.unwrap_or(true),
        profile: said.profile.map(|profile| profile.to_string()),
        missing: texts(asks.map(|asks| Grants::missing(asks, &grants)).unwrap_or_default()),
        grants: texts(grants.iter().cloned().collect()),
        digest: package.as_ref().map(|package| package.digest().to_string()),
        problem: unreadable.or(missing_package).or(misfit),
    }
}

/// What would run under that name; otherwise why nothing would.
fn package(folder: &PluginFolder, name: &PluginName, said: &PluginConfig) -> Result<Package, String> {
    match &said.source {
        Some(source) => Package::read(source).map_err(|error| error.to_string()),
        None => match folder.get(name) {
            Ok(Some(installed)) => Ok(installed.package),
            Ok(None) => Err("not installed".to_owned()),
            Err(error) => Err(error.to_string()),
        },
    }
}

fn text(row: &Row<'_>) -> String {
    let version = row.version.as_deref().unwrap_or("-");
    let state = match row {
        Row { problem: Some(problem), .. } => problem.clone(),
        Row { enabled: false, .. } => "disabled".to_owned(),
        Row { missing, .. } if !missing.is_empty() => format!("lacks {}", missing.join(", ")),
        _ => "enabled".to_owned(),
    };
    // Two builds of one version differ in this.
    let build = row.digest.as_deref().and_then(|digest| digest.get(..8)).unwrap_or("-");
    format!("{:20} {version:10} {build:8} {:7} {state}", row.name, row.world.unwrap_or("-"))
}

pub(super) fn grant(global: &Global, output: Output, options: &Grant) -> Result<(), Failure> {
    let folder = folder(global)?;
    let name = known(&folder, &options.plugin.name)?;
    if let Some(installed) = folder.get(&name).map_err(failure)? {
        check_asked(&name, &installed.package.manifest.permissions, &options.permissions)?;
    }
    change(global, output, options, |grants, permission| {
        grants.insert(permission.clone());
    })
}

pub(super) fn revoke(global: &Global, output: Output, options: &Grant) -> Result<(), Failure> {
    change(global, output, options, |grants, permission| {
        grants.remove(permission);
    })
}

fn change(
    global: &Global,
    output: Output,
    options: &Grant,
    change: impl Fn(&mut Grants, &Permission),
) -> Result<(), Failure> {
    let folder = folder(global)?;
    let name = known(&folder, &options.plugin.name)?;
    refuse_if_settings_decide(global, &name, "grants", |section| section.grants.is_some())?;
    let operator = folder.change_operator(&name, |operator| {
        let grants = operator.grants.get_or_insert_default();
        options.permissions.iter().for_each(|permission| change(grants, permission));
    });
    let grants = operator.map_err(failure)?.grants.unwrap_or_default();
    let texts: Vec<_> = grants.iter().map(ToString::to_string).collect();
    let asked = folder.get(&name).map_err(failure)?.map(|installed| installed.package.manifest.permissions);
    let lacks: Vec<_> = Grants::missing(&asked.unwrap_or_default(), &grants);
    let lacks: Vec<_> = lacks.iter().map(ToString::to_string).collect();
    output.fact(&json!({ "name": name, "grants": texts, "lacks": lacks }), || {
        let granted = match texts.as_slice() {
            [] => "nothing".to_owned(),
            texts => texts.join(", "),
        };
        match lacks.as_slice() {
            [] => format!("{name} is granted {granted}"),
            lacks => {
                format!("{name} is granted {granted}; it does not run, since it lacks {}", lacks.join(", "))
            }
        }
    })
}

/// Granting what a plugin does not ask for gives it nothing, and is a slip of the pen.
pub(super) fn check_asked(name: &PluginName, asked: &Grants, granted: &[Permission]) -> Result<(), Failure> {
    let is_asked = |permission: &Permission| {
        let one: Grants = [permission.clone()].into_iter().collect();
        !Grants::effective(asked, &one).is_empty()
    };
    match granted.iter().find(|permission| !is_asked(permission)) {
        None => Ok(()),
        Some(permission) => {
            let asks = if asked.is_empty() { "nothing".to_owned() } else { asked.to_string() };
            Err(Failure::usage(format!("{name} does not ask for {permission}; it asks for {asks}")))
        }
    }
}

pub(super) fn switch(global: &Global, output: Output, named: &Named, on: bool) -> Result<(), Failure> {
    let folder = folder(global)?;
    let name = known(&folder, &named.name)?;
    refuse_if_settings_decide(global, &name, "enabled", |section| section.enabled.is_some())?;
    folder.change_operator(&name, |operator| operator.enabled = Some(on)).map_err(failure)?;
    output.fact(&json!({ "name": name, "enabled": on }), || {
        format!("{name} is {}", if on { "enabled" } else { "disabled" })
    })
}

/// What stands in a settings file wins, so changing it here would change nothing.
fn refuse_if_settings_decide(
    global: &Global,
    name: &PluginName,
    key: &str,
    is_set: impl Fn(&PluginConfig) -> bool,
) -> Result<(), Failure> {
    match settings::load(global)?.value.plugins.get(name).is_some_and(is_set) {
        true => Err(Failure::config(format!(
            "plugins.{name}.{key} stands in the settings, which win; change it there"
        ))),
        false => Ok(()),
    }
}

pub(super) fn roll_back(global: &Global, output: Output, named: &Named) -> Result<(), Failure> {
    let folder = folder(global)?;
    let name = known(&folder, &named.name)?;
    let granted = folder.operator(&name).map_err(failure)?.grants.unwrap_or_default();
    let report = folder.roll_back(&name, &granted).map_err(failure)?;
    tell(output, &name, &report)
}

pub(super) fn uninstall(global: &Global, output: Output, named: &Named) -> Result<(), Failure> {
    let folder = folder(global)?;
    let name = known(&folder, &named.name)?;
    let pin = folder.uninstall(&name).map_err(failure)?;
    output.fact(&json!({ "name": name, "version": pin.version.to_string() }), || {
        format!("{name} {} is not installed any more; what it kept in its store is still there", pin.version)
    })
}

/// What an installation or a rollback came to.
pub(super) fn tell(output: Output, name: &PluginName, report: &Report) -> Result<(), Failure> {
    let missing: Vec<_> = report.missing.iter().map(ToString::to_string).collect();
    let before = report.before.as_ref().map(|pin| pin.version.to_string());
    let facts = json!({
        "name": name, "version": report.now.version.to_string(), "digest": report.now.digest, "before": before, "missing": missing,
    });
    output.fact(&facts, || {
        let before = before.map(|before| format!(", before it {before}")).unwrap_or_default();
        let start = match missing.as_slice() {
            [] => String::new(),
            missing => {
                let missing = missing.join(" ");
                format!("\nit asks for more than it is granted, and does not start until: starling plugin grant {name} {missing}")
            }
        };
        format!("{name} {} is installed{before}{start}", report.now.version)
    })
}
