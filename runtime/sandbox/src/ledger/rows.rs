//! Rows as bytes, and back.

use std::sync::Arc;

use super::LedgerError;

/// How much a plugin keeps. Kept in clear, so that an operator may ask without any key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys with a value.
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
    /// Timers that are set.
    pub timers: u64,
    /// What waits to be sent.
    pub queued: u64,
    /// Events in quarantine.
    pub quarantined: u64,
    /// Quarantined events that made room for newer ones, ever since.
    pub dropped: u64,
}

impl Usage {
    pub(super) const LEN: usize = 48;

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let Self { keys, bytes, timers, queued, quarantined, dropped } = *self;
        let mut encoded = [0; Self::LEN];
        let places = encoded.chunks_exact_mut(8);
        for (place, number) in places.zip([keys, bytes, timers, queued, quarantined, dropped]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        encoded
    }

    /// The head of a row of `plugins/books/1`, and its sealed place.
    pub(super) fn split(row: &[u8]) -> Option<(Self, &[u8])> {
        let (head, sealed) = row.split_first_chunk::<{ Self::LEN }>()?;
        let mut numbers = head.as_chunks::<8>().0.iter().map(|number| u64::from_be_bytes(*number));
        let mut next = || numbers.next();
        let usage = Self {
            keys: next()?,
            bytes: next()?,
            timers: next()?,
            queued: next()?,
            quarantined: next()?,
            dropped: next()?,
        };
        Some((usage, sealed))
    }

    /// Something has left the queue.
    pub(super) fn take_queued(&mut self) {
        // A number that was altered on disk must not stop the writer.
        self.queued = self.queued.saturating_sub(1);
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { keys, bytes, timers, queued, quarantined, dropped } = other;
        self.keys = self.keys.saturating_add(*keys);
        self.bytes = self.bytes.saturating_add(*bytes);
        self.timers = self.timers.saturating_add(*timers);
        self.queued = self.queued.saturating_add(*queued);
        self.quarantined = self.quarantined.saturating_add(*quarantined);
        self.dropped = self.dropped.saturating_add(*dropped);
    }
}

/// How far a plugin has come, as of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the last message it was called for.
    pub(super) cursor: u64,
    /// Number of the next thing it sends; numbers begin at 1.
    pub(super) next_sending: u64,
    /// Number of the next event that is put into quarantine.
    pub(super) next_aside: u64,
    /// The version that ran last; empty before the first.
    pub(super) version: Arc<str>,
}

impl Default for Place {
    fn default() -> Self {
        Self { cursor: 0, next_sending: 1, next_aside: 1, version: "".into() }
    }
}

impl Place {
    pub(super) fn encode(&self) -> Vec<u8> {
        let numbers = [self.cursor, self.next_sending, self.next_aside].map(u64::to_be_bytes);
        [numbers.as_flattened(), self.version.as_bytes()].concat()
    }

    pub(super) fn decode(row: &[u8]) -> Option<Self> {
        let (cursor, rest) = take_u64(row)?;
        let (next_sending, rest) = take_u64(rest)?;
        let (next_aside, version) = take_u64(rest)?;
        Some(Self { cursor, next_sending, next_aside, version: std::str::from_utf8(version).ok()?.into() })
    }
}

/// When a timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Firing {
    /// Unix milliseconds.
    pub(super) due_at: u64,
    /// Milliseconds between firings, if there are several.
    pub(super) every: Option<u64>,
}

impl Firing {
    pub(super) fn encode(&self, name: &str) -> Vec<u8> {
        let numbers = [self.due_at, self.every.unwrap_or(0)].map(u64::to_be_bytes);
        [numbers.as_flattened(), name.as_bytes()].concat()
    }

    pub(super) fn decode(row: &[u8]) -> Option<(Box<str>, Self)> {
        let (due_at, rest) = take_u64(row)?;
        let (every, name) = take_u64(rest)?;
        let every = Some(every).filter(|every| *every > 0);
        Some((std::str::from_utf8(name).ok()?.into(), Self { due_at, every }))
    }

    /// What becomes of the timer when it has fired: it is gone, or fires at the next of its times that is not past, however many were
    /// missed.
    pub(super) fn after_firing(&self, now_ms: u64) -> Option<Self> {
        let every = self.every?;
        let missed = now_ms.saturating_sub(self.due_at) / every;
        let due_at = self.due_at.saturating_add(missed.saturating_add(1).saturating_mul(every));
        Some(Self { due_at, ..*self })
    }
}

/// What is remembered of something that left the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// It was taken back at this time, perhaps while it was being sent.
    Withdrawn { at: u64 },
    /// It was sent.
    Sent { sent_at: u64, conversation: String },
}

impl Left {
    pub(super) const fn at(&self) -> u64 {
        match self {
            Self::Withdrawn { at } => *at,
            Self::Sent { sent_at, .. } => *sent_at,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (mark, conversation) = match self {
            Self::Withdrawn { .. } => (0, ""),
            Self::Sent { conversation, .. } => (1, conversation.as_str()),
        };
        [&[mark], self.at().to_be_bytes().as_slice(), conversation.as_bytes()].concat()
    }

    pub(super) fn decode(row: &[u8]) -> Option<Self> {
        let (mark, rest) = row.split_first()?;
        let (at, conversation) = take_u64(rest)?;
        match mark {
            0 if conversation.is_empty() => Some(Self::Withdrawn { at }),
            1 => Some(Self::Sent {
                sent_at: at,
                conversation: std::str::from_utf8(conversation).ok()?.to_owned(),
            }),
            _ => None,
        }
    }
}

/// What a row that cannot be decoded means.
pub(super) fn decoded<T>(table: &'static str, row: Option<T>) -> Result<T, LedgerError> {
    row.ok_or(LedgerError::Unreadable { table })
}

fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_written_and_shorter_ones_are_refused() {
        let usage = Usage { keys: 1, bytes: 2, timers: 3, queued: 4, quarantined: 5, dropped: u64::MAX };
        let place = Place { cursor: 7, next_sending: 8, next_aside: 9, version: "1.2.3".into() };
        let firing = Firing { due_at: 5, every: Some(1000) };
        let sent = Left::Sent { sent_at: 6, conversation: "05aa".to_owned() };

        assert_eq!(Usage::split(&usage.encode()), Some((usage, &[][..])));
        assert_eq!(Place::decode(&place.encode()), Some(place));
        assert_eq!(Firing::decode(&firing.encode("t")), Some(("t".into(), firing)));
        let once = Firing { every: None, ..firing };
        assert_eq!(Firing::decode(&once.encode("t")), Some(("t".into(), once)));
        for left in [sent, Left::Withdrawn { at: 6 }] {
            assert_eq!(Left::decode(&left.encode()), Some(left.clone()));
        }
        assert_eq!(Usage::split(&[0; 47]), None);
        assert_eq!(Place::decode(&[0; 23]), None);
        assert_eq!(Firing::decode(&[0; 15]), None);
        assert_eq!(Left::decode(&[1; 8]), None);
        assert_eq!(Left::decode(&[2; 12]), None);
    }

    #[test]
    fn a_timer_that_missed_many_of_its_times_goes_on_with_the_next() {
        let timer = Firing { due_at: 1000, every: Some(500) };
        let next = |now| timer.after_firing(now).map(|firing| firing.due_at);

        assert_eq!([1000, 1499, 1500, 9999].map(next), [Some(1500), Some(1500), Some(2000), Some(10_000)]);
        assert_eq!(next(u64::MAX), Some(u64::MAX));
        assert_eq!(Firing { every: None, ..timer }.after_firing(1000), None);
    }
}
