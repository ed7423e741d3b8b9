//! Lays the layers over each other.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use config::{Config, Map, Source as _, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::config::{
    decode::decode,
    error::Error,
    layer::Layer,
    origin::{Origin, Origins},
    refusal::{Problem, Refusal},
    secrecy::is_secret,
    setting::{Setting, joined, leaves, part_text, settings},
    suggestion::suggest,
};

/// The folder next to a config file whose files are laid over it.
const DROP_INS: &str = "conf.d";

/// Collects the places to load settings from; the order of the calls does not matter, except among files and among `-O`s.
#[derive(Debug, Clone, Default)]
pub struct Loader {
    files: Vec<PathBuf>,
    prefix: String,
    variables: Vec<(OsString, OsString)>,
    not_settings: Vec<String>,
    overrides: Vec<String>,
    flags: toml::Table,
}

impl Loader {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, over those added before; it must exist. The files in `conf.d` next to it are laid over all files.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Takes the variables that begin with `prefix` and an underscore, such as `STARLING_SECTION__KEY` for `section.key`.
    ///
    /// Every such variable has to be a setting, but for those named by [`Loader::not_a_setting`].
    pub fn environment(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        self.prefix = format!("{prefix}_");
        self.variables = variables.into_iter().collect();
        self
    }

    /// A variable that begins like a setting but is read by somebody else.
    pub fn not_a_setting(mut self, variable: &str) -> Self {
        self.not_settings.push(variable.to_owned());
        self
    }

    /// Adds what stood after `-O`: `section.key=value`, where a text may stand in quotes or without.
    pub fn set(mut self, assignment: impl Into<String>) -> Self {
        self.overrides.push(assignment.into());
        self
    }

    /// Settings that the program takes by flags of its own; they win over everything.
    pub fn flags(mut self, flags: toml::Table) -> Self {
        self.flags = flags;
        self
    }

    /// Reads, checks and merges all layers.
    ///
    /// # Errors
    /// The first layer that is wrong, in the order of the layers; see [`Error`].
    pub fn load<T>(&self) -> Result<Loaded<T>, Error>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let defaults = toml::Table::try_from(T::default()).map_err(Error::Defaults)?;
        let mut stack = Stack::<T>::new(&defaults)?;
        for path in self.files.iter().chain(&self.drop_ins()?) {
            let text = fs::read_to_string(path)
                .map_err(|reason| Error::Unreadable { path: path.clone(), reason })?;
            let layer = Layer::from_file(path, &text, &mut stack.origins)?;
            stack.lay(layer)?;
        }
        for (variable, value) in self.settings_of_environment()? {
            let keys: Vec<_> =
                variable[self.prefix.len()..].split("__").map(str::to_ascii_lowercase).collect();
            let tag = stack.origins.add(Origin::Environment { variable });
            stack.lay(Layer::from_text(&keys, &value, tag))?;
        }
        for given in &self.overrides {
            let (keys, value) =
                assignment(given).ok_or_else(|| Error::NotAnAssignment { given: shown(given) })?;
            let tag = stack.origins.add(Origin::Override);
            stack.lay(Layer::from_assignment(&keys, value, tag))?;
        }
        if !self.flags.is_empty() {
            let tag = stack.origins.add(Origin::Flag);
            stack.lay(Layer::from_table(self.flags.clone(), tag))?;
        }
        stack.finish()
    }

    /// The files of every `conf.d`, each folder once, sorted by name.
    fn drop_ins(&self) -> Result<Vec<PathBuf>, Error> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in &self.files {
            let folder = file.parent().unwrap_or(Path::new("")).join(DROP_INS);
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let mut found = Vec::new();
        for folder in folders {
            let mut files =
                list_toml(&folder).map_err(|reason| Error::Unreadable { path: folder.clone(), reason })?;
            files.sort();
            found.append(&mut files);
        }
        Ok(found)
    }

    /// The variables that are settings, sorted by name.
    fn settings_of_environment(&self) -> Result<Vec<(String, String)>, Error> {
        let mut found = Vec::new();
        for (variable, value) in &self.variables {
            let Some(variable) = variable.to_str() else { continue };
            let is_ours = !self.prefix.is_empty() && variable.starts_with(&self.prefix);
            if !is_ours || self.not_settings.iter().any(|other| other == variable) {
                continue;
            }
            let Some(value) = value.to_str() else {
                return Err(Error::NotText { variable: variable.to_owned() });
            };
            found.push((variable.to_owned(), value.to_owned()));
        }
        found.sort();
        Ok(found)
    }
}

fn list_toml(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect())
}

/// Splits `section.key=value`; parts of the key may be quoted as in TOML.
fn assignment(given: &str) -> Option<(Vec<String>, &str)> {
    let (key, value) = given.split_once('=')?;
    let key = key.trim();
    if key.contains(['\n', '#']) {
        return None;
    }
    let mut table = format!("{key} = 0").parse::<toml::Table>().ok()?;
    let mut parts = Vec::new();
    loop {
        let (part, inner) = table.into_iter().next()?;
        parts.push(part);
        match inner {
            toml::Value::Table(inner) => table = inner,
            _ => return Some((parts, value.trim())),
        }
    }
}

/// What was given, unless there may be a secret in it.
fn shown(given: &str) -> String {
    if is_secret(given) { "(not shown)".to_owned() } else { given.to_owned() }
}

/// The layers so far.
struct Stack<T> {
    merged: Config,
    origins: Origins,
    /// The whole keys of the defaults, for suggestions.
    known: Vec<String>,
    value: T,
}

impl<T: Serialize + DeserializeOwned> Stack<T> {
    fn new(defaults: &toml::Table) -> Result<Self, Error> {
        let known: Vec<_> = leaves(defaults).into_iter().map(|(path, _)| joined(&path)).collect();
        let origins = Origins::default();
        let mut merged = Config::default();
        merged.cache = Value::new(None, Map::<String, Value>::new());
        let value = lay(&mut merged, &Layer::from_defaults(defaults))
            .map_err(|refusal| explain(refusal, &origins, &known))?;
        Ok(Self { merged, origins, known, value })
    }

    fn lay(&mut self, layer: Layer) -> Result<(), Error> {
        self.value =
            lay(&mut self.merged, &layer).map_err(|refusal| explain(refusal, &self.origins, &self.known))?;
        Ok(())
    }

    fn finish(self) -> Result<Loaded<T>, Error> {
        let effective = toml::Table::try_from(&self.value).map_err(Error::Defaults)?;
        let settings = settings(&effective, &self.merged.cache, &self.origins);
        Ok(Loaded { value: self.value, settings })
    }
}

fn lay<T: DeserializeOwned>(merged: &mut Config, layer: &Layer) -> Result<T, Refusal> {
    layer.collect_to(&mut merged.cache).map_err(|error| Problem::Other(error.to_string()))?;
    decode(&merged.cache)
}

/// Makes the sentence for the operator.
fn explain(refusal: Refusal, origins: &Origins, known: &[String]) -> Error {
    let (key, origin) = match refusal.at {
        Some(spot) => (spot.key, origins.of(&spot.value)),
        None => (String::new(), Origin::Default),
    };
    match refusal.problem {
        Problem::UnknownKey { key: name, known: siblings } => {
            let section = key.strip_suffix(&part_text(&name)).unwrap_or_default();
            let siblings: Vec<_> = siblings.iter().map(|sibling| format!("{section}{sibling}")).collect();
            let hint = suggest(&key, &siblings, known);
            Error::UnknownKey { origin, key, hint }
        }
        problem => {
            let key = if key.is_empty() { "the configuration".to_owned() } else { key };
            let is_secret = is_secret(&key) || problem.holds_secret();
            let problem = if is_secret { problem.without_value() } else { problem.to_string() };
            Error::BadValue { origin, key, problem }
        }
    }
}

/// Settings in force, and where they were written.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The settings.
    pub value: T,
    settings: Vec<Setting>,
}

impl<T> Loaded<T> {
    /// Every effective key, in the order of the type's fields.
    pub fn origins(&self) -> &[Setting] {
        &self.settings
    }

    /// Where the value of that key was written: for errors that are found later, such as a port in use.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.settings.iter().find(|setting| setting.key == key).map(|setting| &setting.origin)
    }
}
