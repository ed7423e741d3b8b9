//! The recipes, and the order in which CI runs them.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    floors::violations,
    fuzz::{self, Plan},
    metadata::Metadata,
    tally::Tally,
    tool::{cargo, has_cargo, run, run_reading},
};

/// The version of cargo-deny that `deny.toml` is written for.
const DENY_VERSION: &str = "0.20.2";

/// Runs all tests; the last thing printed is the summary of the test runner.
///
/// # Errors
/// Something does not build, or a test failed.
pub fn test(arguments: &[String]) -> Result<()> {
    enter_root()?;
    let needs_program = arguments.is_empty() || arguments.iter().any(|argument| argument == "starling-tests");
    if needs_program {
        // The tests across crates start real processes of this program. With everything else in one go, so that no crate is
        // built once for the program and once more, with other features, for the tests.
        let what: &[&str] = match arguments {
            [] => &["--workspace", "--all-targets"],
            _ => &["--package", "starling", "--bin", "starling"],
        };
        run(cargo().arg("build").args(what))?;
    }
    let program =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from).join("debug/starling");
    let chosen: Vec<_> = match arguments {
        [] => vec!["--workspace"],
        given => given.iter().map(String::as_str).collect(),
    };
    if has_cargo("nextest") {
        if arguments.is_empty() {
            // nextest does not know documentation tests; they go first so that its summary comes last.
            run(cargo().args(["test", "--workspace", "--doc", "--no-fail-fast"]))?;
            test_plugins()?;
        }
        let mut command = cargo();
        if needs_program && let Ok(program) = program.canonicalize() {
            // It was built a moment ago; the tests need not ask cargo again, each for itself.
            command.env("STARLING_BIN", program);
        }
        return run(command.args(["nextest", "run", "--no-fail-fast"]).args(chosen)).context(TestsFailed);
    }
    if arguments.is_empty() {
        test_plugins()?;
    }
    let mut tally = Tally::default();
    let status = run_reading(cargo().args(["test", "--no-fail-fast"]).args(chosen), |line| tally.read(line))?;
    println!("{}", tally.close(status.success()));
    if status.success() { Ok(()) } else { Err(TestsFailed.into()) }
}

/// Runs the tests that plugins have of their own, on this machine's processor and without a sandbox.
fn test_plugins() -> Result<()> {
    run(in_plugins("test", PLUGINS[0])?.args(["--workspace", "--no-fail-fast"]))
        .context("tests of plugins failed")?;
    let templates = "sdk-wasm/templates/tests";
    run(Command::new("node").arg("--test").arg(format!("{templates}/starling.test.mjs")))
        .context("tests of the JavaScript template failed")?;
    run(Command::new("python3").args(["-m", "unittest", "discover", "--start-directory", templates]))
        .context("tests of the Python template failed")
}

/// Tests failed, and the test runner has said so: its summary is to stay the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestsFailed;

impl fmt::Display for TestsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tests failed")
    }
}

impl std::error::Error for TestsFailed {}

/// Checks format and lints.
///
/// # Errors
/// A file is not formatted, or clippy has something to say.
pub fn lint() -> Result<()> {
    enter_root()?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    for manifest in PLUGINS {
        run(in_plugins("fmt", manifest)?.args(["--all", "--check"]))?;
    }
    let mut clippy = in_plugins("clippy", PLUGINS[0])?;
    run(clippy.args(["--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// The workspaces of plugins: those that are shipped, and those that the tests run.
const PLUGINS: [&str; 2] = ["plugins/Cargo.toml", "tests/plugins/Cargo.toml"];

/// A cargo command in a workspace of plugins, which has a folder of its own below the target folder.
fn in_plugins(verb: &str, manifest: &str) -> Result<Command> {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from).join("plugins");
    let target = env::current_dir()?.join(target);
    let mut command = cargo();
    command.env("CARGO_TARGET_DIR", target);
    command.args([verb, "--manifest-path", manifest]);
    Ok(command)
}

/// Checks the direction of every arrow between crates.
///
/// # Errors
/// An arrow points up or sideways, or a confined crate is imported from elsewhere.
pub fn floors() -> Result<()> {
    enter_root()?;
    let metadata = Metadata::read()?;
    let violations = violations(&metadata);
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => println!("{} crates, every arrow points down", metadata.packages.len()),
        n => bail!("the floors are broken in {n} places"),
    }
    Ok(())
}

/// Builds the documentation.
///
/// # Errors
/// rustdoc has something to say.
pub fn docs() -> Result<()> {
    enter_root()?;
    let mut command = cargo();
    command.env("RUSTDOCFLAGS", "-D warnings");
    run(command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]))
}

/// Checks licences, bans and sources of all dependencies.
///
/// # Errors
/// A dependency is not allowed, or cargo-deny cannot be installed.
pub fn deny() -> Result<()> {
    enter_root()?;
    if !has_cargo("deny") {
        println!("cargo-deny is missing: installing {DENY_VERSION} from the crates registry");
        // Unoptimized builds quickest (a minute on two cores) and still checks this workspace in seconds.
        let mut install = cargo();
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(install.args(["install", "--locked", "--debug", "cargo-deny", "--version", DENY_VERSION]))?;
    }
    // Whole inclusion graphs of every duplicate would bury what matters.
    run(cargo().args([
        "deny",
        "--workspace",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]))
}

/// Runs the benchmarks.
///
/// # Errors
/// They do not build, or one of them fails.
pub fn bench(arguments: &[String]) -> Result<()> {
    enter_root()?;
    let mut command = cargo();
    command.args(["run", "--release", "--package", "starling-tests", "--bin", "bench", "--"]);
    run(command.args(arguments))
}

/// Plays exchanges against nodes, or records them; paths are those of the folder the recipe was called in.
///
/// # Errors
/// The player does not build, or a case failed, and the player has said so.
pub fn replay(verb: &str, arguments: &[String]) -> Result<()> {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask lies two below the root")?;
    let mut command = cargo();
    command.args(["run", "--quiet", "--manifest-path"]).arg(manifest.join("Cargo.toml"));
    command.args(["--package", "starling-tests", "--bin", "replay", "--", verb]);
    run(command.args(arguments)).context(TestsFailed)
}

/// Runs the fuzz targets.
///
/// # Errors
/// As [`fuzz::fuzz`].
pub fn fuzz(plan: &Plan) -> Result<()> {
    fuzz::fuzz(&enter_root()?, plan)
}

/// What CI runs, in its order; the tests come last, so that their summary ends the output.
type Step = (&'static str, fn() -> Result<()>);
const CI: &[Step] =
    &[("lint", lint), ("docs", docs), ("floors", floors), ("deny", deny), ("test", || test(&[]))];

/// Runs everything that CI runs.
///
/// # Errors
/// The first step that fails.
pub fn ci() -> Result<()> {
    for (name, step) in CI {
        println!("== {name}");
        let started = Instant::now();
        step().with_context(|| format!("{name} failed"))?;
        if *name != "test" {
            println!("== {name} took {:.1} s", started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Recipes work from any folder of the workspace.
fn enter_root() -> Result<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask lies two below the root")?;
    std::env::set_current_dir(root).with_context(|| format!("{} cannot be entered", root.display()))?;
    Ok(root.to_owned())
}
