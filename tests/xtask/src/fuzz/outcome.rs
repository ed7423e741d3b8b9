//! What a fuzzer's output says about its run.

use std::fmt;

/// One run of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub target: String,
    /// How many inputs it ran.
    pub executions: u64,
    /// How many edges of the program it reached.
    pub coverage: u64,
    /// The first line of what it found.
    pub finding: Option<String>,
}

impl Outcome {
    /// Reads what libFuzzer printed.
    pub fn read(target: &str, log: &str, succeeded: bool) -> Self {
        let executions = log.lines().rev().find_map(|line| number_after(line, "number_of_executed_units:"));
        let coverage = log.lines().rev().find_map(|line| number_after(line, "cov:"));
        let last_counted = log.lines().rev().find_map(|line| number_after(line, "#"));
        let reason = || {
            let telling = ["panicked at", "ERROR:", "SUMMARY:"];
            let line = log.lines().find(|line| telling.iter().any(|word| line.contains(word)));
            line.unwrap_or("it ended without saying why").trim().to_owned()
        };
        Self {
            target: target.to_owned(),
            executions: executions.or(last_counted).unwrap_or(0),
            coverage: coverage.unwrap_or(0),
            finding: (!succeeded).then(reason),
        }
    }

    /// Ran and found nothing.
    pub fn is_clean(&self) -> bool {
        self.finding.is_none() && self.executions > 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, coverage, finding } = self;
        write!(f, "{target}: {executions} executions, coverage {coverage}, ")?;
        match finding {
            Some(finding) => write!(f, "FOUND: {finding}"),
            None if *executions == 0 => f.write_str("ran nothing"),
            None => f.write_str("no finding"),
        }
    }
}

fn number_after(line: &str, mark: &str) -> Option<u64> {
    let (_, rest) = line.split_once(mark)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "INFO: seed corpus: files: 12\n#64\tINITED cov: 30 ft: 31\n\
        #804771\tDONE   cov: 758 ft: 1373 corp: 339/13795b lim: 4096 exec/s: 89419 rss: 344Mb\n\
        Done 804771 runs in 9 second(s)\nstat::number_of_executed_units: 804771\nstat::peak_rss_mb: 344\n";

    #[test]
    fn a_run_to_its_end_is_clean() {
        let outcome = Outcome::read("bencode", CLEAN, true);

        assert!(outcome.is_clean());
        assert_eq!(outcome.to_string(), "bencode: 804771 executions, coverage 758, no finding");
    }

    #[test]
    fn a_finding_is_told_with_its_first_line() {
        let log = "#12\tNEW    cov: 5 ft: 5\nthread '<unnamed>' panicked at src/x.rs:3:5:\nboom\n\
            ==1== ERROR: libFuzzer: deadly signal\n";

        let outcome = Outcome::read("bencode", log, false);

        assert!(!outcome.is_clean());
        assert_eq!(outcome.executions, 12);
        assert_eq!(outcome.finding.as_deref(), Some("thread '<unnamed>' panicked at src/x.rs:3:5:"));
    }

    #[test]
    fn a_run_without_inputs_is_not_clean() {
        assert!(!Outcome::read("bencode", "", true).is_clean());
    }
}
