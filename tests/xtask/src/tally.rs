//! The sum of what several test binaries report.

use std::fmt;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Tally {
    /// Adds the results of one binary if `line` reports them: `test result: ok. 3 passed; 0 failed; …`.
    pub fn read(&mut self, line: &str) {
        let Some(results) = line.trim_start().strip_prefix("test result:") else { return };
        let words: Vec<_> = results.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            match (pair[0].parse::<u64>(), pair[1]) {
                (Ok(number), "passed") => self.passed += number,
                (Ok(number), "failed") => self.failed += number,
                _ => {}
            }
        }
    }

    /// Counts a run that failed without any test saying so: a test process that was killed reports nothing.
    pub fn close(mut self, succeeded: bool) -> Self {
        if !succeeded && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn results_of_several_binaries_are_added() {
        let tally = tally(&[
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            "test failed ... FAILED",
            "test result: FAILED. 29 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.09s",
        ]);

        assert_eq!(tally.to_string(), "32 passed, 1 failed");
        assert_eq!(tally.close(false), tally);
    }

    #[test]
    fn what_a_test_prints_is_not_taken_for_a_result() {
        assert_eq!(tally(&["printed: test result: ok. 3 passed; 0 failed"]), Tally::default());
    }

    #[test]
    fn a_run_that_failed_without_a_failed_test_still_counts_as_failed() {
        assert_eq!(tally(&[]).close(false).to_string(), "0 passed, 1 failed");
        assert_eq!(tally(&[]).close(true).to_string(), "0 passed, 0 failed");
    }
}
