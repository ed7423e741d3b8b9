//! Where a value was written.

use std::{fmt, path::PathBuf};

/// The place an operator has to go to in order to change a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Nowhere: the program's own default.
    Default,
    /// A file.
    File {
        /// As it was given.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its whole name.
        variable: String,
    },
    /// `-O key=value`.
    Override,
    /// A flag of the program's own.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment { variable } => write!(f, "environment {variable}"),
            Origin::Override => f.write_str("-O"),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

/// Every origin that was met, by the number under which the values carry it.
///
/// The `config` crate keeps a string with each value; a number in it is exact where a text would have to be parsed back.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// Takes an origin in; what is returned goes with the values that were written there.
    pub(super) fn add(&mut self, origin: Origin) -> Tag {
        self.0.push(origin);
        Tag { number: self.0.len() - 1, form: Form::Typed }
    }

    /// The origin of a value; what carries none was made by the program.
    pub(super) fn of(&self, value: &config::Value) -> Origin {
        Tag::of(value).and_then(|tag| self.0.get(tag.number)).cloned().unwrap_or(Origin::Default)
    }
}

/// Whether a value was written with its type, as in TOML, or as bare text, as in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Typed,
    Text,
}

/// What a value carries to say where it is from; a later one compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    number: usize,
    form: Form,
}

impl Tag {
    pub(super) fn of(value: &config::Value) -> Option<Self> {
        let text = value.origin()?;
        let (number, form) = match text.strip_suffix('t') {
            Some(number) => (number, Form::Text),
            None => (text, Form::Typed),
        };
        Some(Self { number: number.parse().ok()?, form })
    }

    pub(super) fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// A value that carries this tag.
    pub(super) fn value(self, kind: impl Into<config::ValueKind>) -> config::Value {
        let form = if self.form == Form::Text { "t" } else { "" };
        config::Value::new(Some(&format!("{}{form}", self.number)), kind)
    }
}

/// Was `value` written as bare text?
pub(super) fn is_text(value: &config::Value) -> bool {
    Tag::of(value).is_some_and(|tag| tag.form == Form::Text)
}
