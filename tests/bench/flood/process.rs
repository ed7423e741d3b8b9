//! The hostile in a process of their own, which gets only the time that nobody else wants: outside of a bench they have
//! machines of their own, and take neither the node's nor the honest clients' time for what they compute.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    OTHER_FILES,
    hostile::{Flood, Kind},
};
use crate::{load::target::Target, machine::allow_open_files};

/// What the process is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Orders {
    /// Base URL of the node
    #[arg(long)]
    pub(super) url: String,
    /// How many clients
    #[arg(long)]
    pub(super) count: u32,
    /// What they do, in turn
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) kinds: Vec<Kind>,
    /// How long a client waits before it comes back, in seconds
    #[arg(long)]
    pub(super) pause: f64,
}

/// The lowest priority that there is.
const LOWEST: i32 = 19;

/// What the process does: it makes the flood, tells its tally, then again for each line that it is sent, and ends with its input.
pub(crate) fn obey(orders: &Orders) -> Result<()> {
    rustix::process::nice(LOWEST).context("the priority stays")?;
    allow_open_files(u64::from(orders.count) + OTHER_FILES)?;
    let target = Target::parse(&orders.url)?;
    let pause = Duration::try_from_secs_f64(orders.pause).context("--pause is no length of time")?;
    ensure!(!orders.kinds.is_empty(), "--kinds names nothing");
    let runtime = tokio::runtime::Runtime::new().context("no runtime for the hostile")?;
    let flood = runtime.block_on(Flood::start(&target, orders.count, &orders.kinds, pause));
    println!("{}", flood.tally());
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        println!("{}", flood.tally());
    }
    runtime.block_on(flood.stop());
    Ok(())
}

/// The running process; the flood ends when this is dropped.
pub(super) struct Hostile {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Hostile {
    /// Starts it, and waits until each client has come once, as far as the node lets them; gives their tally.
    pub(super) fn start(orders: &Orders) -> Result<(Self, String)> {
        let own = std::env::current_exe().context("the own program cannot be found")?;
        let kinds: Vec<_> = orders
            .kinds
            .iter()
            .filter_map(|kind| Some(clap::ValueEnum::to_possible_value(kind)?.get_name().to_owned()))
            .collect();
        let mut process = Command::new(own)
            .args(["hostile", "--url", &orders.url, "--count", &orders.count.to_string()])
            .args(["--kinds", &kinds.join(","), "--pause", &orders.pause.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the hostile cannot be started")?;
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().context("the hostile have no output")?);
        let mut hostile = Self { process, input, output };
        let tally = hostile.line()?;
        Ok((hostile, tally))
    }

    /// How many there are and were.
    pub(super) fn tally(&mut self) -> Result<String> {
        let input = self.input.as_mut().context("the hostile have no input")?;
        writeln!(input).context("the hostile are gone")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).context("the hostile say nothing")?;
        ensure!(length > 0, "the hostile are gone");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        drop(self.input.take());
        // How it ended does not matter any more.
        let _ = self.process.wait();
    }
}
