//! How a call is expected to end, and how it ended.

use std::fmt;

use serde_json::Value;

use super::{
    expect::{millis, single},
    pattern::Pattern,
};
use crate::{
    event::{Failure, Outcome, Verdict},
    guest::Fault,
};

/// How a call is expected to end.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// A verdict, whichever.
    Judged,
    Done,
    Retry(u32),
    Reject(Pattern),
    Verdict {
        name: String,
        reason: Option<Pattern>,
    },
    Fault(String),
}

/// How a call ended.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Outcome(Outcome),
    /// It did not come back: the name of the fault, and what is known of it.
    Fault {
        kind: String,
        text: String,
    },
}

impl Ended {
    pub(super) fn of(outcome: &Result<Outcome, Fault>) -> Self {
        match outcome {
            Ok(outcome) => Self::Outcome(outcome.clone()),
            Err(Fault { kind, text }) => {
                Self::Fault { kind: kind.name().replace('_', "-"), text: text.clone() }
            }
        }
    }
}

/// The faults there are.
const FAULTS: [&str; 5] = ["trapped", "timed-out", "out-of-memory", "stack-exhausted", "contract"];

impl Ending {
    /// Reads an `outcome`.
    pub(super) fn parse(value: &Value, place: &str) -> Result<Self, String> {
        const FORM: &str = "\"done\", or an object with one of failed, judged and fault";
        if value == "done" {
            return Ok(Self::Done);
        }
        let (name, told) = single(value, place, FORM)?;
        let place = format!("{place}.{name}");
        match (name, told) {
            ("failed", told) => Self::parse_failure(told, &place),
            ("judged", told) => Self::parse_verdict(told, &place),
            ("fault", Value::String(kind)) if FAULTS.contains(&kind.as_str()) => {
                Ok(Self::Fault(kind.clone()))
            }
            ("fault", other) => Err(format!("{place} is {other}: expected one of {}", FAULTS.join(", "))),
            _ => Err(format!("{place}: expected {FORM}")),
        }
    }

    fn parse_failure(value: &Value, place: &str) -> Result<Self, String> {
        let (name, told) = single(value, place, "{ \"retry\": MILLISECONDS } or { \"reject\": PATTERN }")?;
        let place = format!("{place}.{name}");
        match name {
            "retry" => match u32::try_from(millis(told, &place)?) {
                Ok(after) => Ok(Self::Retry(after)),
                Err(_) => Err(format!("{place} is {told}: expected at most {} milliseconds", u32::MAX)),
            },
            "reject" => Pattern::parse(told, &place).map(Self::Reject),
            _ => Err(format!("{place}: expected retry or reject")),
        }
    }

    /// Reads a `verdict`.
    pub(super) fn parse_verdict(value: &Value, place: &str) -> Result<Self, String> {
        if let Value::String(name) = value
            && ["allow", "flag", "hold", "reject", "replace"].contains(&name.as_str())
        {
            return Ok(Self::Verdict { name: name.clone(), reason: None });
        }
        let form = "allow, flag, hold, reject or replace; all but allow may be an object with a pattern for the text";
        let (name, told) = single(value, place, form)?;
        if !["flag", "hold", "reject", "replace"].contains(&name) {
            return Err(format!("{place} is {value}: expected {form}"));
        }
        let reason = Some(Pattern::parse(told, &format!("{place}.{name}"))?);
        Ok(Self::Verdict { name: name.to_owned(), reason })
    }

    /// Whether a call ended as expected.
    pub(super) fn holds(&self, ended: &Ended) -> bool {
        match (self, ended) {
            (Self::Judged, Ended::Outcome(Outcome::Judged(_)))
            | (Self::Done, Ended::Outcome(Outcome::Done)) => true,
            (Self::Retry(after), Ended::Outcome(Outcome::Failed(Failure::Retry(told)))) => after == told,
            (Self::Reject(pattern), Ended::Outcome(Outcome::Failed(Failure::Reject(told)))) => {
                pattern.holds(told)
            }
            (Self::Verdict { name, reason }, Ended::Outcome(Outcome::Judged(verdict))) => {
                let (given, text) = verdict_parts(verdict);
                name == given && reason.as_ref().is_none_or(|reason| reason.holds(text))
            }
            (Self::Fault(expected), Ended::Fault { kind, .. }) => expected == kind,
            _ => false,
        }
    }
}

fn verdict_parts(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Allow => ("allow", ""),
        Verdict::Flag(reason) => ("flag", reason),
        Verdict::Hold(reason) => ("hold", reason),
        Verdict::Reject(reason) => ("reject", reason),
        Verdict::Replace(text) => ("replace", text),
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judged => f.write_str("any verdict"),
            Self::Done => f.write_str("done"),
            Self::Retry(after) => write!(f, "failed, to be tried again after {after} ms"),
            Self::Reject(pattern) => write!(f, "failed for good: {pattern}"),
            Self::Verdict { name, reason: None } => write!(f, "judged: {name}"),
            Self::Verdict { name, reason: Some(reason) } => write!(f, "judged: {name}, {reason}"),
            Self::Fault(kind) => write!(f, "a fault: {kind}"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(Outcome::Done) => f.write_str("done"),
            Self::Outcome(Outcome::Failed(Failure::Retry(after))) => {
                write!(f, "failed, to be tried again after {after} ms")
            }
            Self::Outcome(Outcome::Failed(Failure::Reject(reason))) => {
                write!(f, "failed for good: {reason:?}")
            }
            Self::Outcome(Outcome::Judged(verdict)) => match verdict_parts(verdict) {
                (name, "") => write!(f, "judged: {name}"),
                (name, text) => write!(f, "judged: {name}, {text:?}"),
            },
            Self::Fault { kind, text } => write!(f, "a fault: {kind}: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ending_holds_for_what_it_describes() {
        let check = |ending: Value, ended: Outcome, holds: bool| {
            assert_eq!(
                Ending::parse(&ending, "outcome").unwrap().holds(&Ended::Outcome(ended)),
                holds,
                "{ending}"
            );
        };
        let reject = || Outcome::Failed(Failure::Reject("no such time".to_owned()));
        check(json!("done"), Outcome::Done, true);
        check(json!("done"), reject(), false);
        check(json!({ "failed": { "reject": { "contains": "time" } } }), reject(), true);
        check(json!({ "failed": { "retry": "1s" } }), Outcome::Failed(Failure::Retry(1000)), true);
        check(json!({ "judged": "flag" }), Outcome::Judged(Verdict::Flag("spam".to_owned())), true);
        check(
            json!({ "judged": { "flag": "ham" } }),
            Outcome::Judged(Verdict::Flag("spam".to_owned())),
            false,
        );
        let fault = Ending::parse(&json!({ "fault": "timed-out" }), "outcome").unwrap();
        assert!(fault.holds(&Ended::Fault { kind: "timed-out".to_owned(), text: String::new() }));
        assert!(
            Ending::parse(&json!({ "fault": "tired" }), "outcome")
                .unwrap_err()
                .contains("trapped, timed-out")
        );
    }
}
