//! Settings from everything that was typed.

use starling::{
    Config, Role,
    kernel::config::{Loaded, Loader, Origin},
};

use crate::{arguments::Global, exit::Failure};

/// Variables that begin like settings and are read by our own tests.
const NOT_SETTINGS: &[&str] = &["STARLING_BIN", "STARLING_VECTORS"];

/// Reads all layers for a process whose roles the settings decide.
pub(crate) fn load(global: &Global) -> Result<Loaded<Config>, Failure> {
    load_with(global, toml::Table::new())
}

/// Reads all layers for a verb that is a client, whatever the settings say.
pub(crate) fn load_for_client(global: &Global) -> Result<Loaded<Config>, Failure> {
    let roles = toml::Value::try_from([Role::Client]).map_err(|error| Failure::config(error.to_string()))?;
    load_with(global, toml::Table::from_iter([("roles".to_owned(), roles)]))
}

fn load_with(global: &Global, mut runtime: toml::Table) -> Result<Loaded<Config>, Failure> {
    if let Some(folder) = &global.data_dir {
        let text = folder.to_str().ok_or_else(|| {
            Failure::usage(format!("--data-dir {}: expected a path of valid UTF-8", folder.display()))
        })?;
        runtime.insert("data_dir".to_owned(), toml::Value::String(text.to_owned()));
    }
    let mut loader = Loader::new();
    for file in global.config.iter().chain(&global.network) {
        loader = loader.file(file);
    }
    loader = NOT_SETTINGS
        .iter()
        .fold(loader.environment("STARLING", std::env::vars_os()), |loader, name| loader.not_a_setting(name));
    loader = global.overrides.iter().fold(loader, |loader, assignment| loader.set(assignment));
    if !runtime.is_empty() {
        loader = loader.flags(toml::Table::from_iter([("runtime".to_owned(), toml::Value::Table(runtime))]));
    }
    Ok(loader.load::<Config>()?)
}

/// Checks what types cannot say, and names the place where the key at fault was written.
pub(crate) fn validate(loaded: &Loaded<Config>) -> Result<(), Failure> {
    loaded.value.validate().map_err(|error| {
        let sentence = error.to_string();
        match place(loaded, &sentence) {
            Some(origin) => Failure::config(format!("{origin}: {sentence}")),
            None => Failure::config(sentence),
        }
    })
}

/// Where the key that a sentence begins with was written, if anywhere.
fn place<'a>(loaded: &'a Loaded<Config>, sentence: &str) -> Option<&'a Origin> {
    let key = sentence.split([' ', ':']).next()?;
    loaded.origin(key).filter(|origin| **origin != Origin::Default)
}
