//! What became of each case.

use std::fmt;

use serde::Serialize;

/// The outcome of one case over one door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The answer was the expected one.
    Passed,
    /// It was another one.
    Failed {
        /// Where, what was expected, what came.
        difference: String,
    },
    /// It could not be played here.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// One line of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// File and case, and the door it went through.
    pub case: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All lines of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// In the order of play.
    pub lines: Vec<Line>,
}

impl Report {
    /// Notes what became of a case.
    pub fn add(&mut self, case: impl Into<String>, outcome: Outcome) {
        self.lines.push(Line { case: case.into(), outcome });
    }

    /// Notes an answer that was or was not as expected.
    pub fn judge(&mut self, case: impl Into<String>, judged: Result<(), impl fmt::Display>) {
        let outcome = match judged {
            Ok(()) => Outcome::Passed,
            Err(difference) => Outcome::Failed { difference: difference.to_string() },
        };
        self.add(case, outcome);
    }

    /// Notes that a case was not played.
    pub fn skip(&mut self, case: impl Into<String>, reason: impl Into<String>) {
        self.add(case, Outcome::Skipped { reason: reason.into() });
    }

    /// Adds the lines of another run.
    pub fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
    }

    /// How many passed.
    pub fn passed(&self) -> usize {
        self.lines.iter().filter(|line| line.outcome == Outcome::Passed).count()
    }

    /// Case and difference of those that failed.
    pub fn failed(&self) -> Vec<(&str, &str)> {
        self.lines
            .iter()
            .filter_map(|line| match &line.outcome {
                Outcome::Failed { difference } => Some((line.case.as_str(), difference.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Case and reason of those that were not played.
    pub fn skipped(&self) -> Vec<(&str, &str)> {
        self.lines
            .iter()
            .filter_map(|line| match &line.outcome {
                Outcome::Skipped { reason } => Some((line.case.as_str(), reason.as_str())),
                _ => None,
            })
            .collect()
    }
}

/// One line for each case that failed or was skipped, then the sum.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, reason) in self.skipped() {
            writeln!(f, "skipped {case}: {reason}")?;
        }
        for (case, difference) in self.failed() {
            writeln!(f, "failed {case}: {difference}")?;
        }
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed(),
            self.failed().len(),
            self.skipped().len()
        )
    }
}
