//! A whole script, as it stands in a file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    people::{ME, People},
    step::Step,
    web::Exchange,
};
use crate::permission::{Grants, Permission};

/// The first of January 2026.
const BEGINS: u64 = 1_767_225_600_000;
/// Later times do not fit into the dates that languages print.
const LAST_BEGIN: u64 = 253_402_300_799_000;

/// A script that was read and understood. See [the module](crate::script) for its form.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) about: String,
    pub(super) grants: Option<Grants>,
    pub(super) config: toml::Table,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) now: u64,
    pub(super) seed: u64,
    pub(super) history: Vec<Earlier>,
    pub(super) http: Vec<Exchange>,
    pub(super) steps: Vec<Step>,
    pub(super) people: People,
}

/// A message that is there before the script begins.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) conversation: String,
    pub(super) author: String,
    pub(super) body: String,
}

/// A script that cannot be understood: the place, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ScriptError(pub(super) String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    about: String,
    grants: Option<Vec<String>>,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default = "begins")]
    now: u64,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    history: Vec<RawEarlier>,
    #[serde(default)]
    http: Vec<Value>,
    steps: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEarlier {
    with: String,
    from: Option<String>,
    body: String,
}

fn begins() -> u64 {
    BEGINS
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// [`ScriptError`] with the place, such as `steps[2].expect[0].send`, and what was expected there.
    pub fn parse(json: &str) -> Result<Self, ScriptError> {
        Self::read(json).map_err(ScriptError)
    }

    /// What it shows; empty when it does not say.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    fn read(json: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if raw.now > LAST_BEGIN {
            return Err(format!("now is {}: expected Unix milliseconds before the year 10000", raw.now));
        }
        if raw.steps.is_empty() {
            return Err("steps is empty: expected at least one".to_owned());
        }
        let mut people = People::default();
        people.id(ME, "me")?;
        let parse = |(index, text): (usize, &String)| granted(text, &format!("grants[{index}]"), &mut people);
        let grants =
            raw.grants.as_ref().map(|texts| texts.iter().enumerate().map(parse).collect::<Result<_, _>>());
        let config = toml::Table::try_from(&raw.config)
            .map_err(|error| format!("config is none of a plugin's: {error}"))?;
        let history = raw.history.iter().enumerate().map(|(index, earlier)| {
            let place = format!("history[{index}]");
            let from = earlier.from.as_deref().unwrap_or(&earlier.with);
            Ok::<_, String>(Earlier {
                conversation: people.id(&earlier.with, &format!("{place}.with"))?,
                author: people.id(from, &format!("{place}.from"))?,
                body: earlier.body.clone(),
            })
        });
        let history = history.collect::<Result<_, _>>()?;
        let http = raw
            .http
            .iter()
            .enumerate()
            .map(|(index, value)| Exchange::parse(value, &format!("http[{index}]")));
        let http = http.collect::<Result<_, _>>()?;
        let steps = raw.steps.iter().enumerate();
        let steps = steps.map(|(index, value)| Step::parse(value, &format!("steps[{index}]"), &mut people));
        let steps = steps.collect::<Result<_, _>>()?;
        Ok(Self {
            about: raw.about,
            grants: grants.transpose()?,
            config,
            secrets: raw.secrets,
            now: raw.now,
            seed: raw.seed,
            history,
            http,
            steps,
            people,
        })
    }
}

/// A permission, in which somebody's name may stand for the id.
fn granted(text: &str, place: &str, people: &mut People) -> Result<Permission, String> {
    let parsed = match text.split_once(':') {
        Some((kind @ ("send" | "react" | "read"), who)) if !["reply", "direct"].contains(&who) => {
            format!("{kind}:{}", people.id(who, place)?).parse()
        }
        _ => text.parse::<Permission>(),
    };
    parsed.map_err(|error| format!("{place} is {text:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first block of JSON in a module's documentation.
    fn documented(source: &str) -> String {
        let lines = source.lines().filter_map(|line| line.strip_prefix("//!"));
        lines
            .skip_while(|line| line.trim() != "```json")
            .skip(1)
            .take_while(|line| line.trim() != "```")
            .collect()
    }

    #[test]
    fn the_documented_example_is_a_script() {
        let script = Script::parse(&documented(include_str!("../script.rs"))).unwrap();

        assert_eq!((script.about(), script.steps()), ("a greeting, and a reminder ten minutes later", 5));
    }

    #[test]
    fn a_script_that_cannot_be_understood_names_the_place() {
        let refuse = |json: &str, what: &str| {
            let refused = Script::parse(json).unwrap_err().to_string();
            assert!(refused.contains(what), "{refused}");
        };
        refuse("{}", "missing field `steps`");
        refuse("{\"steps\":[]}", "steps is empty");
        refuse(
            "{\"steps\":[{\"message\":\"a\"}],\"grants\":[\"kv\",\"fly\"]}",
            "grants[1] is \"fly\": unknown permission",
        );
        refuse(
            "{\"steps\":[{\"message\":\"a\"}],\"grants\":[\"send:Bob\"]}",
            "grants[0] is \"Bob\": expected a name",
        );
        refuse("{\"steps\":[{\"message\":\"a\"}],\"grant\":[]}", "unknown field `grant`");
        refuse("{\"steps\":[{\"message\":\"a\"},{}]}", "steps[1] has none");
        refuse("{\"steps\":[{\"message\":\"a\"}],\"http\":[{}]}", "http[0]: missing field `answer`");
        refuse(
            "{\"steps\":[{\"message\":\"a\"}],\"history\":[{\"with\":\"A b\",\"body\":\"\"}]}",
            "history[0].with",
        );
        refuse("{\"steps\":[{\"message\":\"a\"}],\"now\":18446744073709551615}", "before the year 10000");
    }
}
