//! One message, and its bencoded list.

use bytes::Bytes;

use super::FrameError;

/// One message. Ids are the sender's own of a command; a reply carries the id of the command that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `C`: something is asked or told.
    Command {
        /// Counts up from 0 per stream and direction.
        id: i64,
        /// What is asked for. Any bytes, as a stranger sent them.
        name: Bytes,
        /// What it is asked with.
        body: Bytes,
    },
    /// `R`: it was done.
    Reply {
        /// The command's.
        id: i64,
        /// The answer.
        body: Bytes,
    },
    /// `E`: it was not.
    Error {
        /// The command's.
        id: i64,
        /// Why.
        body: Bytes,
    },
}

impl Message {
    /// The id.
    #[must_use]
    pub const fn id(&self) -> i64 {
        match self {
            Self::Command { id, .. } | Self::Reply { id, .. } | Self::Error { id, .. } => *id,
        }
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        match self {
            Self::Command { body, .. } | Self::Reply { body, .. } | Self::Error { body, .. } => body,
        }
    }

    /// How long the list is; a message whose list is longer than [`MAX_LEN`](super::MAX_LEN) is read by nobody.
    #[must_use]
    pub fn list_len(&self) -> usize {
        let string = |length: usize| length.to_string().len() + 1 + length;
        let name = match self {
            Self::Command { name, .. } => string(name.len()),
            Self::Reply { .. } | Self::Error { .. } => 0,
        };
        "l1:Ci".len() + self.id().to_string().len() + "e".len() + name + string(self.body().len()) + "e".len()
    }

    /// The whole message, its length before it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let list_len = self.list_len();
        let length = list_len.to_string();
        let mut out = Vec::with_capacity(length.len() + 1 + list_len);
        out.extend_from_slice(length.as_bytes());
        out.extend_from_slice(match self {
            Self::Command { .. } => b":l1:Ci",
            Self::Reply { .. } => b":l1:Ri",
            Self::Error { .. } => b":l1:Ei",
        });
        out.extend_from_slice(self.id().to_string().as_bytes());
        out.push(b'e');
        if let Self::Command { name, .. } = self {
            crate::bencode::encode_bytes(name, &mut out);
        }
        crate::bencode::encode_bytes(self.body(), &mut out);
        out.push(b'e');
        out
    }

    /// Reads the list of a message: its strings are parts of `list`, nothing is copied.
    ///
    /// # Errors
    /// [`FrameError::List`], also when bytes follow the list.
    pub fn parse(list: &Bytes) -> Result<Self, FrameError> {
        Parts { list, at: 0 }.message().ok_or(FrameError::List)
    }
}

/// Reads the parts of a list in turn; `None` is a list of another form.
pub(super) struct Parts<'a> {
    pub(super) list: &'a Bytes,
    pub(super) at: usize,
}

/// The letter of a message's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Reply,
    Error,
}

impl Parts<'_> {
    fn message(mut self) -> Option<Message> {
        let (kind, id) = self.head()?;
        let message = match kind {
            Kind::Command => Message::Command { id, name: self.string()?, body: self.string()? },
            Kind::Reply => Message::Reply { id, body: self.string()? },
            Kind::Error => Message::Error { id, body: self.string()? },
        };
        (self.byte()? == b'e' && self.at == self.list.len()).then_some(message)
    }

    /// The kind and the id, which every form begins with.
    pub(super) fn head(&mut self) -> Option<(Kind, i64)> {
        let start = self.list.get(self.at..self.at + 4)?;
        let kind = match start {
            b"l1:C" => Kind::Command,
            b"l1:R" => Kind::Reply,
            b"l1:E" => Kind::Error,
            _ => return None,
        };
        self.at += start.len();
        Some((kind, self.integer()?))
    }

    fn integer(&mut self) -> Option<i64> {
        if self.byte()? != b'i' {
            return None;
        }
        let text = self.until(b'e', "-9223372036854775808".len())?;
        // A sign is read by `parse` as well, but a plus is none of bencode's.
        if text.starts_with('+') { None } else { text.parse().ok() }
    }

    fn string(&mut self) -> Option<Bytes> {
        let text = self.until(b':', super::MAX_LEN_TEXT - 1)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length: usize = text.parse().ok()?;
        let end = self.at.checked_add(length)?;
        if end > self.list.len() {
            return None;
        }
        let string = self.list.slice(self.at..end);
        self.at = end;
        Some(string)
    }

    /// The text up to `last`, which is stepped over; of at most so many bytes.
    fn until(&mut self, last: u8, most: usize) -> Option<&str> {
        let rest = self.list.get(self.at..)?;
        let length = rest.iter().take(most + 1).position(|byte| *byte == last)?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.list.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }
}
