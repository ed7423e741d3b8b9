//! Durations as people write them: `10m`, `1h30m`, `2d`, `1w`.
//!
//! For config, put it on the field: `#[serde(with = "starling_plugin::duration")]`.

use std::{fmt, time::Duration};

use serde::{Deserialize as _, Deserializer, Serializer, de};

/// The units from the largest on: their letters, and their seconds.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDuration;

impl fmt::Display for NoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration is written like 30s, 10m, 1h30m, 2d or 1w")
    }
}

impl std::error::Error for NoDuration {}

/// Reads a duration. Units are `w`, `d`, `h`, `m` and `s`, each at most once, the larger before the smaller;
/// there may be space between them.
///
/// ```
/// use std::time::Duration;
///
/// use starling_plugin::duration;
///
/// assert_eq!(duration::parse("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert!(duration::parse("soon").is_err());
/// ```
pub fn parse(text: &str) -> Result<Duration, NoDuration> {
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return Err(NoDuration);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NoDuration)?;
        let (digits, behind) = rest.split_at(end);
        let number: u64 = digits.parse().map_err(|_| NoDuration)?;
        let letter = behind.chars().next().ok_or(NoDuration)?.to_ascii_lowercase();
        // The search goes on behind the unit that was found last, so none comes twice or out of order.
        let (_, length) = units.find(|(unit, _)| *unit == letter).ok_or(NoDuration)?;
        let more = number.checked_mul(*length).ok_or(NoDuration)?;
        seconds = seconds.checked_add(more).ok_or(NoDuration)?;
        rest = behind[1..].trim_start();
    }
    Ok(Duration::from_secs(seconds))
}

/// Writes a duration, in whole seconds, in the form that [`parse`] reads.
pub fn format(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, length) in UNITS {
        let count = seconds / length;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
        seconds %= length;
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Writes the field that carries `#[serde(with = "starling_plugin::duration")]`.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// Reads the field that carries `#[serde(with = "starling_plugin::duration")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|error| de::Error::custom(format_args!("`{text}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<u64>) {
        assert_eq!(parse(text).ok(), seconds.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn people_write_durations_in_these_ways() {
        check("45s", Some(45));
        check("10m", Some(600));
        check(" 1H30m ", Some(5_400));
        check("1h 30m", Some(5_400));
        check("1w2d", Some(777_600));
        check("0s", Some(0));
    }

    #[test]
    fn what_has_no_unit_order_or_end_is_no_duration() {
        for text in [
            "",
            "10",
            "m",
            "10 m",
            "5m5m",
            "5s5m",
            "-5m",
            "1.5h",
            "10ms",
            "99999999999999999999s",
            "9999999999999999999w",
            "5é",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        for seconds in [0, 59, 60, 3_661, 1_000_000] {
            let text = format(Duration::from_secs(seconds));
            check(&text, Some(seconds));
        }
    }
}
