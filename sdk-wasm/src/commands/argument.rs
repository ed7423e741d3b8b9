//! What a command takes.

use std::fmt;

/// One argument of a command: its name and what may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_optional: bool,
}

/// What may stand in the place of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    Duration,
    Account,
    Rest,
}

impl Kind {
    /// What is wrong with a text that is not of this kind.
    pub(crate) fn complaint(self) -> &'static str {
        match self {
            Self::Word | Self::Rest => "is empty",
            Self::Number => "is no whole number",
            Self::Duration => "is no duration: write it like 30s, 10m, 1h30m, 2d or 1w",
            Self::Account => "is no account id: those are 66 characters of hex and begin with 05",
        }
    }
}

/// A word, or several in double quotes.
pub const fn word(name: &'static str) -> Argument {
    Argument::new(name, Kind::Word)
}

/// A whole number.
pub const fn number(name: &'static str) -> Argument {
    Argument::new(name, Kind::Number)
}

/// A duration, such as `10m`.
pub const fn duration(name: &'static str) -> Argument {
    Argument::new(name, Kind::Duration)
}

/// An account's id.
pub const fn account(name: &'static str) -> Argument {
    Argument::new(name, Kind::Account)
}

/// All that is left, as it was written. Nothing can come behind it.
pub const fn rest(name: &'static str) -> Argument {
    Argument::new(name, Kind::Rest)
}

impl Argument {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, is_optional: false }
    }

    /// The same, but it may be left out, and then all behind it too.
    pub const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }
}

impl fmt::Display for Argument {
    /// As it stands in a line of usage: `<when>`, `<what…>`, or in square brackets when it is optional.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.kind == Kind::Rest { "…" } else { "" };
        if self.is_optional { write!(f, "[{}{more}]", self.name) } else { write!(f, "<{}{more}>", self.name) }
    }
}
