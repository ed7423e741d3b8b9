//! Sending.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Conversation, Error, MessageRef,
    imports::{Backing, Imports as _},
};

/// How many characters one text may have.
const LONGEST: usize = 2_000;

/// Sending in the plugin's account.
///
/// What is sent leaves when the call has ended well, together with all else that the call changed. A call that fails sends
/// nothing.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    backing: &'a Backing,
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// Queues a text of 1 to 2,000 characters. Needs `send`, for this conversation.
    pub fn send(&self, to: &Conversation, body: &str) -> Result<Sending, Error> {
        self.backing.outbox_send(to, body).map(Sending)
    }

    /// Queues a text of any length, in as many messages as it needs; lines stay whole where they can.
    pub fn send_long(&self, to: &Conversation, body: &str) -> Result<Vec<Sending>, Error> {
        pieces(body).iter().map(|piece| self.send(to, piece)).collect()
    }

    /// Queues a text that quotes a message, such as `message.origin`. Needs `send`.
    pub fn reply(&self, to: &MessageRef, body: &str) -> Result<Sending, Error> {
        self.backing.outbox_reply(to, body).map(Sending)
    }

    /// Queues an emoji on a message. Needs `react`.
    pub fn react(&self, to: &MessageRef, emoji: &str) -> Result<(), Error> {
        self.backing.outbox_react(to, emoji, false)
    }

    /// Takes the plugin's own emoji off a message. Needs `react`.
    pub fn take_back_reaction(&self, to: &MessageRef, emoji: &str) -> Result<(), Error> {
        self.backing.outbox_react(to, emoji, true)
    }

    /// Takes back a message that this plugin sent, for everybody. Needs `delete`.
    ///
    /// [`NotFound`](Error::NotFound): no message of this plugin, or one sent more than 14 days ago.
    pub fn delete(&self, sent: &Sending) -> Result<(), Error> {
        self.backing.outbox_delete_own(&sent.0)
    }
}

/// Names a message on its way, for good; to take it back later, keep this in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sending(pub(crate) String);

impl Sending {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text in pieces that may be sent, cut at the ends of lines, and inside of a line only when it alone is too long.
fn pieces(body: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for line in body.lines() {
        for part in parts(line) {
            let more = part.chars().count();
            if length > 0 && length + 1 + more > LONGEST {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            if length > 0 {
                piece.push('\n');
                length += 1;
            }
            piece.push_str(part);
            length += more;
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// A line in parts that are no longer than a text may be; an empty line is one part.
fn parts(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some((cut, _)) = rest.char_indices().nth(LONGEST) {
        let (part, behind) = rest.split_at(cut);
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_one_piece() {
        assert_eq!(pieces("one\n\ntwo"), ["one\n\ntwo"]);
    }

    #[test]
    fn a_long_text_is_cut_at_the_ends_of_lines() {
        let line = "ä".repeat(900);
        let text = [line.as_str(); 5].join("\n");

        let pieces = pieces(&text);

        let pair = format!("{line}\n{line}");
        assert_eq!(pieces, [pair.clone(), pair, line]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_inside() {
        let pieces = pieces(&"x".repeat(4_500));

        let lengths: Vec<_> = pieces.iter().map(String::len).collect();
        assert_eq!(lengths, [2_000, 2_000, 500]);
    }

    #[test]
    fn nothing_but_space_is_nothing_to_send() {
        assert_eq!(pieces(" \n\n "), Vec::<String>::new());
    }
}
