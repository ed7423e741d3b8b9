//! `cargo xtask`: parses the command line and runs a recipe.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use xtask::{
    fuzz::Plan,
    recipe::{self, TestsFailed},
};

/// The project's own recipes.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(Debug, Subcommand)]
enum Recipe {
    /// Build what the tests need and run them all; the last lines are the test runner's summary
    Test {
        /// Passed to the test runner in place of --workspace, such as -p starling-kernel
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check the format and run clippy on all targets, every warning an error
    Lint,
    /// Check that no crate imports one of its own floor or of a higher one
    Floors,
    /// Build the documentation, every warning an error
    Docs,
    /// Check licences, bans and sources of all dependencies; installs cargo-deny if it is missing
    Deny,
    /// Run the benchmarks and print what they measured
    Bench {
        /// Passed to the benchmark program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Play folders of transcripts or recordings against a running node (--url) or the recorded network; --json
    Replay {
        /// Passed to the player
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Play scripts against a node (--url) and write its answers as transcripts
    Record {
        /// Passed to the recorder
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets in turn, with seeds from the project's vectors; installs cargo-fuzz if it is missing
    Fuzz {
        /// How long each target runs
        #[arg(long, value_name = "N", default_value_t = 10.0)]
        minutes: f64,
        /// How many targets run at once
        #[arg(long, value_name = "N", default_value_t = 1)]
        jobs: usize,
        /// Which targets; all if none is named
        targets: Vec<String>,
    },
    /// Run everything that CI runs, in its order: lint, docs, floors, deny, test
    Ci,
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().recipe {
        Recipe::Test { arguments } => recipe::test(&arguments),
        Recipe::Lint => recipe::lint(),
        Recipe::Floors => recipe::floors(),
        Recipe::Docs => recipe::docs(),
        Recipe::Deny => recipe::deny(),
        Recipe::Bench { arguments } => recipe::bench(&arguments),
        Recipe::Replay { arguments } => recipe::replay("play", &arguments),
        Recipe::Record { arguments } => recipe::replay("record", &arguments),
        Recipe::Fuzz { minutes, jobs, targets } => {
            let time = Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default();
            recipe::fuzz(&Plan { time, jobs, targets })
        }
        Recipe::Ci => recipe::ci(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.downcast_ref::<TestsFailed>().is_none() {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
