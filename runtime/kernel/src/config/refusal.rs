//! Why a value does not fit the program's own type.

use std::fmt;

use config::Value;
use serde::de::{self, Expected, Unexpected};

use crate::config::{expectation::mismatch, secrecy::is_secret};

/// Why a value was refused, and which.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    pub(super) at: Option<Box<Spot>>,
}

/// A key and the value that stands there.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) key: String,
    /// The value as found, for its origin.
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Problem {
    UnknownKey { key: String, known: &'static [&'static str] },
    UnknownVariant { variant: String, known: &'static [&'static str] },
    Mismatch { expected: String, found: String },
    Missing(&'static str),
    Other(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, at: None }
    }
}

impl Problem {
    /// As displayed, but for a key whose value is nobody's business: without a word of what was found.
    pub(super) fn without_value(&self) -> String {
        match self {
            Problem::UnknownVariant { known, .. } => format!("expects one of {}", known.join(", ")),
            Problem::Mismatch { expected, .. } => format!("expects {expected}"),
            Problem::Other(_) => "is not right; what was given is not shown".to_owned(),
            Problem::UnknownKey { .. } | Problem::Missing(_) => self.to_string(),
        }
    }

    /// Whether what was found would be repeated, and seems to hold a secret of some key further in.
    pub(super) fn holds_secret(&self) -> bool {
        match self {
            Problem::UnknownVariant { variant, .. } => is_secret(variant),
            Problem::Mismatch { found, .. } => is_secret(found),
            Problem::Other(_) | Problem::UnknownKey { .. } | Problem::Missing(_) => false,
        }
    }
}

impl fmt::Display for Problem {
    /// To be read after the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnknownKey { .. } => f.write_str("is not known"),
            Problem::UnknownVariant { variant, known } => {
                write!(f, "expects one of {}, not {variant:?}", known.join(", "))
            }
            Problem::Mismatch { expected, found } => write!(f, "expects {expected}, not {found}"),
            Problem::Missing(key) => write!(f, "lacks the key {key}"),
            Problem::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Problem::Other(format!("is not right: {text}")).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch(&found, expected).into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch(&found, expected).into()
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Problem::UnknownVariant { variant: variant.to_owned(), known }.into()
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Problem::UnknownKey { key: key.to_owned(), known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Problem::Missing(key).into()
    }
}
