//! Running other programs.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The cargo that runs this program.
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo told this program about itself would be taken for settings by the next cargo.
    for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started, or it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = start(command)?;
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

/// Runs a command to its end, showing what it prints and handing each line of it to `read`.
///
/// # Errors
/// It cannot be started.
pub fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Result<ExitStatus> {
    announce(command);
    let failed = || format!("{} could not be run", shown(command));
    let description = failed();
    let mut child = command.stdout(Stdio::piped()).spawn().context(description.clone())?;
    let output = child.stdout.take().context("the output was asked for")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context(description.clone())?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        read(&line);
    }
    child.wait().context(description)
}

/// Is there a cargo subcommand of that name that answers `--version`?
pub fn has_cargo(subcommand: &str) -> bool {
    let mut command = cargo();
    command.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn start(command: &mut Command) -> Result<ExitStatus> {
    announce(command);
    command.status().with_context(|| format!("{} could not be run", shown(command)))
}

fn announce(command: &Command) {
    eprintln!("$ {}", shown(command));
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}
