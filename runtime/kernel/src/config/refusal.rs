//! Why a value does not fit the program's own type.

use std::fmt;

use config::Value;
use serde::de::{self, Expected, Unexpected};

use crate::config::expectation::mismatch;

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
    Missing(&'static str),
    Other(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, at: None }
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
        Problem::Other(mismatch(&found, expected)).into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Problem::Other(mismatch(&found, expected)).into()
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
