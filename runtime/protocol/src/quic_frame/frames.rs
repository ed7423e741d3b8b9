//! Reads messages out of a stream that arrives in pieces.

use std::mem;

use bytes::{Buf as _, Bytes, BytesMut};

use super::message::{Kind, Parts};
use super::{FrameError, MAX_LEN, MAX_LEN_TEXT, Message};

/// The reading side of one stream.
///
/// It holds no more than what arrived of one unfinished message: an announced length alone allocates nothing.
#[derive(Debug, Default)]
pub struct Frames {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Digits of a length were read, or none yet.
    Length { digits: usize, announced: usize },
    /// The list is being collected.
    List { announced: usize, so_far: BytesMut },
    /// The rest of an unwanted list is thrown away as it arrives.
    Skipping { missing: usize },
    /// Nothing can be read any more.
    Broken(FrameError),
}

impl Default for State {
    fn default() -> Self {
        Self::Length { digits: 0, announced: 0 }
    }
}

/// What is known of a message before it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Too little has arrived.
    Unknown,
    /// A command, which will want an answer with this id.
    Command(i64),
    /// A reply, an error reply, or nothing that can be read: nobody waits for an answer.
    Unanswered,
}

impl Frames {
    /// A stream of which nothing has arrived.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what arrived, up to the end of the first whole message, which is returned. What is left in `arrived` belongs to the
    /// messages after it; nothing is left when `None` is returned.
    ///
    /// # Errors
    /// The bytes are no message. Every further call gives the same error.
    pub fn read(&mut self, arrived: &mut Bytes) -> Result<Option<Message>, FrameError> {
        let read = self.advance(arrived);
        if let Err(error) = read {
            self.state = State::Broken(error);
            arrived.clear();
        }
        read
    }

    fn advance(&mut self, arrived: &mut Bytes) -> Result<Option<Message>, FrameError> {
        loop {
            match &mut self.state {
                State::Broken(error) => return Err(*error),
                State::Length { digits, announced } => {
                    let Some(byte) = arrived.first().copied() else { return Ok(None) };
                    arrived.advance(1);
                    match byte {
                        b'0'..=b'9' if *digits + 1 < MAX_LEN_TEXT => {
                            *digits += 1;
                            *announced = *announced * 10 + usize::from(byte - b'0');
                        }
                        b':' if *digits > 0 => {
                            let announced = *announced;
                            if announced > MAX_LEN {
                                return Err(FrameError::TooLong { announced });
                            }
                            self.state = State::List { announced, so_far: BytesMut::new() };
                        }
                        _ => return Err(FrameError::Length),
                    }
                }
                State::List { announced, so_far } => {
                    let missing = *announced - so_far.len();
                    if arrived.len() < missing {
                        so_far.extend_from_slice(arrived);
                        arrived.clear();
                        return Ok(None);
                    }
                    let last = arrived.split_to(missing);
                    let list = if so_far.is_empty() {
                        last
                    } else {
                        so_far.extend_from_slice(&last);
                        mem::take(so_far).freeze()
                    };
                    self.state = State::default();
                    return Message::parse(&list).map(Some);
                }
                State::Skipping { missing } => {
                    let skipped = arrived.len().min(*missing);
                    arrived.advance(skipped);
                    *missing -= skipped;
                    if *missing > 0 {
                        return Ok(None);
                    }
                    self.state = State::default();
                }
            }
        }
    }

    /// How many bytes of an unfinished message are held.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::List { so_far, .. } => so_far.len(),
            _ => 0,
        }
    }

    /// Has a message begun that has not ended?
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !matches!(&self.state, State::Length { digits: 0, .. })
    }

    /// Who would have to be answered if the unfinished message were not read to its end.
    #[must_use]
    pub fn head(&self) -> Head {
        // The longest beginning: `l1:Ci-9223372036854775808e`.
        const LONGEST: usize = 26;
        let State::List { so_far, announced } = &self.state else { return Head::Unknown };
        let start = Bytes::copy_from_slice(&so_far[..so_far.len().min(LONGEST)]);
        match (Parts { list: &start, at: 0 }).head() {
            Some((Kind::Command, id)) => Head::Command(id),
            None if so_far.len() < LONGEST.min(*announced) => Head::Unknown,
            _ => Head::Unanswered,
        }
    }

    /// Throws the unfinished message away, what has arrived of it and what will.
    pub fn skip(&mut self) {
        if let State::List { announced, so_far } = &self.state {
            self.state = State::Skipping { missing: announced - so_far.len() };
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] inside a message, or what was wrong before.
    pub fn finish(&self) -> Result<(), FrameError> {
        match &self.state {
            State::Broken(error) => Err(*error),
            _ if self.is_inside() => Err(FrameError::Truncated),
            _ => Ok(()),
        }
    }
}
