//! `starling plugin test`: plays scripts to the component, see [`starling_sandbox::script`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use starling_sandbox::{
    Plugin,
    script::{Report, Script},
};

use super::{
    arguments::Test,
    build,
    project::{self, Project},
    sources,
};
use crate::{
    arguments::Global,
    exit::{Code, Failure},
    output::Output,
    settings,
};

/// Where the scripts are.
const FOLDER: &str = "tests";
/// No script is longer, in bytes.
const MAX_SCRIPT: u64 = 8 << 20;

pub(super) async fn test(global: &Global, output: Output, options: &Test) -> Result<(), Failure> {
    let project = Project::open(&options.project.dir)?;
    let scripts = scripts(&project.folder.join(FOLDER), options.only.as_deref())?;
    if !options.no_build && sources::is_stale(&project)? {
        build::build(&project).await?;
    }
    let sandbox = project::sandbox(&settings::load(global)?.value.sandbox)?;
    let plugin = project.load(&sandbox)?;
    let mut failed = 0;
    for path in &scripts {
        let result = perform(&project, &plugin, path).await?;
        failed += usize::from(!result.is_good());
        output.fact(&result, || text(&result))?;
    }
    if failed > 0 {
        return Err(Failure::new(Code::Other, format!("{failed} of {} failed", count(scripts.len()))));
    }
    output.say(&format!("{} passed", count(scripts.len())))
}

fn count(scripts: usize) -> String {
    format!("{scripts} script{}", if scripts == 1 { "" } else { "s" })
}

/// What came of one script.
#[derive(Debug, Serialize)]
struct Played {
    script: PathBuf,
    /// Why it could not even begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    report: Option<Report>,
}

impl Played {
    fn is_good(&self) -> bool {
        self.report.as_ref().is_some_and(Report::is_good)
    }
}

/// Plays one script to a plugin that has not been called before.
async fn perform(project: &Project, plugin: &Plugin, path: &Path) -> Result<Played, Failure> {
    let mut seated = project.seat(plugin);
    let script = read(path)?;
    let performed = match Script::parse(&script) {
        Ok(script) => Ok(script.perform(&project.manifest, &mut seated).await),
        Err(error) => Err(error),
    };
    let script = path.to_owned();
    Ok(match performed {
        Ok(report) => Played { script, error: None, report: Some(report) },
        Err(error) => Played { script, error: Some(error.to_string()), report: None },
    })
}

fn text(played: &Played) -> String {
    let path = played.script.display();
    let (Some(report), None) = (&played.report, &played.error) else {
        return format!("FAIL  {path}\n  {}", played.error.as_deref().unwrap_or_default());
    };
    let about = if report.about.is_empty() { String::new() } else { format!(": {}", report.about) };
    match &report.failed {
        None => {
            format!("ok    {path}{about} ({} step{})", report.steps, if report.steps == 1 { "" } else { "s" })
        }
        Some(failed) => format!("FAIL  {path}{about}\n  {}", failed.to_string().replace('\n', "\n  ")),
    }
}

/// The scripts of a folder, by name.
fn scripts(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| {
        Failure::usage(format!(
            "{}: {error}; expected a folder with scripts, such as tests/script.json",
            folder.display()
        ))
    })?;
    let name =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| name(path).ends_with(".json") && only.is_none_or(|only| name(path).contains(only)));
    found.sort();
    if found.is_empty() {
        let sought = only.map_or_else(|| "*.json".to_owned(), |only| format!("*{only}*.json"));
        return Err(Failure::usage(format!(
            "{} has no {sought}: expected a script to play",
            folder.display()
        )));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String, Failure> {
    let refuse =
        |error: std::io::Error| Failure::machine(format!("could not read {}: {error}", path.display()));
    if fs::metadata(path).map_err(refuse)?.len() > MAX_SCRIPT {
        return Err(Failure::usage(format!(
            "{} is longer than {MAX_SCRIPT} bytes: expected a script",
            path.display()
        )));
    }
    fs::read_to_string(path).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.json", "echo.rs"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }

        let names = |only| -> Vec<String> {
            let found = scripts(folder.path(), only).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(None), ["a.json", "b.json"]);
        assert_eq!(names(Some("b")), ["b.json"]);
        let refused = scripts(folder.path(), Some("z")).unwrap_err().to_string();
        assert!(refused.contains("has no *z*.json"), "{refused}");
    }
}
