//! What came of a script.

use std::fmt;

use serde::Serialize;

use super::{action::Action, expect::Expected, people::People};

/// What came of one script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the script says it shows.
    pub about: String,
    /// How many steps it has.
    pub steps: usize,
    /// How often the plugin was called.
    pub calls: u64,
    /// The step that did not end as expected; the script was not performed any further.
    pub failed: Option<Failed>,
}

/// A step that did not end as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Which one, from 1; 0 for what comes before the first.
    pub step: usize,
    /// What happened in it.
    pub title: String,
    /// What was expected and what came, one entry for each difference; some have several lines.
    pub problems: Vec<String>,
}

impl Report {
    /// Did everything go as expected?
    pub fn is_good(&self) -> bool {
        self.failed.is_none()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.title)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {}", problem.replace('\n', "\n  ")))
    }
}

/// What is expected and what was done, line by line, if they differ.
pub(super) fn compare(expected: &[Expected], done: &[Action], people: &People) -> Option<String> {
    let is_asked_for = |action: &&Action| {
        !action.kind.is_quiet || expected.iter().any(|expected| expected.kind.name == action.kind.name)
    };
    let done: Vec<_> = done.iter().filter(is_asked_for).collect();
    let is_same = expected.len() == done.len()
        && expected.iter().zip(&done).all(|(expected, done)| expected.holds(done));
    if is_same {
        return None;
    }
    let mut lines = vec!["what it did is not what was expected (-: expected, +: came)".to_owned()];
    for line in align(expected, &done) {
        lines.push(match line {
            Line::Both(action) => format!("    {}", action.describe(people)),
            Line::Expected(expected) => format!("  - {}", expected.describe(people)),
            Line::Came(action) => format!("  + {}", action.describe(people)),
        });
    }
    Some(lines.join("\n"))
}

enum Line<'a> {
    Both(&'a Action),
    Expected(&'a Expected),
    Came(&'a Action),
}

/// Pairs what holds, in order, as much of it as can be.
fn align<'a>(expected: &'a [Expected], done: &[&'a Action]) -> Vec<Line<'a>> {
    // longest[i][j]: how many pairs there are behind the first i expectations and the first j actions.
    let mut longest = vec![vec![0_usize; done.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..done.len()).rev() {
            longest[i][j] = match expected[i].holds(done[j]) {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < done.len() {
        let is_pair = i < expected.len() && j < done.len() && expected[i].holds(done[j]);
        if is_pair {
            lines.push(Line::Both(done[j]));
            (i, j) = (i + 1, j + 1);
        } else if j >= done.len() || (i < expected.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            lines.push(Line::Expected(&expected[i]));
            i += 1;
        } else {
            lines.push(Line::Came(done[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            action::{Fact, LOG, TIMER_CANCEL},
            expect::Subject,
        },
        *,
    };

    fn expected(names: &[&str]) -> Vec<Expected> {
        let parse = |name: &&str| {
            Expected::parse(
                &json!({ "timer-cancel": name }),
                "e",
                &Subject::default(),
                &mut People::default(),
            )
            .unwrap()
        };
        names.iter().map(parse).collect()
    }

    fn done(names: &[&str]) -> Vec<Action> {
        let cancel = |name: &&str| Action::new(&TIMER_CANCEL, [("name", Fact::Text((*name).to_owned()))]);
        names.iter().map(cancel).collect()
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_stand_in_their_places() {
        let difference =
            compare(&expected(&["a", "b", "d"]), &done(&["a", "c", "d", "e"]), &People::default()).unwrap();

        let lines: Vec<_> = difference.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "    timer-cancel name \"a\"",
                "  - timer-cancel name \"b\"",
                "  + timer-cancel name \"c\"",
                "    timer-cancel name \"d\"",
                "  + timer-cancel name \"e\"",
            ]
        );
        assert_eq!(compare(&expected(&["a"]), &done(&["a"]), &People::default()), None);
    }

    #[test]
    fn a_log_that_nobody_expects_is_not_looked_at() {
        let mut came = done(&["a"]);
        came.push(Action::new(
            &LOG,
            [("level", Fact::Text("info".to_owned())), ("line", Fact::Text("x".to_owned()))],
        ));
        let mut wanted = expected(&["a"]);

        assert_eq!(compare(&wanted, &came, &People::default()), None);
        let log = json!({ "log": "y" });
        wanted.push(Expected::parse(&log, "e", &Subject::default(), &mut People::default()).unwrap());
        assert!(
            compare(&wanted, &came, &People::default()).unwrap().contains("+ log level \"info\", line \"x\"")
        );
    }
}
