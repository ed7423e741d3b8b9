//! Facts on standard output: lines for people, or one JSON object per line.

use std::io::{Write as _, stdout};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Where facts go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a fact in the form that was asked for. The line is wiped: recovery passwords are facts too.
    pub(crate) fn fact(self, fact: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json {
            let line = serde_json::to_string(fact).map_err(|error| Failure::output(&error.into()))?;
            line_out(&Zeroizing::new(line))
        } else {
            line_out(&Zeroizing::new(text()))
        }
    }

    /// Prints something for people only.
    pub(crate) fn say(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { line_out(text) }
    }
}

/// Writes a line at once: whoever reads along must not wait for a buffer to fill.
pub(crate) fn line_out(line: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
