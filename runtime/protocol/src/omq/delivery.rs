//! What a listener's message tells a client.

use bytes::Bytes;

use super::refusal::{About, Refusal, Refused};
use super::{BYE, HELLO, REPLY};

/// A listener's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The answer to `HI`.
    Hello,
    /// The listener closes the connection.
    Bye,
    /// The answer to a request.
    Reply {
        /// The request's tag.
        tag: Bytes,
        /// The parts after it.
        data: Vec<Bytes>,
    },
    /// A command was not carried out.
    Refused(Refused),
    /// A command of the listener's own: a notification.
    Command {
        /// Its name.
        name: Bytes,
        /// The parts after it.
        data: Vec<Bytes>,
    },
}

impl Delivery {
    /// Reads the parts; `None` when they are no message at all.
    #[must_use]
    pub fn parse(parts: Vec<Bytes>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        if first == HELLO {
            return Some(Self::Hello);
        }
        if first == BYE {
            return Some(Self::Bye);
        }
        if first == REPLY {
            return Some(Self::Reply { tag: parts.next()?, data: parts.collect() });
        }
        if let Some(refusal) = Refusal::parse(&first) {
            let second = parts.next()?;
            let about = match parts.next() {
                Some(tag) if second == REPLY => About::Tag(tag),
                _ => About::Command(second),
            };
            return Some(Self::Refused(Refused { refusal, about }));
        }
        Some(Self::Command { name: first, data: parts.collect() })
    }
}
