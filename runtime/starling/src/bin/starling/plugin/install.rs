//! `starling plugin install`.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use starling_sandbox::{
    folder::{Package, Pin, PluginFolder},
    permission::Grants,
    signature::Demands,
};

use super::{
    arguments::{Granting, Install},
    installed::{self, failure},
    project::{self, Project},
};
use crate::{arguments::Global, client, exit::Failure, output::Output, settings};

pub(super) fn install(global: &Global, output: Output, options: &Install) -> Result<(), Failure> {
    let source = local(&options.source)?;
    let project = Project::open(&source)?;
    let config = settings::load(global)?.value;
    let folder = PluginFolder::new(&config.runtime.data_folder());
    let name = options.name.clone().unwrap_or_else(|| project.manifest.name.clone());
    let profile = options.profile.as_deref().map(client::profile_named).transpose()?;
    let operator = folder.operator(&name).map_err(failure)?;

    let package = Package::read(&source).map_err(|error| Failure::usage(error.to_string()))?;
    project.compile(&project::sandbox(&config.sandbox)?, &package.component)?;
    let signer = options.signer.clone().or_else(|| operator.signer.clone());
    let demands = Demands {
        digest: None,
        signer: signer.clone(),
        require_signed: config.sandbox.require_signed,
        trusted_keys: config.sandbox.trusted_keys.clone(),
    };
    let provenance = demands
        .check(&package.component, package.signature.as_deref())
        .map_err(|error| Failure::usage(format!("{}: {error}", project.component.display())))?;

    let before = operator.grants.unwrap_or_default();
    installed::check_asked(&name, &project.manifest.permissions, &options.granting.grant)?;
    let granted = options.granting.added_to(before, &project.manifest.permissions);
    let pin = Pin::new(&package, provenance, now_ms());
    let report = folder.install(&name, &package, pin, &granted).map_err(failure)?;
    // After the files: a version that is granted more than the one before it must never meet that one.
    let operator = folder.change_operator(&name, |operator| {
        operator.grants = Some(granted);
        operator.signer = signer;
        operator.profile = profile.or(operator.profile.take());
    });
    operator.map_err(failure)?;
    installed::tell(output, &name, &report)
}

/// A path; references to registries are told apart, so that nobody looks for such a file.
fn local(source: &str) -> Result<PathBuf, Failure> {
    if source.starts_with("oci://") {
        return Err(Failure::usage(format!(
            "{source}: plugins are installed from files, not from registries; fetch the component and its plugin.toml first, for \
             instance with `oras pull`, and give their folder"
        )));
    }
    Ok(PathBuf::from(source))
}

impl Granting {
    /// What is granted from now on: what was granted before, and what the command line adds.
    pub(super) fn added_to(&self, mut before: Grants, asked: &Grants) -> Grants {
        let all = asked.iter().filter(|_| self.grant_all);
        for permission in all.chain(&self.grant) {
            before.insert(permission.clone());
        }
        before
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_added_to_those_before() {
        let grants = |texts: &[&str]| -> Grants { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let granting = |grant: &[&str], grant_all| Granting {
            grant: grant.iter().map(|text| text.parse().unwrap()).collect(),
            grant_all,
        };

        assert_eq!(
            granting(&["log"], false).added_to(grants(&["kv"]), &grants(&["timers"])),
            grants(&["kv", "log"])
        );
        assert_eq!(
            granting(&[], true).added_to(grants(&["kv"]), &grants(&["timers"])),
            grants(&["kv", "timers"])
        );
    }

    #[test]
    fn a_reference_to_a_registry_is_refused_in_one_sentence() {
        let refused = local("oci://ghcr.io/somebody/bot:1").unwrap_err().to_string();

        assert!(refused.contains("installed from files, not from registries"), "{refused}");
        assert_eq!(local("bots/echo").unwrap(), PathBuf::from("bots/echo"));
    }
}
