//! `starling plugin check`, also called `inspect`: what a plugin is, imports and asks for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use starling_sandbox::{
    Sandbox,
    manifest::Manifest,
    signature::{Demands, TrustedKey},
};

use super::{
    arguments::Check,
    project::{self, Project},
};
use crate::{arguments::Global, exit::Failure, output::Output, settings};

pub(super) fn check(global: &Global, output: Output, options: &Check) -> Result<(), Failure> {
    let config = settings::load(global)?.value.sandbox;
    let sandbox = project::sandbox(&config)?;
    let facts = match options.source.with_file_name("plugin.toml").is_file() || options.source.is_dir() {
        true => Facts::of_project(&Project::open(&options.source)?, &sandbox, &config.trusted_keys)?,
        false => Facts::of_component(&options.source, &sandbox, &config.trusted_keys)?,
    };
    output.fact(&facts, || text(&facts))
}

/// What there is to know of a plugin before it runs.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    author: Option<Author>,
    world: &'static str,
    component: PathBuf,
    size: usize,
    digest: String,
    signature: String,
    imports: Vec<String>,
}

/// What its author says of it.
#[derive(Debug, Serialize)]
struct Author {
    name: String,
    version: String,
    description: String,
    events: serde_json::Value,
    asks: Vec<String>,
}

impl Facts {
    pub(super) fn of_project(
        project: &Project,
        sandbox: &Sandbox,
        trusted: &[TrustedKey],
    ) -> Result<Self, Failure> {
        let component = project.read_component()?;
        let plugin = project.compile(sandbox, &component)?;
        let author = Some(Author::of(&project.manifest));
        Ok(Self::of(author, &project.component, &component, &plugin, trusted))
    }

    fn of_component(path: &Path, sandbox: &Sandbox, trusted: &[TrustedKey]) -> Result<Self, Failure> {
        let component = project::read_component(path)?;
        let plugin = project::compile(sandbox, path, &component)?;
        Ok(Self::of(None, path, &component, &plugin, trusted))
    }

    fn of(
        author: Option<Author>,
        path: &Path,
        component: &[u8],
        plugin: &starling_sandbox::Plugin,
        trusted: &[TrustedKey],
    ) -> Self {
        Self {
            author,
            world: plugin.world().name(),
            component: path.to_owned(),
            size: component.len(),
            digest: project::digest(component).to_string(),
            signature: signature(path, component, trusted),
            imports: plugin.imports().to_vec(),
        }
    }
}

impl Author {
    fn of(manifest: &Manifest) -> Self {
        Self {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            description: manifest.description.clone(),
            events: serde_json::json!(manifest.events()),
            asks: manifest.permissions.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Who has signed the component, as far as this installation knows them.
fn signature(path: &Path, component: &[u8], trusted: &[TrustedKey]) -> String {
    let beside = PathBuf::from(format!("{}.minisig", path.display()));
    let Ok(text) = fs::read_to_string(&beside) else { return "none".to_owned() };
    let demands = Demands { trusted_keys: trusted.to_vec(), ..Demands::default() };
    match demands.check(component, Some(&text)) {
        Ok(provenance) => match provenance.signer {
            Some(key) => format!("good, by {}", key.id()),
            None => "by a key that is not in sandbox.trusted_keys".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

/// For people.
pub(super) fn text(facts: &Facts) -> String {
    let mut lines = Vec::new();
    if let Some(Author { name, version, description, .. }) = &facts.author {
        lines
            .push(format!("{name} {version}{}{description}", if description.is_empty() { "" } else { ": " }));
    }
    lines.push(format!("world      {}", facts.world));
    lines.push(format!("component  {}, {} KiB", facts.component.display(), facts.size.div_ceil(1024)));
    lines.push(format!("digest     {}", facts.digest));
    lines.push(format!("signature  {}", facts.signature));
    if let Some(author) = &facts.author {
        let asks =
            if author.asks.is_empty() { "nothing".to_owned() } else { author.asks.join("\n           ") };
        lines.push(format!("asks for   {asks}"));
    }
    lines.push(format!("imports    {}", facts.imports.join("\n           ")));
    lines.join("\n")
}
