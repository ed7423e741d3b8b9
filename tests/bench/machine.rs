//! What the system says of a process, and what it grants this one.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory that a process has in RAM, in bytes.
///
/// # Errors
/// There is no such process.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kib.with_context(|| format!("process {pid} has ended"))? << 10)
}

/// Lets this process, and those that it starts, have so many files and sockets open.
///
/// # Errors
/// The system does not grant that many.
pub(crate) fn allow_open_files(wanted: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    ensure!(
        maximum.is_none_or(|maximum| maximum >= wanted),
        "{wanted} open files are needed and {} are granted at most: raise the hard limit (ulimit -Hn), or ask for fewer \
         connections",
        maximum.unwrap_or(0),
    );
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .context("the limit of open files stays")
}
