//! `starling config`.

use serde_json::json;
use starling::{
    Config,
    config::{notes, private_node},
    kernel::config::{Origin, Setting},
};

use crate::{
    arguments::{self, Global},
    exit::{Code, Failure},
    output::{Output, line_out},
    settings,
};

/// Where an example says that the node list is.
const NODE_LIST: &str = "nodes.json";

pub(crate) fn config(global: &Global, verb: &arguments::Config) -> Result<(), Failure> {
    let output = Output::new(global.json);
    match verb {
        arguments::Config::Check => check(global, output),
        arguments::Config::Show => show(global, output),
        arguments::Config::Example { devnet: true, .. } => example(&private_node(NODE_LIST.into(), None)),
        arguments::Config::Example { role, .. } if role.is_empty() => example(&Config::default()),
        arguments::Config::Example { role, .. } => example(&Config::for_roles(role.iter().copied())),
    }
}

fn check(global: &Global, output: Output) -> Result<(), Failure> {
    let loaded = settings::load(global)?;
    settings::validate(&loaded)?;
    let set = loaded.origins().iter().filter(|setting| setting.origin != Origin::Default).count();
    output.fact(&json!({ "ok": true, "set": set, "keys": loaded.origins().len() }), || {
        format!(
            "the settings are fine: {set} of {} keys are set, the others have their defaults",
            loaded.origins().len()
        )
    })
}

fn show(global: &Global, output: Output) -> Result<(), Failure> {
    let loaded = settings::load(global)?;
    let mut shown: Vec<Setting> = loaded.origins().to_vec();
    if loaded.value.runtime.data_dir.is_none() {
        let folder = loaded.value.runtime.data_folder().display().to_string();
        let setting = Setting {
            key: "runtime.data_dir".to_owned(),
            value: toml::Value::String(folder),
            origin: Origin::Default,
        };
        let after = shown.iter().position(|setting| setting.key == "runtime.roles").map_or(0, |at| at + 1);
        shown.insert(after, setting);
    }
    shown.iter().try_for_each(|setting| {
        let facts =
            json!({ "key": setting.key, "value": setting.value, "origin": setting.origin.to_string() });
        output.fact(&facts, || setting.to_string())
    })
}

fn example(config: &Config) -> Result<(), Failure> {
    let text = notes().example(config).map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    line_out(text.trim_end())
}
