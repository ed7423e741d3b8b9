//! A node under thousands of connections that mean it harm, and honest clients among them: what the honest notice, what
//! the node's memory does, and whether all is well again afterwards without a restart.

mod hostile;
mod process;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytesize::ByteSize;
use starling_tests::Devnet;

pub(crate) use self::process::{Orders, obey};
use self::{
    hostile::{KINDS, Kind},
    process::Hostile,
};
use crate::{
    edge::{Account, retrieves, stores},
    load::{self, Outcome, Plan, target::Target},
    machine::{allow_open_files, resident},
    report::{Report, ms},
};

/// How many times the undisturbed p99 the honest may see while the flood is on.
const BOUND: f64 = 10.0;

/// The node has recovered when the honest see no more than so many times the undisturbed p99 again.
const RECOVERED: f64 = 2.0;

/// A private network leaves out what one address may do; here each client has an address, and what a node has by default counts.
const LIMITED: &[&str] =
    &["--no-demo", "-O", "gateway.connections_per_address=512", "-O", "gateway.rate.per_second=300"];

/// What of a node's memory is configured that clients of the HTTPS API can make it use.
const CONFIGURED: [(&str, &str); 4] =
    [("gateway", "memory"), ("storage", "answer_memory"), ("storage", "cache"), ("transport", "memory")];

/// What a connection may take beside, as the gateway's README says, in bytes: the buffers of TLS and of HTTP, and a head.
const CONNECTION: u64 = 60_000;

/// Files that the program has open besides connections.
const OTHER_FILES: u64 = 500;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many hostile clients there are, each with a connection from an address of its own
    #[arg(long, default_value_t = 4_900)]
    hostile: u32,
    /// How many honest clients there are, each with a connection
    #[arg(long, default_value_t = 100)]
    honest: usize,
    /// How many requests per second the honest make together
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// What the hostile do, in turn; everything if nothing is named
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = KINDS)]
    kinds: Vec<Kind>,
    /// How long a hostile client waits before it comes back, in seconds
    #[arg(long, default_value_t = 2.0)]
    pause: f64,
}

pub(crate) fn measure(report: &Report, options: &Options) -> Result<()> {
    allow_open_files(u64::from(options.hostile) + u64::try_from(options.honest)? + OTHER_FILES)?;
    let runtime = tokio::runtime::Runtime::new().context("no runtime for the clients")?;
    let devnet = Devnet::start_with(1, LIMITED);
    let bench = Bench::new(report, options, &devnet)?;
    let memory = Memory::watch(bench.pid);
    let before = resident(bench.pid)?;
    let configured = bench.configured_memory(options)?;

    let undisturbed = bench.honest(&runtime, "undisturbed", bench.time)?;
    let (mut hostile, tally) = Hostile::start(&Orders {
        url: devnet.ready.seed.clone(),
        count: options.hostile,
        kinds: options.kinds.clone(),
        pause: options.pause,
    })?;
    report.note(&format!("hostile connections: {tally}"));
    let during = bench.honest(&runtime, "during the flood", bench.time)?;
    report.note(&format!("hostile connections: {}", hostile.tally()?));
    drop(hostile);
    let recovered = bench.recovery(&runtime, &undisturbed)?;
    let after = bench.honest(&runtime, "after the flood", bench.time)?;

    report.figure("recovery, without a restart", recovered.as_secs_f64(), "s");
    let p99 = |outcome: &Outcome| ms(outcome.latencies.percentile(99.0));
    report.ratio("honest p99 during the flood, against undisturbed", p99(&during), p99(&undisturbed), "ms");
    report.ratio("honest p99 after the flood, against undisturbed", p99(&after), p99(&undisturbed), "ms");
    let peak = memory.peak();
    for (what, bytes) in [("before", before), ("at its highest", peak), ("after", resident(bench.pid)?)] {
        report.figure(&format!("resident memory of the node, {what}"), mib(bytes), "MiB");
    }
    let share = during.failed_share();
    report.figure("honest requests that failed during the flood", share * 100.0, "%");
    ensure!(
        peak <= configured,
        "the node took {:.0} MiB, and is configured for {:.0} MiB",
        mib(peak),
        mib(configured),
    );
    ensure!(
        p99(&during) <= BOUND * p99(&undisturbed) && share < 0.01,
        "the honest noticed the flood: their p99 is more than {BOUND} times the undisturbed one, or one in a hundred failed"
    );
    Ok(())
}

struct Bench<'a> {
    report: &'a Report,
    target: Target,
    pid: u32,
    honest: usize,
    rate: f64,
    time: Duration,
    accounts: Vec<Account>,
}

impl<'a> Bench<'a> {
    fn new(report: &'a Report, options: &Options, devnet: &Devnet) -> Result<Self> {
        let seconds = |key: &str, value: f64| {
            Duration::try_from_secs_f64(value).with_context(|| format!("{key} is no length of time"))
        };
        let node = devnet.ready.nodes.first().context("the network has no node")?;
        ensure!(options.honest >= 2, "--honest is {}: half of them store and half retrieve", options.honest);
        Ok(Self {
            report,
            target: Target::parse(&devnet.ready.seed)?,
            pid: node.pid,
            honest: options.honest,
            rate: options.rate,
            time: seconds("--seconds", options.seconds)?,
            accounts: (0..16).map(|_| Account::random()).collect(),
        })
    }

    /// Half of the honest store, half of them retrieve, and all connect anew.
    fn honest(&self, runtime: &tokio::runtime::Runtime, what: &str, time: Duration) -> Result<Outcome> {
        let plan = Plan { workers: self.honest / 2, lanes: 1, time, rate: Some(self.rate / 2.0) };
        let (store, retrieve) = (stores(&self.accounts)?, retrieves(&self.accounts)?);
        let (stored, retrieved) = runtime.block_on(async {
            tokio::join!(load::run(&self.target, &store, plan), load::run(&self.target, &retrieve, plan))
        });
        let mut outcome = stored.with_context(|| format!("honest clients, {what}"))?;
        outcome.add(&retrieved.with_context(|| format!("honest clients, {what}"))?);
        self.report.load(&format!("honest clients, {what}"), plan.workers * 2, &outcome);
        self.report.latency(&format!("their connections, {what}"), &outcome.connecting);
        if let Some(complaint) = &outcome.complaint {
            self.report.note(&format!("the last answer that was not 200: {complaint}"));
        }
        Ok(outcome)
    }

    /// Asks in short bursts until the latencies are as before; gives how long that took.
    fn recovery(&self, runtime: &tokio::runtime::Runtime, undisturbed: &Outcome) -> Result<Duration> {
        const GIVE_UP: Duration = Duration::from_secs(60);
        let began = Instant::now();
        let bound = undisturbed.latencies.percentile(99.0).mul_f64(RECOVERED);
        while began.elapsed() < GIVE_UP {
            let burst_began = began.elapsed();
            let burst = self.honest(runtime, "recovering", Duration::from_secs(2))?;
            if burst.failed() == 0 && burst.latencies.percentile(99.0) <= bound {
                return Ok(burst_began);
            }
        }
        anyhow::bail!("not recovered within {GIVE_UP:?}")
    }

    /// What the node's settings allow its parts to hold, in bytes.
    fn configured_memory(&self, options: &Options) -> Result<u64> {
        let output = Command::new(starling_tests::starling())
            .args(["config", "example", "--devnet"])
            .output()
            .context("the node's settings cannot be shown")?;
        let mut section = String::new();
        let mut found = 0;
        let mut sum = CONNECTION * u64::from(options.hostile) + CONNECTION * u64::try_from(options.honest)?;
        self.report.figure("buffers of all connections", mib(sum), "MiB");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
            }
            let Some((key, value)) = line.split_once(" = ") else { continue };
            if CONFIGURED.contains(&(section.as_str(), key)) {
                let size: ByteSize = value.trim_matches('"').parse().map_err(anyhow::Error::msg)?;
                self.report.figure(&format!("configured: {section}.{key}"), mib(size.as_u64()), "MiB");
                sum += size.as_u64();
                found += 1;
            }
        }
        ensure!(found == CONFIGURED.len(), "the settings lack one of {CONFIGURED:?}");
        self.report.figure("configured memory, together", mib(sum), "MiB");
        Ok(sum)
    }
}

/// Watches how much memory a process has.
struct Memory {
    peak: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Memory {
    fn watch(pid: u32) -> Self {
        let watched = Self { peak: Arc::default(), done: Arc::default() };
        let (peak, done) = (Arc::clone(&watched.peak), Arc::clone(&watched.done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                // A process that is gone has said so elsewhere.
                peak.fetch_max(resident(pid).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        watched
    }

    fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn mib(bytes: u64) -> f64 {
    // Whole KiB of a process of less than 4 TiB.
    u32::try_from(bytes >> 10).map_or(f64::MAX, f64::from) / 1024.0
}
