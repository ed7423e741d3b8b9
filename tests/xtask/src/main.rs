//! `cargo xtask`: parses the command line and runs a recipe.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::recipe::{self, TestsFailed};

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
