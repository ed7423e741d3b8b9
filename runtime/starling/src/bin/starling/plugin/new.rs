//! `starling plugin new`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;
use starling_sandbox::manifest::PluginName;

use super::{
    arguments::New,
    templates::{self, Language},
};
use crate::{exit::Failure, output::Output};

pub(crate) fn new(output: Output, options: &New) -> Result<(), Failure> {
    let name: PluginName = options
        .name
        .parse()
        .map_err(|error| Failure::usage(format!("NAME is {:?}: {error}", options.name)))?;
    let folder = options.path.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    refuse_occupied(&folder)?;
    let files = templates::project(options.lang, name.as_str());
    for (path, text) in &files {
        write(&folder.join(path), text).map_err(|error| {
            Failure::machine(format!("could not write {}: {error}", folder.join(path).display()))
        })?;
    }
    output.fact(&json!({ "name": name.as_str(), "folder": folder, "files": files.len() }), || {
        let folder = folder.display();
        format!(
            "{name} is in {folder}; next:\n  cd {folder}\n  starling plugin test    # builds it{}, and plays tests/*.json to it",
            first_time(options.lang)
        )
    })
}

/// What the first build of a language does beside building.
fn first_time(language: Language) -> &'static str {
    match language {
        Language::Rust => "",
        Language::Js | Language::Python => ", which fetches the compiler the first time",
    }
}

/// Takes a folder that is not there yet, or empty.
fn refuse_occupied(folder: &Path) -> Result<(), Failure> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format!(
                "{} is not empty; name another plugin, or another folder with --path",
                folder.display()
            ))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::machine(format!("could not read {}: {error}", folder.display()))),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, path: &Path) -> New {
        New { lang: Language::Rust, name: name.to_owned(), path: Some(path.to_owned()) }
    }

    #[test]
    fn a_new_plugin_comes_into_an_empty_folder_and_no_other() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/hello");

        new(Output::new(true), &options("hello", &folder)).unwrap();

        assert!(folder.join("plugin.toml").is_file() && folder.join("sdk/wit/world.wit").is_file());
        let refused = new(Output::new(true), &options("hello", &folder)).unwrap_err().to_string();
        assert!(refused.contains("is not empty"), "{refused}");
        let refused =
            new(Output::new(true), &options("Hello!", &parent.path().join("x"))).unwrap_err().to_string();
        assert!(refused.starts_with("NAME is \"Hello!\""), "{refused}");
    }
}
