//! What a key expects and what it found, in an operator's words.

use serde::de::{Expected, Unexpected};

use crate::config::refusal::Problem;

/// What a value was to be and what it is, to be read as "expects X, not Y".
pub(super) fn mismatch(found: &Unexpected<'_>, expected: &dyn Expected) -> Problem {
    Problem::Mismatch { expected: wanted(&expected.to_string()), found: given(found) }
}

fn wanted(expected: &str) -> String {
    let bits = |bits: u32| format!("a whole number from 0 to {}", u128::MAX >> (128 - bits));
    match expected {
        "u8" => bits(8),
        "u16" => bits(16),
        "u32" => bits(32),
        "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => format!("a whole number ({expected})"),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "path string" => "a path in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.contains("enum ") => "a variant by name".to_owned(),
        other => other.to_owned(),
    }
}

fn given(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}
