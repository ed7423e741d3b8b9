//! What a command was given.

use std::time::Duration;

use super::argument::{Argument, Kind};
use crate::{AccountId, Command, Error, Message, duration};

/// The arguments that a command was given, by the names that its table has for them.
#[derive(Debug, Clone)]
pub struct Arguments {
    message: Message,
    given: Vec<(&'static str, Value)>,
}

#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Number(i64),
    Duration(Duration),
    Account(AccountId),
}

impl Arguments {
    /// What a command was given, or a sentence for its author about what does not fit.
    pub(crate) fn take(expected: &[Argument], command: &Command) -> Result<Self, String> {
        let mut given = Vec::new();
        let mut used = 0;
        for argument in expected {
            let Some(text) = command.arguments.get(used) else {
                if argument.is_optional {
                    break;
                }
                return Err(format!("`{}` is missing.", argument.name));
            };
            let value = if argument.kind == Kind::Rest {
                let rest = command.rest(used);
                used = command.arguments.len();
                Value::read(argument.kind, &rest)
            } else {
                used += 1;
                Value::read(argument.kind, text)
            };
            let value = value.ok_or_else(|| format!("`{}` {}.", argument.name, argument.kind.complaint()))?;
            given.push((argument.name, value));
        }
        if used < command.arguments.len() {
            return Err("That is more than this command takes.".to_owned());
        }
        Ok(Self { message: command.message.clone(), given })
    }

    /// The message that the command came in.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Whether an optional argument was given.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The text of a word or rest. Fails when the table has none of that name, or it was left out.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.find(name) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(lacks(name, "word or rest", other)),
        }
    }

    /// The value of a number. Fails as [`text`](Self::text) does.
    pub fn number(&self, name: &str) -> Result<i64, Error> {
        match self.find(name) {
            Some(Value::Number(number)) => Ok(*number),
            other => Err(lacks(name, "number", other)),
        }
    }

    /// The value of a duration. Fails as [`text`](Self::text) does.
    pub fn duration(&self, name: &str) -> Result<Duration, Error> {
        match self.find(name) {
            Some(Value::Duration(duration)) => Ok(*duration),
            other => Err(lacks(name, "duration", other)),
        }
    }

    /// The value of an account. Fails as [`text`](Self::text) does.
    pub fn account(&self, name: &str) -> Result<&AccountId, Error> {
        match self.find(name) {
            Some(Value::Account(account)) => Ok(account),
            other => Err(lacks(name, "account", other)),
        }
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.given.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Value {
    fn read(kind: Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Word | Kind::Rest if text.trim().is_empty() => None,
            Kind::Word | Kind::Rest => Some(Self::Text(text.to_owned())),
            Kind::Number => text.parse().ok().map(Self::Number),
            Kind::Duration => duration::parse(text).ok().map(Self::Duration),
            Kind::Account => AccountId::parse(text).ok().map(Self::Account),
        }
    }
}

fn lacks(name: &str, kind: &str, found: Option<&Value>) -> Error {
    let reason = match found {
        None => format!("no argument `{name}` was given, and the table may not have it"),
        Some(_) => format!("the argument `{name}` is no {kind} in the table"),
    };
    Error::InvalidArgument { call: "arguments", reason }
}
