//! Prints figures for people or for programs.

use serde_json::{Value, json};

/// Where the figures go.
pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Says on what all was measured.
    pub(crate) fn machine(&self) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        self.line(
            &format!("machine: {cores} cores, {build} build"),
            &json!({"cores": cores, "build": build}),
        );
    }

    /// One comparison: ours against what bounds it.
    pub(crate) fn ratio(&self, what: &str, ours: f64, bound: f64, unit: &str) {
        let ratio = ours / bound;
        self.line(
            &format!("{what}: {ours:.0} {unit}, bound {bound:.0} {unit}, ratio {ratio:.2}"),
            &json!({"what": what, "ours": ours, "bound": bound, "unit": unit, "ratio": ratio}),
        );
    }

    fn line(&self, text: &str, object: &Value) {
        if self.json { println!("{object}") } else { println!("{text}") }
    }
}
