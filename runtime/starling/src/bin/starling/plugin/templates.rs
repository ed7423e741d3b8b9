//! What a new project is made of: the SDK and the templates, carried in this program.

use clap::ValueEnum;

/// Every file of them, by its path seen from the SDK.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// In what a plugin can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with the SDK.
    Rust,
    /// JavaScript, over the contract in wit/.
    Js,
    /// Python, over the contract in wit/.
    Python,
}

impl Language {
    /// The folder of its template.
    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "templates/rust/",
            Self::Js => "templates/js/",
            Self::Python => "templates/python/",
        }
    }

    /// The parts of the SDK that a project carries along, and where it has them.
    fn carried(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => &[
                ("Cargo.toml", "sdk/Cargo.toml"),
                ("README.md", "sdk/README.md"),
                ("src/", "sdk/src/"),
                ("wit/", "sdk/wit/"),
            ],
            Self::Js | Self::Python => &[("wit/", "wit/")],
        }
    }
}

/// The files of a new project, by their paths in it.
///
/// `{{name}}` in a template, and in the name of one of its files, stands for the name, and `{{ident}}` for the name with `_` in place of `-`. A file
/// called `*.tmpl` loses that ending: it would mean something to tools where it lies among the templates.
pub(crate) fn project(language: Language, name: &str) -> Vec<(String, String)> {
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{ident}}", &name.replace('-', "_"));
    let template = FILES.iter().filter_map(|(path, text)| {
        let path = path.strip_prefix(language.folder())?;
        Some((fill(path.strip_suffix(".tmpl").unwrap_or(path)), fill(text)))
    });
    let carried = FILES.iter().filter_map(|(path, text)| {
        language.carried().iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(from)?;
            (from.ends_with('/') || rest.is_empty()).then(|| (format!("{to}{rest}"), (*text).to_owned()))
        })
    });
    template.chain(carried).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use starling_sandbox::{manifest::Manifest, script::Script};

    use super::*;

    #[test]
    fn a_project_has_a_manifest_of_its_name_and_the_contract() {
        for language in [Language::Rust, Language::Js, Language::Python] {
            let files = project(language, "my-bot");

            let manifest =
                files.iter().find(|(path, _)| path == "plugin.toml").map(|(_, text)| text.as_str());
            assert!(
                manifest.is_some_and(|text| text.contains("name = \"my-bot\"")),
                "{language:?}: {manifest:?}"
            );
            assert!(files.iter().any(|(path, _)| path.ends_with("wit/world.wit")), "{language:?}");
            let left = files.iter().find(|(path, text)| path.contains("{{") || text.contains("{{name}}"));
            assert_eq!(left.map(|(path, _)| path), None, "{language:?}");
        }
    }

    #[test]
    fn the_scripts_and_manifests_of_all_templates_are_understood() {
        for language in [Language::Rust, Language::Js, Language::Python] {
            let files = project(language, "my-bot");
            let is_script = |path: &str| path.starts_with("tests/") && path.ends_with(".json");
            let scripts: Vec<_> = files.iter().filter(|(path, _)| is_script(path)).collect();
            let (_, manifest) = files.iter().find(|(path, _)| path == "plugin.toml").unwrap();

            assert!(!scripts.is_empty(), "{language:?}");
            for (path, text) in scripts {
                if let Err(error) = Script::parse(text) {
                    panic!("{language:?}: {path}: {error}");
                }
            }
            let manifest = Manifest::parse(Path::new("plugin.toml"), manifest).unwrap();
            assert!(manifest.build.is_some(), "{language:?}");
        }
    }
}
