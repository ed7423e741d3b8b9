//! `starling plugin call`: one call of one export, outside of any network.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use starling::kernel::{Entropy, SystemEntropy};
use starling_sandbox::{Moment, permission::Grants, script::Rehearsal};

use super::{
    arguments::Call,
    project::{self, Project},
};
use crate::{
    arguments::Global,
    exit::{Code, Failure},
    input::{self, Until},
    output::Output,
    settings,
};

/// The exports, and the keys of a script's step for them.
const EXPORTS: [(&str, &str); 7] = [
    ("on-start", "start"),
    ("on-message", "message"),
    ("on-command", "command"),
    ("on-event", "event"),
    ("on-timer", "timer"),
    ("migrate", "migrate"),
    ("review", "review"),
];
/// No event is longer, in bytes.
const MAX_EVENT: usize = 1 << 20;

pub(super) async fn call(global: &Global, output: Output, options: &Call) -> Result<(), Failure> {
    let project = Project::open(&options.plugin)?;
    let argument = match options.argument.as_deref() {
        Some("-") => Some(input::read("the event", Until::End, MAX_EVENT).await?.trim_end().to_owned()),
        other => other.map(str::to_owned),
    };
    let step = step(&options.export, argument.as_deref())?;
    let sandbox = project::sandbox(&settings::load(global)?.value.sandbox)?;
    let mut seated = project.seat(&project.load(&sandbox)?);
    let granted = match options.grant.as_slice() {
        [] => project.manifest.permissions.clone(),
        grants => grants.iter().cloned().collect::<Grants>(),
    };
    let mut rehearsal = Rehearsal::new(&project.manifest, &granted, &toml::Table::new());
    let moment = now();
    let event = rehearsal.event(&step, moment.now_ms).map_err(|error| Failure::usage(error.to_string()))?;
    if event.export() != options.export {
        return Err(Failure::usage(format!(
            "the plugin would be called at {} for this, and not at {}",
            event.export(),
            options.export
        )));
    }
    let rehearsed = rehearsal.call(&mut seated, &event, &moment).await;
    output.fact(
        &json!({ "export": options.export, "ended": rehearsed.ended, "done": rehearsed.done }),
        || {
            let done: String = rehearsed.done.iter().map(|action| format!("\n  {action}")).collect();
            format!("{}: {}{done}", options.export, rehearsed.ended)
        },
    )?;
    match rehearsed.outcome {
        Ok(_) => Ok(()),
        Err(fault) => Err(Failure::new(Code::Other, fault.to_string())),
    }
}

/// The step of a script that calls that export.
fn step(export: &str, argument: Option<&str>) -> Result<Value, Failure> {
    let Some((_, key)) = EXPORTS.iter().find(|(name, _)| *name == export) else {
        let names: Vec<_> = EXPORTS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(format!("EXPORT is {export:?}: expected one of {}", names.join(", "))));
    };
    if let Some(Ok(step @ Value::Object(_))) = argument.map(serde_json::from_str::<Value>) {
        // An event in full, or a step.
        return Ok(if step.get("event").is_some_and(Value::is_string) {
            json!({ "event": step })
        } else {
            step
        });
    }
    match (*key, argument) {
        ("start", None) => Ok(json!({ "start": true })),
        ("start", Some(_)) => Err(Failure::usage("on-start takes no argument")),
        ("event", _) => Err(Failure::usage(
            "on-event takes an event as JSON, such as {\"reaction\": \"👍\", \"on\": \"a text\"}",
        )),
        (key, Some(text)) => Ok(json!({ key: text })),
        (_, None) => Err(Failure::usage(format!("{export} takes an argument: the text, name or version"))),
    }
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let entropy: &dyn Entropy = &SystemEntropy;
    Moment { now_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX), seed: entropy.bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_text_or_an_event() {
        assert_eq!(step("on-start", None).unwrap(), json!({ "start": true }));
        assert_eq!(step("on-message", Some("hello")).unwrap(), json!({ "message": "hello" }));
        assert_eq!(step("on-timer", Some("7")).unwrap(), json!({ "timer": "7" }));
        let given = step("on-message", Some("{\"message\": \"a\", \"from\": \"bob\"}")).unwrap();
        assert_eq!(given, json!({ "message": "a", "from": "bob" }));
        let full = step("on-timer", Some("{\"event\": \"timer\", \"name\": \"a\"}")).unwrap();
        assert_eq!(full, json!({ "event": { "event": "timer", "name": "a" } }));
        for (export, argument) in [
            ("on_message", Some("a")),
            ("on-message", None),
            ("on-event", Some("a")),
            ("on-start", Some("a")),
        ] {
            assert!(step(export, argument).is_err(), "{export}");
        }
    }
}
