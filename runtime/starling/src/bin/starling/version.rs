//! `starling version` and `starling completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use crate::{
    arguments::{Arguments, Global},
    exit::Failure,
    output::Output,
};

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn version(global: &Global) -> Result<(), Failure> {
    Output::new(global.json)
        .fact(&json!({ "name": "starling", "version": VERSION }), || format!("starling {VERSION}"))
}

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "starling", &mut script);
    let script = String::from_utf8_lossy(&script);
    crate::output::line_out(script.trim_end())
}
