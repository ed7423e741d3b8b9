//! Storing in a swarm of seven: healthy, then with one member killed as a power cut would.
//!
//! Requests come at a steady rate, and each one's latency counts from the moment at which it was due.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    edge::{Account, stores, unlimited_network},
    load::{self, Outcome, Plan, Work, target::Target},
    report::{Report, ms},
};

/// Members of the swarm.
const MEMBERS: usize = 7;

/// How long the moments right after the death are looked at by themselves.
const AFTERMATH: Duration = Duration::from_secs(10);

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many stores per second
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// How many connections they come over
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
}

pub(crate) fn measure(report: &Report, options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("no runtime for the clients")?;
    let time = Duration::try_from_secs_f64(options.seconds).context("--seconds is no length of time")?;
    let devnet = unlimited_network(MEMBERS);
    let target = Target::parse(&devnet.ready.seed)?;
    let entry = devnet.ready.nodes.iter().position(|node| node.storage_port == target.address.port());
    let entry = entry.context("the seed is none of the nodes")?;
    let swarm = &devnet.ready.nodes[entry].swarm_id;
    let victim = devnet
        .ready
        .nodes
        .iter()
        .enumerate()
        .find(|(index, node)| *index != entry && node.swarm_id == *swarm);
    let (_, victim) = victim.context("the entry node is alone in its swarm")?;
    let members = devnet.ready.nodes.iter().filter(|node| node.swarm_id == *swarm).count();
    report.note(&format!(
        "swarm of {members}, {} stores per second over {} connections",
        options.rate, options.connections
    ));

    let accounts: Vec<_> = (0..16).map(|_| Account::random()).collect();
    let plan = |time| Plan { workers: options.connections, lanes: 1, time, rate: Some(options.rate) };
    let run = |what: &str, time| -> Result<Outcome> {
        let work: Work = stores(&accounts)?;
        let outcome = runtime.block_on(load::run(&target, &work, plan(time)))?;
        report.load(what, options.connections, &outcome);
        if outcome.per_second() < 0.9 * options.rate {
            report.note("that is less than was asked: requests waited for each other, choose a lower --rate");
        }
        if let Some(complaint) = &outcome.complaint {
            report.note(&format!("the last answer that was not 200: {complaint}"));
        }
        Ok(outcome)
    };
    // Connections between the members are opened by the first stores, which is not what is measured.
    run("store, warming up", Duration::from_secs(3))?;
    let healthy = run("store, all members alive", time)?;
    devnet.kill(&victim.pubkey_ed25519);
    let aftermath = run("store, right after a member was killed", AFTERMATH)?;
    let bereft = run("store, one member dead", time)?;

    for (what, outcome) in [("right after the death", &aftermath), ("with the member dead", &bereft)] {
        for percentile in [50.0, 99.0] {
            let of = |outcome: &Outcome| ms(outcome.latencies.percentile(percentile));
            report.ratio(
                &format!("store p{percentile:.0}, {what}, against all alive"),
                of(outcome),
                of(&healthy),
                "ms",
            );
        }
    }
    Ok(())
}
