//! The files that a plugin is made from: whether something changed in them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::project::Project;
use crate::exit::Failure;

/// Folders that building and testing leave behind, beside all whose names begin with a dot.
const NOT_SOURCES: [&str; 5] = ["target", "node_modules", "build", "dist", "__pycache__"];
/// A plugin with more files has something else in its folder.
const MAX_FILES: usize = 20_000;

/// When each file was changed last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeMap<PathBuf, (SystemTime, u64)>);

impl Sources {
    /// Looks at the folder of a plugin, but for what building makes in it.
    pub(super) fn of(project: &Project) -> Result<Self, Failure> {
        let mut files = BTreeMap::new();
        let outputs = [
            Some(&project.component),
            project.manifest.build.as_ref().and_then(|build| build.output.as_ref()),
        ];
        let outputs: Vec<_> = outputs.into_iter().flatten().filter_map(|path| path.file_name()).collect();
        let is_made = |path: &Path| path.file_name().is_some_and(|name| outputs.contains(&name));
        collect(&project.folder, &is_made, &mut files).map_err(|error| {
            Failure::machine(format!("could not read {}: {error}", project.folder.display()))
        })?;
        if files.len() > MAX_FILES {
            return Err(Failure::usage(format!(
                "{} has more than {MAX_FILES} files: expected the folder of one plugin",
                project.folder.display()
            )));
        }
        Ok(Self(files))
    }

    /// Was anything changed after that time?
    pub(super) fn changed_since(&self, time: SystemTime) -> bool {
        self.0.values().any(|(changed, _)| *changed > time)
    }
}

/// Has the component still to be built, or built anew?
pub(super) fn is_stale(project: &Project) -> Result<bool, Failure> {
    if project.manifest.build.is_none() {
        return Ok(false);
    }
    match fs::metadata(&project.component).and_then(|component| component.modified()) {
        Ok(built) => Ok(Sources::of(project)?.changed_since(built)),
        Err(_) => Ok(true),
    }
}

fn collect(
    folder: &Path,
    is_made: &dyn Fn(&Path) -> bool,
    files: &mut BTreeMap<PathBuf, (SystemTime, u64)>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || NOT_SOURCES.contains(&name) || is_made(&path) {
            continue;
        }
        // A file may go while its folder is read.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            collect(&path, is_made, files)?;
        } else if let Ok(changed) = metadata.modified() {
            files.insert(path, (changed, metadata.len()));
        }
        if files.len() > MAX_FILES {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_component_older_than_a_source_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let set_time = |path: &str, seconds: u64| {
            let file = fs::File::options().write(true).open(folder.path().join(path)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        write(
            "plugin.toml",
            "name = \"x\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\n[build]\ncommand = \"true\"\n",
        );
        write("src/lib.rs", "");
        let project = Project::open(folder.path()).unwrap();
        assert!(is_stale(&project).unwrap(), "not built");

        write("x.wasm", "");
        write("target/x", "");
        for (path, time) in [("plugin.toml", 1), ("src/lib.rs", 2), ("x.wasm", 3), ("target/x", 4)] {
            set_time(path, time);
        }
        assert!(!is_stale(&project).unwrap());

        set_time("src/lib.rs", 5);
        assert!(is_stale(&project).unwrap());
    }
}
