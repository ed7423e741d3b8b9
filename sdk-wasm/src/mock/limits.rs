//! The limits of the contract, which a mock keeps like the real host.

use crate::Error;

/// The longest text, in characters.
const LONGEST_TEXT: usize = 2_000;
/// The longest name of a key or timer, in bytes.
const LONGEST_NAME: usize = 256;
/// The longest value, in bytes.
const LONGEST_VALUE: usize = 65_536;
/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 262_144;
/// The shortest time between firings, in milliseconds.
const SHORTEST_EVERY: u64 = 1_000;

pub(super) fn text(call: &'static str, body: &str) -> Result<(), Error> {
    let length = body.chars().count();
    let is_fit = (1..=LONGEST_TEXT).contains(&length);
    check(is_fit, call, || format!("`body` has {length} characters, and must have 1 to {LONGEST_TEXT}"))
}

pub(super) fn emoji(call: &'static str, emoji: &str) -> Result<(), Error> {
    // Not the whole truth of what is one emoji, but words and spaces are caught.
    let is_fit = !emoji.is_empty() && emoji.len() <= 64 && !emoji.chars().any(char::is_alphanumeric);
    check(is_fit && !emoji.contains(char::is_whitespace), call, || "`emoji` must be one emoji".to_owned())
}

pub(super) fn name(call: &'static str, parameter: &str, name: &str) -> Result<(), Error> {
    let length = name.len();
    let is_fit = (1..=LONGEST_NAME).contains(&length);
    check(is_fit, call, || format!("`{parameter}` has {length} bytes, and must have 1 to {LONGEST_NAME}"))
}

pub(super) fn value(call: &'static str, value: &[u8]) -> Result<(), Error> {
    let length = value.len();
    check(length <= LONGEST_VALUE, call, || format!("`value` has {length} bytes, more than {LONGEST_VALUE}"))
}

pub(super) fn every(call: &'static str, every: Option<u64>) -> Result<(), Error> {
    let is_fit = every.is_none_or(|every| every >= SHORTEST_EVERY);
    check(is_fit, call, || format!("`every` must be at least {SHORTEST_EVERY} ms"))
}

pub(super) fn request(call: &'static str, method: &str, body: &[u8]) -> Result<(), Error> {
    let is_method = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].contains(&method);
    check(is_method, call, || format!("`{method}` is no method that may be sent"))?;
    let length = body.len();
    check(length <= LONGEST_BODY, call, || format!("`body` has {length} bytes, more than {LONGEST_BODY}"))
}

/// Scheme, host and port of a URL, as a grant writes them.
pub(super) fn origin(call: &'static str, url: &str) -> Result<String, Error> {
    let origin = url.split_once("://").and_then(|(scheme, behind)| {
        let host = behind.split(['/', '?', '#']).next()?;
        let is_web = ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str());
        (is_web && !host.is_empty() && !host.contains('@'))
            .then(|| format!("{scheme}://{host}").to_ascii_lowercase())
    });
    origin
        .ok_or_else(|| Error::InvalidArgument { call, reason: format!("`{url}` is no URL of a web server") })
}

pub(super) fn check(is_fit: bool, call: &'static str, reason: impl FnOnce() -> String) -> Result<(), Error> {
    if is_fit { Ok(()) } else { Err(Error::InvalidArgument { call, reason: reason() }) }
}
