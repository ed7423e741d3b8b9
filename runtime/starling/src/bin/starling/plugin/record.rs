//! `starling plugin record`: has a running plugin's calls recorded, see [`starling_sandbox::recording`].

use std::path::{Path, PathBuf, absolute};

use serde_json::json;
use starling_sandbox::permission::{Grants, Permission};

use super::{
    arguments::Record,
    installed::{self, failure},
};
use crate::{arguments::Global, exit::Failure, output::Output, settings};

pub(super) fn record(global: &Global, output: Output, options: &Record) -> Result<(), Failure> {
    let folder = installed::folder(global)?;
    let name = installed::known(&folder, &options.plugin.name)?;
    let Some(to) = &options.to else {
        folder.record(&name, None).map_err(failure)?;
        return output.fact(&json!({ "name": name, "recording": null }), || {
            format!("{name} is not recorded any more")
        });
    };
    let section = settings::load(global)?.value.plugins.remove(&name).unwrap_or_default();
    let section = section.over(folder.operator(&name).map_err(failure)?);
    refuse_if_it_reads_secrets(&section.grants.unwrap_or_default())?;
    let path = place(to)?;
    folder.record(&name, Some(&path)).map_err(failure)?;
    output.fact(&json!({ "name": name, "recording": path }), || {
        format!(
            "a process that runs {name} records into {} within a second; what is in it are texts and ids of accounts. \
             `starling plugin record {name} --stop` ends it.",
            path.display()
        )
    })
}

/// The process that runs the plugin would refuse, and the plugin with it.
fn refuse_if_it_reads_secrets(granted: &Grants) -> Result<(), Failure> {
    match granted.iter().find(|grant| matches!(grant, Permission::SecretReveal(_))) {
        Some(grant) => Err(Failure::usage(format!(
            "a plugin that is granted {grant} is not recorded: what it does may hold the secret; revoke the grant first"
        ))),
        None => Ok(()),
    }
}

/// A new file in a folder that is there, by its absolute path: the process that writes it runs elsewhere.
fn place(to: &Path) -> Result<PathBuf, Failure> {
    let refuse = |what: String| Failure::usage(format!("--to {}: {what}", to.display()));
    let path = absolute(to).map_err(|error| refuse(error.to_string()))?;
    if path.exists() {
        return Err(refuse("the file is there already; name a new one".to_owned()));
    }
    match path.parent() {
        Some(folder) if folder.is_dir() => Ok(path),
        _ => Err(refuse("there is no such folder".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_comes_into_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::write(&taken, "").unwrap();

        assert_eq!(place(&folder.path().join("new")).unwrap(), folder.path().join("new"));
        assert!(place(&taken).unwrap_err().to_string().contains("is there already"));
        assert!(place(&folder.path().join("a/b")).unwrap_err().to_string().contains("no such folder"));
    }

    #[test]
    fn a_plugin_that_may_read_a_secret_is_not_recorded() {
        let grants: Grants = std::iter::once("secret-reveal:key".parse().unwrap()).collect();

        assert!(refuse_if_it_reads_secrets(&grants).is_err());
        assert!(refuse_if_it_reads_secrets(&Grants::none()).is_ok());
    }
}
