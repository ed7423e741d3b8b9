//! Names that a process of a test resolves as the test says, while the machine's own `hosts` stay what they are.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A name and the addresses it has.
pub type Name<'a> = (&'a str, &'a [&'a str]);

/// Names for processes that are started with [`Names::environment`].
///
/// A library stands before the C library's `getaddrinfo` there, built with the C compiler that the workspace needs anyway. Files
/// of name services cannot be given to one process alone without a namespace of mounts, which not every machine lets one have.
pub struct Names {
    folder: TempDir,
}

impl Names {
    /// Builds the library, and lists `names`.
    pub fn new(names: &[Name<'_>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for names");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/names.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut build = Command::new(compiler);
        build.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(library(&folder));
        let built =
            build.arg(source).arg("-ldl").status().expect("a C compiler can be run: `cc`, or what CC says");
        assert!(built.success(), "the library for names could not be built");
        let own = Self { folder };
        own.set(names);
        own
    }

    /// What a process has to be started with.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", library(&self.folder)), ("NAMES_OF_TEST", self.list())]
    }

    /// Lists other names, for every lookup from now on.
    pub fn set(&self, names: &[Name<'_>]) {
        let line = |(name, addresses): &Name<'_>| format!("{name} {}\n", addresses.join(" "));
        let text: String = names.iter().map(line).collect();
        std::fs::write(self.list(), text).expect("names can be listed");
    }

    /// The listed names that were looked up so far, one by one.
    pub fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("names.asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn list(&self) -> PathBuf {
        self.folder.path().join("names")
    }
}

fn library(folder: &TempDir) -> PathBuf {
    folder.path().join("names.so")
}
