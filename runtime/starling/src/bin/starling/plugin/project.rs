//! A plugin on disk, from its sources or built: its plugin.toml and its component.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use starling_sandbox::{
    EngineOptions, Limits, Plugin, Sandbox, folder,
    manifest::{self, Manifest},
    script::Seated,
    signature::Digest,
};

use crate::exit::Failure;

/// No component is longer, in bytes; an interpreter of a scripting language comes to a few dozen MiB.
const MAX_COMPONENT: u64 = 256 << 20;
/// What a plugin may use while it is tried out, where it does not ask for less.
const MAX_MEMORY: u64 = 1 << 30;
const INSTANCES: u32 = 4;

/// A plugin's folder.
#[derive(Debug)]
pub(super) struct Project {
    /// Where its plugin.toml is.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    /// Where its component is, or comes to be.
    pub(super) component: PathBuf,
}

impl Project {
    /// Opens a folder with a plugin.toml, or the plugin.toml beside a component.
    pub(super) fn open(source: &Path) -> Result<Self, Failure> {
        let is_folder = match fs::metadata(source) {
            Ok(metadata) => metadata.is_dir(),
            Err(error) => return Err(unreadable(source, &error)),
        };
        let folder = match source.parent() {
            _ if is_folder => source,
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => Path::new("."),
        };
        let path = folder.join(manifest::FILE_NAME);
        if !path.is_file() {
            return Err(Failure::usage(format!(
                "{} has no {}; `starling plugin new` makes a plugin",
                folder.display(),
                manifest::FILE_NAME
            )));
        }
        let manifest = Manifest::read(&path).map_err(|error| Failure::config(error.to_string()))?;
        let component = if is_folder { folder.join(manifest.component_file()) } else { source.to_owned() };
        Ok(Self { folder: folder.to_owned(), manifest, component })
    }

    /// The bytes of the component.
    pub(super) fn read_component(&self) -> Result<Vec<u8>, Failure> {
        if !self.component.is_file() && self.manifest.build.is_some() {
            return Err(Failure::usage(format!(
                "{} is not there; `starling plugin build {}` makes it",
                self.component.display(),
                self.folder.display()
            )));
        }
        read_component(&self.component)
    }

    /// Compiles it and sees that it is of the world that plugin.toml says.
    pub(super) fn compile(&self, sandbox: &Sandbox, component: &[u8]) -> Result<Plugin, Failure> {
        let plugin = compile(sandbox, &self.component, component)?;
        let (said, found) = (self.manifest.world.name(), plugin.world().name());
        if said != found {
            return Err(Failure::usage(format!(
                "{} is a {found}, and the world in plugin.toml is that of a {said}",
                self.component.display()
            )));
        }
        Ok(plugin)
    }

    /// Reads its component and compiles it.
    pub(super) fn load(&self, sandbox: &Sandbox) -> Result<Plugin, Failure> {
        self.compile(sandbox, &self.read_component()?)
    }

    /// The compiled plugin, ready to take its first call as it would be when installed.
    pub(super) fn seat(&self, plugin: &Plugin) -> Seated {
        Seated::new(plugin, &self.limits(), self.manifest.kept_for())
    }

    /// What it asks for, and the usual where it does not.
    pub(super) fn limits(&self) -> Limits {
        let usual = Limits::default();
        let asked = &self.manifest.limits;
        Limits {
            memory: asked.memory.map_or(usual.memory, |memory| memory.as_u64().min(MAX_MEMORY)),
            call_time: asked.call_time.unwrap_or(usual.call_time),
            ..usual
        }
    }
}

/// A component alone, or that of a folder with a plugin.toml.
pub(super) fn component_path(source: &Path) -> Result<PathBuf, Failure> {
    if source.is_dir() {
        Project::open(source).map(|project| project.component)
    } else {
        Ok(source.to_owned())
    }
}

/// The bytes of a component.
pub(super) fn read_component(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > MAX_COMPONENT {
        return Err(Failure::usage(format!(
            "{} has {size} bytes: expected a component of at most {MAX_COMPONENT}",
            path.display()
        )));
    }
    let component = fs::read(path).map_err(|error| unreadable(path, &error))?;
    folder::check_kind(path, &component).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(component)
}

/// The digest by which a component is pinned.
pub(super) fn digest(component: &[u8]) -> Digest {
    Digest::of(component)
}

/// Compiles a component.
pub(super) fn compile(sandbox: &Sandbox, path: &Path, component: &[u8]) -> Result<Plugin, Failure> {
    sandbox.compile(component).map_err(|error| {
        // The engine explains some defects over many lines.
        let sentence: Vec<_> = error.to_string().split_whitespace().map(str::to_owned).collect();
        Failure::usage(format!("{}: {}", path.display(), sentence.join(" ")))
    })
}

/// The machine that plugins run on while they are made; it remembers what it has compiled.
pub(super) fn sandbox(config: &starling_sandbox::Config) -> Result<Sandbox, Failure> {
    let options = EngineOptions {
        mode: config.code,
        cache: cache_folder(),
        max_memory: MAX_MEMORY,
        instances: INSTANCES,
    };
    Sandbox::new(&options).map_err(|error| Failure::machine(error.to_string()))
}

/// `$XDG_CACHE_HOME/starling/plugins` or `~/.cache/starling/plugins`; nowhere when there is no home, or nothing can be written there.
fn cache_folder() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let folder = given.or_else(home)?.join("starling/plugins");
    fs::create_dir_all(&folder).ok().map(|()| folder)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("{} is not there", path.display())),
        _ => Failure::machine(format!("could not read {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = \"x\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\n";

    #[test]
    fn a_project_is_its_folder_or_its_component() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plugin.toml"), MANIFEST).unwrap();
        let component = folder.path().join("other.wasm");
        fs::write(&component, b"\0asm").unwrap();

        assert_eq!(Project::open(folder.path()).unwrap().component, folder.path().join("x.wasm"));
        assert_eq!(Project::open(&component).unwrap().component, component);
        let refused = Project::open(&folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(refused.ends_with("nowhere is not there"), "{refused}");
        let empty = tempfile::tempdir().unwrap();
        let refused = Project::open(empty.path()).unwrap_err().to_string();
        assert!(refused.contains("has no plugin.toml"), "{refused}");
    }

    #[test]
    fn what_has_still_to_be_built_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!("{MANIFEST}[build]\ncommand = \"true\"\n");
        fs::write(folder.path().join("plugin.toml"), manifest).unwrap();

        let refused = Project::open(folder.path()).unwrap().read_component().unwrap_err().to_string();

        assert!(refused.contains("`starling plugin build "), "{refused}");
    }
}
