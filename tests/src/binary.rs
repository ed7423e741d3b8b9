//! Finds the program under test; builds it when it is not there.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The root of the workspace.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie one below the root")
}

/// The `starling` binary of the profile that these tests were built with.
pub fn starling() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("STARLING_BIN") {
            return given.into();
        }
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(repository()).args([
            "build",
            "--quiet",
            "--package",
            "starling",
            "--bin",
            "starling",
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        // Those describe the package of these tests. Build scripts that look at them would run anew, here and at the next
        // build outside, and everything that stands on them with them.
        let described = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        for name in described {
            build.env_remove(name);
        }
        let status = build.status().expect("cargo can be run");
        assert!(status.success(), "the starling binary could not be built");
        let own = std::env::current_exe().expect("a test knows its own file");
        // A program is target/PROFILE/PROGRAM, a test target/PROFILE/deps/TEST.
        let name = format!("starling{}", std::env::consts::EXE_SUFFIX);
        let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
        beside
            .into_iter()
            .find(|candidate| candidate.is_file())
            .unwrap_or_else(|| panic!("{name} is not near {}", own.display()))
    })
}
