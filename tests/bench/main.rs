//! Measures what somebody promised, as ratios: a figure that stands on the machine alone says little elsewhere.
//!
//! `cargo xtask bench` runs the two quick ones; `cargo xtask bench edge` and the others by name; `--json` prints one object
//! per line.
//!
//! - [`onion`], [`store`]: peeling and storing, against what bounds them.
//! - [`edge`]: a storage endpoint as clients use it, ours or any other.
//! - [`member`]: storing while a member of the swarm is dead.
//! - [`flood`]: honest clients among thousands of hostile connections.
//! - [`plugins`]: calls of plugins, bare and through the whole host.
//! - [`load`], [`machine`], [`report`]: making load, looking at processes, printing.

mod edge;
mod flood;
mod load;
mod machine;
mod member;
mod onion;
mod plugins;
mod report;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use report::Report;

/// The project's benchmarks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", disable_help_subcommand = true)]
struct Arguments {
    /// Prints one JSON object per line
    #[arg(long, global = true)]
    json: bool,
    /// Which one; onion and store if none is named
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Peeling one onion layer, against the sum of its primitives
    Onion,
    /// Storing over HTTPS, against what the database alone commits
    Store,
    /// Requests per second and latencies of an HTTPS storage endpoint
    Edge(edge::Options),
    /// Storing in a swarm of seven, healthy and with one member killed
    Member(member::Options),
    /// A node under thousands of hostile connections
    Flood(flood::Options),
    /// Calls of plugins, bare and through the whole host; idle instances; a start from the cache
    Plugins(plugins::Options),
    /// The hostile of a flood, as a process of its own
    #[command(hide = true)]
    Hostile(flood::Orders),
    /// The node beside hostile plugins, as a process of its own
    #[command(hide = true)]
    PluginHost,
}

fn main() -> ExitCode {
    let Arguments { json, what } = Arguments::parse();
    let report = Report::new(json);
    if !matches!(what, Some(What::Hostile(_) | What::PluginHost)) {
        report.machine();
    }
    let outcome = match what {
        None => {
            onion::measure(&report);
            store::measure(&report);
            Ok(())
        }
        Some(What::Onion) => {
            onion::measure(&report);
            Ok(())
        }
        Some(What::Store) => {
            store::measure(&report);
            Ok(())
        }
        Some(What::Edge(options)) => edge::measure(&report, &options),
        Some(What::Member(options)) => member::measure(&report, &options),
        Some(What::Flood(options)) => flood::measure(&report, &options),
        Some(What::Plugins(options)) => plugins::measure(&report, &options),
        Some(What::Hostile(orders)) => flood::obey(&orders),
        Some(What::PluginHost) => plugins::serve(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
