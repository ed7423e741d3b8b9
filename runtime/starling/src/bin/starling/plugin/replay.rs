//! `starling plugin replay`: plays a recording to a component, see [`starling_sandbox::recording`].

use std::path::Path;

use serde_json::json;
use starling_sandbox::{
    Sandbox,
    recording::{self, Recording},
    script::{Callee as _, Seated},
};

use super::{
    arguments::Replay,
    project::{self, Project},
};
use crate::{
    arguments::Global,
    exit::{Code, Failure},
    output::Output,
    settings,
};

pub(super) async fn replay(global: &Global, output: Output, options: &Replay) -> Result<(), Failure> {
    let mut recording = open(&options.recording)?;
    let header = recording.header().clone();
    let sandbox = project::sandbox(&settings::load(global)?.value.sandbox)?;
    let (component, mut seated) = seat(&sandbox, &options.plugin, header.kept_for)?;
    let is_same = project::digest(&component).to_string() == header.digest;
    let mut calls = 0_u64;
    while let Some(take) = recording.next_take().map_err(|error| Failure::usage(error.to_string()))? {
        calls += 1;
        if take.fresh {
            seated.restart();
        }
        let replay = recording::Replay::new(take.clone());
        let outcome = seated.call(&take.event, &take.moment(), Box::new(replay.clone())).await;
        if let Some(difference) = replay.difference(&outcome) {
            let export = take.event.export();
            output.fact(
                &json!({ "same": false, "same_component": is_same, "call": calls, "export": export, "difference": difference }),
                || {
                    let step = difference.step.map(|step| format!(", step {step}")).unwrap_or_default();
                    format!("call {calls}, {export}{step}\n  - {}\n  + {}", difference.recorded, difference.now)
                },
            )?;
            return Err(Failure::new(Code::Other, format!("call {calls} of the recording went another way")));
        }
    }
    output.fact(&json!({ "same": true, "same_component": is_same, "calls": calls }), || {
        let which =
            if is_same { "the recorded component" } else { "another component than the recorded one" };
        format!(
            "{calls} calls of {} {}, byte for byte as recorded; played by {which}",
            header.plugin, header.version
        )
    })
}

/// Opens a recording.
pub(super) fn open(path: &Path) -> Result<Recording<std::io::BufReader<std::fs::File>>, Failure> {
    Recording::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The component, with the limits that a plugin.toml beside it asks for.
fn seat(sandbox: &Sandbox, plugin: &Path, kept_for: Option<u64>) -> Result<(Vec<u8>, Seated), Failure> {
    let path = project::component_path(plugin)?;
    let component = project::read_component(&path)?;
    let compiled = project::compile(sandbox, &path, &component)?;
    let limits = match path.with_file_name("plugin.toml").is_file() {
        true => Project::open(&path)?.limits(),
        false => starling_sandbox::Limits::default(),
    };
    Ok((component, Seated::new(&compiled, &limits, kept_for)))
}
