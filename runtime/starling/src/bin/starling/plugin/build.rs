//! `starling plugin build`: runs what plugin.toml says, and puts the component in its place.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{
    check::{self, Facts},
    project::{self, Project},
};
use crate::{arguments::Global, exit::Failure, output::Output, settings};

/// What a shell ends with when the program that it is to start is not there.
const NO_SUCH_PROGRAM: i32 = 127;

pub(super) async fn build_verb(global: &Global, output: Output, dir: &Path) -> Result<(), Failure> {
    let project = Project::open(dir)?;
    build(&project).await?;
    let sandbox = project::sandbox(&settings::load(global)?.value.sandbox)?;
    let facts = Facts::of_project(&project, &sandbox, &[])?;
    output.fact(&facts, || check::text(&facts))
}

/// Builds the component. What the command prints goes to standard error; standard output is for facts.
pub(super) async fn build(project: &Project) -> Result<(), Failure> {
    let Some(build) = &project.manifest.build else {
        return Err(Failure::config(format!(
            "{}/plugin.toml has no [build]: expected command, the line that makes the component",
            project.folder.display()
        )));
    };
    let mut command = shell(&build.command);
    command.current_dir(&project.folder).stdin(Stdio::null()).stdout(std::io::stderr()).kill_on_drop(true);
    let status = command
        .status()
        .await
        .map_err(|error| Failure::machine(format!("could not start {:?}: {error}", build.command)))?;
    if status.code() == Some(NO_SUCH_PROGRAM) {
        let program = build.command.split_whitespace().next().unwrap_or_default();
        return Err(Failure::usage(format!(
            "building {} needs {program}, which is not on the PATH",
            project.manifest.name
        )));
    }
    if !status.success() {
        return Err(Failure::usage(format!(
            "{:?} in {} ended with {status}",
            build.command,
            project.folder.display()
        )));
    }
    match &build.output {
        Some(output) => put_in_place(&project.folder.join(output), &project.component),
        None if project.component.is_file() => Ok(()),
        None => Err(Failure::config(format!(
            "{:?} did not make {}: name what it makes in [build] output of plugin.toml",
            build.command,
            project.component.display()
        ))),
    }
}

fn shell(line: &str) -> Command {
    let (program, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(program);
    command.arg(flag).arg(line);
    command
}

/// Copies the component beside its plugin.toml. A process that watches it never finds half of it.
fn put_in_place(made: &Path, component: &Path) -> Result<(), Failure> {
    if !made.is_file() {
        return Err(Failure::config(format!(
            "the build did not make {}: expected the component there, as [build] output of plugin.toml says",
            made.display()
        )));
    }
    let is_same = || Some(made.canonicalize().ok()? == component.canonicalize().ok()?);
    if is_same() == Some(true) {
        return Ok(());
    }
    let draft = PathBuf::from(format!("{}.new", component.display()));
    fs::copy(made, &draft)
        .and_then(|_| fs::rename(&draft, component))
        .map_err(|error| Failure::machine(format!("could not write {}: {error}", component.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &Path, build: &str) -> Project {
        let manifest =
            format!("name = \"x\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\n{build}");
        fs::write(folder.join("plugin.toml"), manifest).unwrap();
        Project::open(folder).unwrap()
    }

    #[tokio::test]
    async fn what_the_command_makes_is_put_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let made = "[build]\ncommand = \"mkdir -p out && echo component > out/made.wasm\"\noutput = \"out/made.wasm\"\n";

        build(&project(folder.path(), made)).await.unwrap();

        assert_eq!(fs::read_to_string(folder.path().join("x.wasm")).unwrap(), "component\n");
    }

    #[tokio::test]
    async fn a_build_that_fails_or_makes_nothing_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut refusals = Vec::new();
        for text in [
            "",
            "[build]\ncommand = \"exit 3\"\n",
            "[build]\ncommand = \"true\"\n",
            "[build]\ncommand = \"true\"\noutput = \"out.wasm\"\n",
            "[build]\ncommand = \"no-such-compiler build\"\n",
        ] {
            refusals.push(build(&project(folder.path(), text)).await.unwrap_err().to_string());
        }

        assert!(refusals[0].contains("has no [build]"), "{refusals:?}");
        assert!(refusals[1].contains("exit status: 3"), "{refusals:?}");
        assert!(refusals[2].contains("did not make"), "{refusals:?}");
        assert!(refusals[3].contains("out.wasm: expected the component there"), "{refusals:?}");
        assert!(refusals[4].contains("needs no-such-compiler, which is not on the PATH"), "{refusals:?}");
    }
}
