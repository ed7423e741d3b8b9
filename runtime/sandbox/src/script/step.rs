//! One step of a script.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    ending::Ending,
    expect::{Expected, Subject, millis},
    pattern::{Pattern, quoted},
    people::{People, SOMEBODY},
};
use crate::{event::Event, words};

/// A step as it was read.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// For the report: what happens, in words.
    pub(super) title: String,
    pub(super) happening: Happening,
    /// The actions expected, in order; nothing when nobody looks.
    pub(super) expect: Option<Vec<Expected>>,
    pub(super) ending: Ending,
    /// Values after the step; an absent pattern for a key that must not be there.
    pub(super) kv: BTreeMap<String, Option<Pattern>>,
    /// The names of all timers after the step, in order.
    pub(super) timers: Option<Vec<String>>,
}

/// What happens in a step.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Text { from: String, body: String, is_request: Option<bool> },
    Reaction { from: String, on: String, emoji: String, is_removed: bool },
    Receipt { from: String, on: String },
    Deletion { from: String, on: String },
    Review { from: String, body: String, is_request: Option<bool>, attachments: u32, room: Option<String> },
    Event(Event),
    Advance(u64),
    Restart,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Raw {
    about: Option<String>,
    message: Option<String>,
    command: Option<String>,
    reaction: Option<String>,
    receipt: Option<String>,
    deletion: Option<String>,
    timer: Option<String>,
    review: Option<String>,
    start: Option<bool>,
    migrate: Option<String>,
    restart: Option<bool>,
    event: Option<Value>,
    advance: Option<Value>,

    from: Option<String>,
    on: Option<String>,
    remove: Option<bool>,
    is_request: Option<bool>,
    attachments: Option<u32>,
    room: Option<String>,

    expect: Option<Vec<Value>>,
    outcome: Option<Value>,
    verdict: Option<Value>,
    kv: BTreeMap<String, Value>,
    timers: Option<Vec<String>>,
}

impl Step {
    /// Reads one; `place` names it in a refusal.
    pub(super) fn parse(value: &Value, place: &str, people: &mut People) -> Result<Self, String> {
        let raw = Raw::deserialize(value).map_err(|error| format!("{place}: {error}"))?;
        raw.check_keys(place)?;
        let (happening, subject) = raw.happening(place, people)?;
        let expect = raw.expect.as_ref().map(|actions| {
            let parse = |(index, action)| {
                Expected::parse(action, &format!("{place}.expect[{index}]"), &subject, people)
            };
            actions.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
        });
        let kv = raw.kv.iter().map(|(key, value)| {
            let pattern = match value {
                Value::Null => None,
                value => Some(Pattern::parse(value, &format!("{place}.kv.{key}"))?),
            };
            Ok::<_, String>((key.clone(), pattern))
        });
        let mut timers = raw.timers.clone();
        timers.iter_mut().for_each(|names| names.sort_unstable());
        Ok(Self {
            title: raw.title(),
            expect: expect.transpose()?,
            ending: raw.ending(place, &happening)?,
            kv: kv.collect::<Result<_, _>>()?,
            timers,
            happening,
        })
    }
}

impl Raw {
    /// The keys given that say what happens.
    fn happenings(&self) -> Vec<&'static str> {
        let keys = [
            ("message", self.message.is_some()),
            ("command", self.command.is_some()),
            ("reaction", self.reaction.is_some()),
            ("receipt", self.receipt.is_some()),
            ("deletion", self.deletion.is_some()),
            ("timer", self.timer.is_some()),
            ("review", self.review.is_some()),
            ("start", self.start.is_some()),
            ("migrate", self.migrate.is_some()),
            ("restart", self.restart.is_some()),
            ("event", self.event.is_some()),
            ("advance", self.advance.is_some()),
        ];
        keys.into_iter().filter_map(|(key, is_given)| is_given.then_some(key)).collect()
    }

    /// Exactly one thing happens, and the keys beside it belong to it.
    fn check_keys(&self, place: &str) -> Result<(), String> {
        let given = self.happenings();
        let [happening] = given.as_slice() else {
            let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
            return Err(format!(
                "{place} has {found}: expected exactly one of message, command, reaction, receipt, deletion, timer, \
                 review, start, migrate, restart, event and advance"
            ));
        };
        let texts = ["message", "command", "review"];
        let about = ["reaction", "receipt", "deletion"];
        let beside = [
            ("from", self.from.is_some(), [&texts[..], &about[..]].concat()),
            ("on", self.on.is_some(), vec!["reaction"]),
            ("remove", self.remove.is_some(), vec!["reaction"]),
            ("is-request", self.is_request.is_some(), texts.to_vec()),
            ("attachments", self.attachments.is_some(), vec!["review"]),
            ("room", self.room.is_some(), vec!["review"]),
        ];
        for (key, is_given, owners) in beside {
            if is_given && !owners.contains(happening) {
                return Err(format!(
                    "{place} has {key} beside {happening}: it belongs to {}",
                    owners.join(", ")
                ));
            }
        }
        if self.start == Some(false) || self.restart == Some(false) {
            return Err(format!("{place}.{happening} is false: expected true"));
        }
        if self.reaction.is_some() && self.on.is_none() {
            return Err(format!(
                "{place} has no on: expected the text of the message that gets the reaction"
            ));
        }
        if self.outcome.is_some() && self.verdict.is_some() {
            return Err(format!("{place} has outcome and verdict: expected one of them"));
        }
        Ok(())
    }

    fn happening(&self, place: &str, people: &mut People) -> Result<(Happening, Subject), String> {
        let from = people.id(self.from.as_deref().unwrap_or(SOMEBODY), &format!("{place}.from"))?;
        if let Some(body) = self.command.as_ref().filter(|body| words::split_command(body).is_none()) {
            return Err(format!("{place}.command is {body:?}: expected a slash and a word, as in \"/help\""));
        }
        let heard = |body: Option<&String>| Subject { conversation: Some(from.clone()), body: body.cloned() };
        if let Some(body) = self.message.as_ref().or(self.command.as_ref()) {
            let subject = heard(Some(body));
            return Ok((Happening::Text { from, body: body.clone(), is_request: self.is_request }, subject));
        }
        if let Some(body) = &self.review {
            let review = Happening::Review {
                from,
                body: body.clone(),
                is_request: self.is_request,
                attachments: self.attachments.unwrap_or(0),
                room: self.room.clone(),
            };
            return Ok((review, Subject::default()));
        }
        if let Some((emoji, on)) = self.reaction.as_ref().zip(self.on.as_ref()) {
            let subject = heard(Some(on));
            let is_removed = self.remove.unwrap_or(false);
            return Ok((
                Happening::Reaction { from, on: on.clone(), emoji: emoji.clone(), is_removed },
                subject,
            ));
        }
        if let Some(on) = &self.receipt {
            let subject = heard(None);
            return Ok((Happening::Receipt { from, on: on.clone() }, subject));
        }
        if let Some(on) = &self.deletion {
            let subject = heard(None);
            return Ok((Happening::Deletion { from, on: on.clone() }, subject));
        }
        if let Some(event) = &self.event {
            let event = parse_event(event, &format!("{place}.event"), people)?;
            let subject = subject_of(&event);
            return Ok((Happening::Event(event), subject));
        }
        let happening = if let Some(name) = &self.timer {
            Happening::Event(Event::Timer { name: name.clone() })
        } else if let Some(version) = &self.migrate {
            Happening::Event(Event::Migrate { from_version: version.clone() })
        } else if let Some(time) = &self.advance {
            Happening::Advance(millis(time, &format!("{place}.advance"))?)
        } else if self.restart.is_some() {
            Happening::Restart
        } else {
            Happening::Event(Event::Start)
        };
        Ok((happening, Subject::default()))
    }

    fn ending(&self, place: &str, happening: &Happening) -> Result<Ending, String> {
        let is_review =
            matches!(happening, Happening::Review { .. } | Happening::Event(Event::Review { .. }));
        match (&self.outcome, &self.verdict) {
            (Some(outcome), _) => Ending::parse(outcome, &format!("{place}.outcome")),
            (None, Some(verdict)) => Ending::parse_verdict(verdict, &format!("{place}.verdict")),
            (None, None) if is_review => Ok(Ending::Judged),
            (None, None) => Ok(Ending::Done),
        }
    }

    fn title(&self) -> String {
        let from = self.from.as_deref().unwrap_or(SOMEBODY);
        let said = [("message", &self.message), ("command", &self.command), ("review", &self.review)];
        let about = [("receipt", &self.receipt), ("deletion", &self.deletion)];
        let found = said.iter().chain(&about).find_map(|(what, text)| {
            text.as_ref().map(|text| format!("{what} {} from {from}", quoted(text)))
        });
        let what = found.unwrap_or_else(|| match self {
            Self { reaction: Some(emoji), .. } => format!("reaction {emoji} from {from}"),
            Self { timer: Some(name), .. } => format!("timer {}", quoted(name)),
            Self { migrate: Some(version), .. } => format!("migrate from {version}"),
            Self { advance: Some(Value::String(time)), .. } => format!("advance {time}"),
            Self { advance: Some(time), .. } => format!("advance {time} ms"),
            Self { event: Some(event), .. } => match event.get("event") {
                Some(Value::String(name)) => format!("event {name}"),
                _ => "event".to_owned(),
            },
            Self { restart: Some(_), .. } => "restart".to_owned(),
            _ => "start".to_owned(),
        });
        match &self.about {
            Some(about) => format!("{what}: {about}"),
            None => what,
        }
    }
}

fn parse_event(value: &Value, place: &str, people: &mut People) -> Result<Event, String> {
    let mut value = value.clone();
    people.resolve(&mut value, place)?;
    serde_json::from_value(value).map_err(|error| format!("{place}: {error}"))
}

fn subject_of(event: &Event) -> Subject {
    match event {
        Event::Message { message } | Event::Command { command: crate::event::Command { message, .. } } => {
            Subject {
                conversation: Some(message.origin.conversation.clone()),
                body: Some(message.body.clone()),
            }
        }
        Event::Reaction { target, .. } | Event::Deletion { target } => {
            Subject { conversation: Some(target.conversation.clone()), body: None }
        }
        Event::Receipt { conversation, .. } | Event::Other { conversation, .. } => {
            Subject { conversation: Some(conversation.clone()), body: None }
        }
        Event::Start | Event::Timer { .. } | Event::Migrate { .. } | Event::Review { .. } => {
            Subject::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Step, String> {
        Step::parse(&value, "steps[0]", &mut People::default())
    }

    #[test]
    fn a_step_says_what_happens() {
        let step = parse(json!({ "message": "hello", "from": "bob", "about": "a greeting" })).unwrap();
        assert_eq!(step.title, "message \"hello\" from bob: a greeting");
        assert!(step.expect.is_none() && matches!(step.ending, Ending::Done));

        let step = parse(json!({ "advance": "1h 30m", "expect": [], "timers": ["b", "a"] })).unwrap();
        assert!(matches!(step.happening, Happening::Advance(5_400_000)));
        assert_eq!(step.timers.unwrap(), ["a", "b"]);

        let step = parse(
            json!({ "event": { "event": "receipt", "conversation": "bob", "reader": "bob", "sent-at": [1] } }),
        );
        let Happening::Event(Event::Receipt { reader, .. }) = step.unwrap().happening else {
            panic!("a receipt")
        };
        assert_eq!(reader, super::super::people::person("bob"));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let refuse = |value: Value, what: &str| {
            let refused = parse(value).unwrap_err();
            assert!(refused.starts_with("steps[0]") && refused.contains(what), "{refused}");
        };
        refuse(json!({}), "has none: expected exactly one of message");
        refuse(json!({ "message": "a", "timer": "b" }), "has message and timer");
        refuse(json!({ "timer": "b", "from": "alice" }), "has from beside timer");
        refuse(json!({ "mesage": "a" }), "unknown field `mesage`");
        refuse(json!({ "command": "help" }), "expected a slash");
        refuse(json!({ "start": false }), "is false");
        refuse(json!({ "reaction": "x" }), "has no on");
        refuse(json!({ "review": "a", "verdict": "allow", "outcome": "done" }), "outcome and verdict");
        refuse(json!({ "advance": "soon" }), "expected a time");
        refuse(json!({ "message": "a", "from": "Alice" }), "steps[0].from is \"Alice\"");
        refuse(json!({ "event": { "event": "starts" } }), "steps[0].event: unknown variant");
    }
}
