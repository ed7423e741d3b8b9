//! `cargo xtask fuzz`: builds the fuzz targets, feeds them the project's vectors, and runs them in turn.
//!
//! - [`seeds`]: inputs to start from, taken out of vectors, recordings and transcripts.
//! - [`outcome`]: what a fuzzer's last lines say.
//!
//! Everything it makes lies under `target/fuzz`: `corpus` is what earlier runs have learnt and is carried on, `artifacts`
//! holds the inputs of findings, `logs` the fuzzers' output.

pub mod outcome;
pub mod seeds;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use self::outcome::Outcome;
use crate::tool::{cargo, has_cargo, run};

/// The version of cargo-fuzz that the targets were written with.
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Where the targets are, from the root.
const CRATE: &str = "tests/fuzz";

/// Where everything goes, from the root.
const OUTPUT: &str = "target/fuzz";

/// Most that a fuzzer may take in memory, and that one allocation may ask for, in MiB. Inputs are at most 64 KiB, so an
/// allocation that is a thousand times as large as what was sent ends the run with a finding.
const MEMORY: u32 = 2048;
const ALLOCATION: u32 = 64;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long each target runs, in whole seconds.
    pub time: Duration,
    /// How many run at once.
    pub jobs: usize,
    /// Which ones; none means all.
    pub targets: Vec<String>,
}

/// Builds and runs the targets, and prints a line for each.
///
/// # Errors
/// A tool is missing, something does not build, a target is unknown, or a fuzzer found something.
pub fn fuzz(root: &Path, plan: &Plan) -> Result<()> {
    ensure!(plan.time.as_secs() > 0, "the time of a run is no positive number of seconds");
    let targets = chosen(&all_targets(root)?, &plan.targets)?;
    need_tools()?;
    build(&targets)?;
    let seeds = seeds::gather(root)?;
    for target in &targets {
        let found = seeds::of(target, &seeds);
        let written = seeds::write(&root.join(OUTPUT).join("seeds").join(target), &found)?;
        println!("{target}: {written} seeds");
    }
    let binaries = root.join(OUTPUT).join(host()?).join("release");
    let queue = Mutex::new(targets.iter());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some(target) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let outcome = run_target(root, &binaries, target, plan.time.as_secs());
                    if let Ok(outcome) = &outcome {
                        println!("{outcome}");
                    }
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push(outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().map_err(|_| anyhow::anyhow!("a run was not brought to its end"))?;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    let executions: u64 = outcomes.iter().map(|outcome| outcome.executions).sum();
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_clean()).collect();
    println!("{} targets, {executions} executions, {} with findings", outcomes.len(), failed.len());
    if !failed.is_empty() {
        let names: Vec<_> = failed.iter().map(|outcome| outcome.target.as_str()).collect();
        bail!(
            "findings in {}: the inputs are in {OUTPUT}/artifacts, what was printed in {OUTPUT}/logs",
            names.join(", ")
        );
    }
    Ok(())
}

/// The names of the files with targets.
fn all_targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(CRATE).join("targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    for name in wanted {
        ensure!(all.contains(name), "{name:?} is no fuzz target; there are {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() })
}

fn need_tools() -> Result<()> {
    let mut nightly = nightly();
    nightly.args(["cargo", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    ensure!(
        nightly.status().is_ok_and(|status| status.success()),
        "fuzzing needs a nightly compiler, which rustup brings: rustup toolchain install nightly --profile minimal"
    );
    if !has_cargo("fuzz") {
        println!("cargo-fuzz is missing: installing {CARGO_FUZZ_VERSION} from the crates registry");
        let mut install = cargo();
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(install.args(["install", "--locked", "--debug", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION]))?;
    }
    Ok(())
}

/// A command of the nightly toolchain, whatever the workspace is pinned to.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]);
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn build(targets: &[String]) -> Result<()> {
    let mut command = nightly();
    command.args(["cargo", "fuzz", "build", "--fuzz-dir", CRATE, "--target-dir", OUTPUT]);
    if let [only] = targets {
        command.arg(only);
    }
    run(&mut command).context("the fuzz targets do not build; they need a C++ compiler too")
}

/// The triple that cargo-fuzz builds for.
fn host() -> Result<String> {
    let output = nightly().args(["rustc", "-vV"]).output().context("rustc could not be run")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what it builds for")
}

fn run_target(root: &Path, binaries: &Path, target: &str, seconds: u64) -> Result<Outcome> {
    let output = root.join(OUTPUT);
    let folder = |kind: &str| -> Result<PathBuf> {
        let folder = output.join(kind).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    };
    let (corpus, artifacts, seeds) = (folder("corpus")?, folder("artifacts")?, folder("seeds")?);
    let log = folder("logs")?.join("last.log");
    let file = fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let mut command = Command::new(binaries.join(target));
    command
        .args([&corpus, &seeds])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([format!("-rss_limit_mb={MEMORY}"), format!("-malloc_limit_mb={ALLOCATION}")])
        .args(["-max_len=65536", "-timeout=10", "-print_final_stats=1"])
        // Freed memory is watched for a while; with the default it would be most of what the limit counts.
        .env("ASAN_OPTIONS", "detect_odr_violation=0:quarantine_size_mb=64")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file);
    let dictionary = root.join(CRATE).join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let status = command.status().with_context(|| format!("{target} could not be run"))?;
    let text = fs::read(&log).with_context(|| format!("{} cannot be read", log.display()))?;
    Ok(Outcome::read(target, &String::from_utf8_lossy(&text), status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_target_is_declared_and_has_seeds() {
        let manifest = fs::read_to_string(root().join(CRATE).join("Cargo.toml")).expect("the manifest");
        let seeds = seeds::gather(&root()).expect("the vectors can be read");

        let targets = all_targets(&root()).expect("the targets are listed");

        assert!(!targets.is_empty());
        for target in targets {
            assert!(
                manifest.contains(&format!("path = \"targets/{target}.rs\"")),
                "{target} is not declared"
            );
            assert!(!seeds::of(&target, &seeds).is_empty(), "{target} has no seeds");
        }
    }

    #[test]
    fn a_target_that_there_is_not_is_refused_by_name() {
        let all = ["a".to_owned(), "b".to_owned()];

        assert_eq!(chosen(&all, &[]).expect("all"), all);
        let refused = chosen(&all, &["c".to_owned()]).expect_err("there is no c").to_string();
        assert_eq!(refused, "\"c\" is no fuzz target; there are a, b");
    }
}
