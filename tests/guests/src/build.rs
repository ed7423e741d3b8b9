//! Calls cargo for the guests that are written in Rust.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// The folder `tests/plugins`.
pub fn plugins_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("plugins")
}

/// The component of the guest of that name.
#[track_caller]
pub fn guest(name: &str) -> Vec<u8> {
    let file = guest_file(name);
    fs::read(&file).unwrap_or_else(|error| panic!("no guest {name} at {}: {error}", file.display()))
}

/// Where the component of the guest of that name lies. All guests are built by the first who asks.
#[track_caller]
pub fn guest_file(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).join(format!("{name}.wasm"))
}

/// Builds all guests; returns the folder they are in.
fn build() -> PathBuf {
    let target = target_folder().join("guests");
    fs::create_dir_all(&target).expect("the target folder can be written to");
    // Tests of several crates run at once. Cargo has a lock of its own, but says so on everybody's terminal.
    let lock = File::create(target.join("build.lock")).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(plugins_folder()).env("CARGO_TARGET_DIR", &target);
    cargo.args(["build", "--quiet", "--locked", "--release", "--target", TARGET]);
    // Those are about the build of the tests, not of the guests.
    let foreign = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        let described = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PROFILE_"];
        described.iter().any(|prefix| name.starts_with(prefix))
            || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"].contains(&&*name)
    });
    for name in foreign {
        cargo.env_remove(name);
    }
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "the guests in {} could not be built", plugins_folder().display());
    target.join(TARGET).join("release")
}

/// Cargo's target folder that this program was built into: the nearest one above it that cargo has marked.
fn target_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own file");
    let marked = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_owned)
}
