//! What a plugin is expected to do, and how a call is expected to end.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};

use super::{
    action::{Action, Fact, Form, KINDS, Kind, duration},
    pattern::Pattern,
    people::People,
};
use crate::{
    event::{Failure, Outcome, Verdict},
    guest::Fault,
};

/// One expected action.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) kind: &'static Kind,
    parts: Vec<(&'static str, Part)>,
}

#[derive(Debug, Clone)]
enum Part {
    Account(String),
    Text(Pattern),
    Millis(Option<u64>),
    Flag(bool),
}

/// What a short form is bound to: the message that the step offers.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub(super) conversation: Option<String>,
    pub(super) body: Option<String>,
}

impl Expected {
    /// Reads one; `place` names it in a refusal.
    pub(super) fn parse(
        value: &Value,
        place: &str,
        subject: &Subject,
        people: &mut People,
    ) -> Result<Self, String> {
        let (name, told) = single(value, place, "an object with one action, as in { \"send\": \"text\" }")?;
        let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            format!("{place} has the action {name:?}: expected one of {}", known.join(", "))
        })?;
        let place = format!("{place}.{name}");
        let parts = match told {
            Value::Object(parts) if !Pattern::is_pattern(told) => parse_parts(kind, parts, &place, people)?,
            told => {
                let mut parts = implied(kind, subject);
                parts.push((kind.main, Part::Text(Pattern::parse(told, &place)?)));
                parts
            }
        };
        Ok(Self { kind, parts })
    }

    /// Whether that is what was expected.
    pub(super) fn holds(&self, action: &Action) -> bool {
        self.kind.name == action.kind.name
            && self.parts.iter().all(|(name, part)| action.fact(name).is_some_and(|fact| part.holds(fact)))
    }

    /// In words, with people by their names.
    pub(super) fn describe<'a>(&'a self, people: &'a People) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            f.write_str(self.kind.name)?;
            for (index, (name, part)) in self.parts.iter().enumerate() {
                write!(f, "{} {name} ", if index == 0 { "" } else { "," })?;
                match part {
                    Part::Account(id) => f.write_str(people.name(id))?,
                    Part::Text(pattern) => write!(f, "{pattern}")?,
                    Part::Millis(time) => f.write_str(&duration(*time))?,
                    Part::Flag(flag) => write!(f, "{flag}")?,
                }
            }
            Ok(())
        })
    }
}

impl Part {
    fn holds(&self, fact: &Fact) -> bool {
        match (self, fact) {
            (Self::Account(expected), Fact::Account(id)) => expected == id,
            (Self::Text(pattern), Fact::Text(text)) => pattern.holds(text),
            (Self::Millis(expected), Fact::Millis(time)) => expected == time,
            (Self::Flag(expected), Fact::Flag(flag)) => expected == flag,
            _ => false,
        }
    }
}

fn parse_parts(
    kind: &'static Kind,
    given: &Map<String, Value>,
    place: &str,
    people: &mut People,
) -> Result<Vec<(&'static str, Part)>, String> {
    given
        .iter()
        .map(|(key, value)| {
            let Some((name, form)) = kind.parts.iter().find(|(name, _)| name == key) else {
                let known: Vec<_> = kind.parts.iter().map(|(name, _)| *name).collect();
                return Err(format!("{place} has the part {key:?}: expected some of {}", known.join(", ")));
            };
            let place = format!("{place}.{key}");
            let part = match (form, value) {
                (Form::Account, Value::String(who)) => Part::Account(people.id(who, &place)?),
                (Form::Text, value) => Part::Text(Pattern::parse(value, &place)?),
                (Form::Millis, Value::Null) => Part::Millis(None),
                (Form::Millis, value) => Part::Millis(Some(millis(value, &place)?)),
                (Form::Flag, Value::Bool(flag)) => Part::Flag(*flag),
                (Form::Account, other) => {
                    return Err(format!("{place} is {other}: expected somebody's name or id"));
                }
                (Form::Flag, other) => return Err(format!("{place} is {other}: expected true or false")),
            };
            Ok((*name, part))
        })
        .collect()
}

/// What a short form says without writing it.
fn implied(kind: &Kind, subject: &Subject) -> Vec<(&'static str, Part)> {
    let mut parts = Vec::new();
    if let Some(id) = &subject.conversation
        && kind.parts.iter().any(|(name, _)| *name == "to")
    {
        parts.push(("to", Part::Account(id.clone())));
    }
    let message = kind.parts.iter().map(|(name, _)| *name).find(|name| matches!(*name, "quotes" | "on"));
    if let Some((body, name)) = subject.body.as_ref().zip(message) {
        parts.push((name, Part::Text(Pattern::Exactly(body.clone()))));
    }
    parts
}

/// A time: `"10m"` or milliseconds.
pub(super) fn millis(value: &Value, place: &str) -> Result<u64, String> {
    let refuse = || format!("{place} is {value}: expected a time such as \"10m\", or milliseconds");
    match value {
        Value::Number(number) => number.as_u64().ok_or_else(refuse),
        Value::String(text) => {
            let time: Duration = humantime::parse_duration(text).map_err(|_| refuse())?;
            u64::try_from(time.as_millis()).map_err(|_| refuse())
        }
        _ => Err(refuse()),
    }
}

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

/// The one key of an object, and its value.
fn single<'a>(value: &'a Value, place: &str, form: &str) -> Result<(&'a str, &'a Value), String> {
    let refuse = || format!("{place} is {value}: expected {form}");
    let object = value.as_object().filter(|object| object.len() == 1).ok_or_else(refuse)?;
    let (key, value) = object.iter().next().ok_or_else(refuse)?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::action::{REPLY, SEND, TIMER_SET},
        *,
    };

    fn sent(to: &str, body: &str) -> Action {
        Action::new(&SEND, [("to", Fact::Account(to.to_owned())), ("body", Fact::Text(body.to_owned()))])
    }

    #[test]
    fn a_short_form_is_bound_to_the_message_of_the_step() {
        let mut people = People::default();
        let [alice, bob] = ["alice", "bob"].map(|name| people.id(name, "to").unwrap());
        let subject = Subject { conversation: Some(alice.clone()), body: Some("hello".to_owned()) };
        let mut parse = |value| Expected::parse(&value, "e", &subject, &mut people).unwrap();
        let reply = |quotes: &str| {
            let facts = [("to", alice.as_str()), ("quotes", quotes), ("body", "hi")];
            let facts = facts.map(|(name, text)| match name {
                "to" => (name, Fact::Account(text.to_owned())),
                _ => (name, Fact::Text(text.to_owned())),
            });
            Action::new(&REPLY, facts)
        };

        let short = parse(json!({ "send": { "contains": "h" } }));
        assert!(
            short.holds(&sent(&alice, "hi"))
                && !short.holds(&sent(&bob, "hi"))
                && !short.holds(&sent(&alice, "x"))
        );
        let long = parse(json!({ "send": { "to": "bob" } }));
        assert!(long.holds(&sent(&bob, "whatever")) && !long.holds(&sent(&alice, "whatever")));
        let short = parse(json!({ "reply": "hi" }));
        assert!(short.holds(&reply("hello")) && !short.holds(&reply("another")));
    }

    #[test]
    fn times_are_compared_as_times() {
        let timer = |every| {
            Action::new(
                &TIMER_SET,
                [
                    ("name", Fact::Text("t".to_owned())),
                    ("after", Fact::Millis(Some(90_000))),
                    ("every", Fact::Millis(every)),
                ],
            )
        };
        let mut people = People::default();
        let mut parse = |value| Expected::parse(&value, "e", &Subject::default(), &mut people).unwrap();

        let expected = parse(json!({ "timer-set": { "after": "1m 30s", "every": null } }));

        assert!(expected.holds(&timer(None)) && !expected.holds(&timer(Some(1000))));
        assert!(parse(json!({ "timer-set": { "after": 90_000 } })).holds(&timer(Some(1000))));
        assert!(parse(json!({ "timer-set": "t" })).holds(&timer(None)));
    }

    #[test]
    fn what_cannot_be_expected_is_refused_by_its_place() {
        let refuse = |value: Value, what: &str| {
            let refused =
                Expected::parse(&value, "steps[0].expect[1]", &Subject::default(), &mut People::default())
                    .unwrap_err();
            assert!(refused.starts_with("steps[0].expect[1]") && refused.contains(what), "{refused}");
        };
        refuse(json!({ "sent": "x" }), "expected one of send, reply");
        refuse(json!({ "send": { "text": "x" } }), "expected some of to, body");
        refuse(json!("send"), "an object with one action");
        refuse(json!({ "timer-set": { "after": "soon" } }), "expected a time");
        refuse(json!({ "react": { "remove": 1 } }), "expected true or false");
    }

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
