//! Events that were put aside, because the plugin could not handle them.

use serde::{Deserialize, Serialize};

use super::limits::MAX_TEXT_BYTES;
use crate::event::Event;

/// An event in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its number; a later event has a greater one.
    pub number: u64,
    /// When it was put here, Unix milliseconds.
    pub at_ms: u64,
    /// The event.
    pub event: Event,
    /// Why it is here.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A row of `plugins/quarantine/1` before it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsideRow {
    at_ms: u64,
    event: Event,
    reason: String,
    attempts: u32,
}

impl Aside {
    /// The reason is cut to what is kept of it.
    pub(super) fn encode(at_ms: u64, event: &Event, reason: &str, attempts: u32) -> Vec<u8> {
        let reason = reason[..reason.floor_char_boundary(MAX_TEXT_BYTES)].to_owned();
        let row = AsideRow { at_ms, event: event.clone(), reason, attempts };
        serde_json::to_vec(&row).expect("an event can be written as JSON")
    }

    pub(super) fn decode(number: u64, row: &[u8]) -> Option<Self> {
        let AsideRow { at_ms, event, reason, attempts } = serde_json::from_slice(row).ok()?;
        Some(Self { number, at_ms, event, reason, attempts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_was_and_a_long_reason_is_cut_between_characters() {
        let event = Event::Timer { name: "t".to_owned() };

        let aside = Aside::decode(4, &Aside::encode(1, &event, &"\u{e9}x".repeat(600), 3)).unwrap();

        assert_eq!((aside.number, aside.at_ms, aside.attempts), (4, 1, 3));
        assert_eq!(aside.event, event);
        assert_eq!(aside.reason.len(), MAX_TEXT_BYTES - 1);
    }
}
