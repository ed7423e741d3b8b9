//! Collects the SDK and the templates that `starling plugin new` writes, so that the command is one file.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Where they are, seen from this crate.
const SDK: &str = "../../sdk-wasm";
/// What of it goes into new projects.
const PARTS: [&str; 5] = ["Cargo.toml", "README.md", "src", "wit", "templates"];
/// Folders that building and testing leave behind.
const NOT_OURS: [&str; 5] = ["target", "node_modules", "build", "__pycache__", ".venv"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_CLI").is_some() {
        let sdk = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(SDK).canonicalize()?;
        for part in PARTS {
            collect(&sdk, &sdk.join(part), &mut files)?;
        }
    }
    files.sort();
    let mut code = String::from("&[\n");
    for (name, path) in files {
        writeln!(code, "    ({name:?}, include_str!({path:?})),")?;
    }
    code.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("sdk_files.rs"), code)?;
    Ok(())
}

/// Adds a file, or all files below a folder, by their paths seen from the SDK.
fn collect(
    sdk: &Path,
    path: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    if !path.is_dir() {
        let name = path.strip_prefix(sdk)?.to_str().ok_or("a path of the SDK is no valid UTF-8")?;
        files.push((name.replace('\\', "/"), path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_left_over = NOT_OURS.contains(&name) || name.ends_with(".wasm") || name.ends_with(".lock");
        if !is_left_over {
            collect(sdk, &entry, files)?;
        }
    }
    Ok(())
}
