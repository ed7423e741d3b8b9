//! Measures what somebody promised, as ratios: a figure that stands on the machine alone says little elsewhere.
//!
//! `cargo xtask bench` runs all; `cargo xtask bench onion` one of them; `--json` prints one object per line.

mod onion;
mod report;
mod store;

use std::process::ExitCode;

use report::Report;

fn main() -> ExitCode {
    let mut names = Vec::new();
    let mut json = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            "onion" | "store" => names.push(argument),
            other => {
                eprintln!("error: {other:?} is no benchmark: onion and store are; --json prints objects");
                return ExitCode::from(2);
            }
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    let report = Report::new(json);
    report.machine();
    if wanted("onion") {
        onion::measure(&report);
    }
    if wanted("store") {
        store::measure(&report);
    }
    ExitCode::SUCCESS
}
