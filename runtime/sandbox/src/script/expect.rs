//! What a plugin is expected to do.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};

use super::{
    action::{Action, Fact, Form, KINDS, Kind, duration},
    pattern::Pattern,
    people::People,
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

/// The one key of an object, and its value.
pub(super) fn single<'a>(value: &'a Value, place: &str, form: &str) -> Result<(&'a str, &'a Value), String> {
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
}
