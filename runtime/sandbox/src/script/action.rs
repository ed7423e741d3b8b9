//! What a plugin did, in the words of a script.

use std::{fmt, time::Duration};

use super::{pattern::quoted, people::People};
use crate::call::HostError;

/// A kind of action.
#[derive(Debug)]
pub(super) struct Kind {
    /// As it stands in a script.
    pub(super) name: &'static str,
    /// The part that the short form gives.
    pub(super) main: &'static str,
    /// What it is told with.
    pub(super) parts: &'static [(&'static str, Form)],
    /// Whether a step that does not mention this kind does not care about it.
    pub(super) is_quiet: bool,
}

/// How a part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Account,
    Text,
    /// A time, or `null` for never.
    Millis,
    Flag,
}

pub(super) static SEND: Kind = Kind {
    name: "send",
    main: "body",
    parts: &[("to", Form::Account), ("body", Form::Text)],
    is_quiet: false,
};
pub(super) static REPLY: Kind = Kind {
    name: "reply",
    main: "body",
    parts: &[("to", Form::Account), ("quotes", Form::Text), ("body", Form::Text)],
    is_quiet: false,
};
pub(super) static REACT: Kind = Kind {
    name: "react",
    main: "emoji",
    parts: &[("to", Form::Account), ("on", Form::Text), ("emoji", Form::Text), ("remove", Form::Flag)],
    is_quiet: false,
};
pub(super) static DELETE_OWN: Kind =
    Kind { name: "delete-own", main: "body", parts: &[("body", Form::Text)], is_quiet: false };
pub(super) static TIMER_SET: Kind = Kind {
    name: "timer-set",
    main: "name",
    parts: &[("name", Form::Text), ("after", Form::Millis), ("every", Form::Millis)],
    is_quiet: false,
};
pub(super) static TIMER_CANCEL: Kind =
    Kind { name: "timer-cancel", main: "name", parts: &[("name", Form::Text)], is_quiet: false };
pub(super) static LOG: Kind =
    Kind { name: "log", main: "line", parts: &[("level", Form::Text), ("line", Form::Text)], is_quiet: true };
pub(super) static PRINTED: Kind =
    Kind { name: "printed", main: "line", parts: &[("line", Form::Text)], is_quiet: true };
pub(super) static FETCH: Kind = Kind {
    name: "fetch",
    main: "url",
    parts: &[("method", Form::Text), ("url", Form::Text)],
    is_quiet: true,
};
pub(super) static REFUSED: Kind = Kind {
    name: "refused",
    main: "call",
    parts: &[("call", Form::Text), ("error", Form::Text), ("why", Form::Text)],
    is_quiet: true,
};

/// All kinds.
pub(super) static KINDS: [&Kind; 10] =
    [&SEND, &REPLY, &REACT, &DELETE_OWN, &TIMER_SET, &TIMER_CANCEL, &LOG, &PRINTED, &FETCH, &REFUSED];

/// Something that a plugin did.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) kind: &'static Kind,
    facts: Vec<(&'static str, Fact)>,
}

/// One part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    Account(String),
    Text(String),
    Millis(Option<u64>),
    Flag(bool),
}

impl Action {
    pub(super) fn new<const N: usize>(kind: &'static Kind, facts: [(&'static str, Fact); N]) -> Self {
        Self { kind, facts: facts.into() }
    }

    /// A call that the host did not do.
    pub(super) fn refused(call: &'static str, error: &HostError) -> Self {
        let (name, why) = match error {
            HostError::AccessDenied => ("access-denied", ""),
            HostError::QuotaExceeded(_) => ("quota-exceeded", ""),
            HostError::InvalidArgument(why) => ("invalid-argument", why.as_str()),
            HostError::NotFound => ("not-found", ""),
            HostError::Other(why) => ("other", why.as_str()),
        };
        let text = |text: &str| Fact::Text(text.to_owned());
        Self::new(&REFUSED, [("call", text(call)), ("error", text(name)), ("why", text(why))])
    }

    pub(super) fn fact(&self, part: &str) -> Option<&Fact> {
        self.facts.iter().find(|(name, _)| *name == part).map(|(_, fact)| fact)
    }

    /// In words, with people by their names.
    pub(super) fn describe<'a>(&'a self, people: &'a People) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            f.write_str(self.kind.name)?;
            for (index, (part, fact)) in self.facts.iter().enumerate() {
                write!(f, "{} {part} ", if index == 0 { "" } else { "," })?;
                match fact {
                    Fact::Account(id) => f.write_str(people.name(id))?,
                    Fact::Text(text) => f.write_str(&quoted(text))?,
                    Fact::Millis(time) => f.write_str(&duration(*time))?,
                    Fact::Flag(flag) => write!(f, "{flag}")?,
                }
            }
            Ok(())
        })
    }
}

/// A time for people.
pub(super) fn duration(time: Option<u64>) -> String {
    time.map_or_else(
        || "never".to_owned(),
        |time| humantime::format_duration(Duration::from_millis(time)).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_told_in_words() {
        let mut people = People::default();
        let alice = people.id("alice", "to").unwrap();
        let send = Action::new(
            &SEND,
            [("to", Fact::Account(alice)), ("body", Fact::Text("a \"b\"\u{1b}".to_owned()))],
        );
        let timer = Action::new(
            &TIMER_SET,
            [
                ("name", Fact::Text("tea".to_owned())),
                ("after", Fact::Millis(Some(600_000))),
                ("every", Fact::Millis(None)),
            ],
        );

        assert_eq!(send.describe(&people).to_string(), "send to alice, body \"a \\\"b\\\"\\u{1b}\"");
        assert_eq!(timer.describe(&people).to_string(), "timer-set name \"tea\", after 10m, every never");
        assert_eq!(
            Action::refused("kv.set", &HostError::AccessDenied).describe(&people).to_string(),
            "refused call \"kv.set\", error \"access-denied\", why \"\""
        );
    }
}
