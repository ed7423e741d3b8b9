//! Hands a connection's bytes to HTTP in turns, so that it never has many requests at once.
//!
//! actix decodes all heads that it has read, before it looks how many requests wait. The shortest ones take some kilobytes
//! each once they are decoded, and a few thousand of them fit into what it reads at once. So a turn ends where a head may
//! end; what follows is kept until HTTP has had a look, and as long as a request is being worked on.

use bytes::{Buf as _, BytesMut};
use tokio::io::ReadBuf;

/// In a body, where a blank line means nothing, so many of them end a turn.
const LINES_OF_A_BODY: usize = 4;

/// Finds blank lines in bytes that come in pieces, and keeps what follows them.
#[derive(Debug)]
pub(super) struct Turns {
    /// Read already, for the turns to come.
    ahead: BytesMut,
    cut: Cut,
}

/// Where a turn ends.
#[derive(Debug)]
struct Cut {
    line: Line,
    /// Is a turn over, so that HTTP may look at what it has?
    is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Something stands on it.
    Written,
    /// Nothing stands on it yet.
    Empty,
}

impl Turns {
    /// With what was read already.
    pub(super) fn new(ahead: BytesMut) -> Self {
        Self { ahead, cut: Cut { line: Line::Written, is_over: false } }
    }

    /// Was a turn over? Tells it once.
    pub(super) fn take_over(&mut self) -> bool {
        std::mem::take(&mut self.cut.is_over)
    }

    /// Is something kept for later turns?
    pub(super) fn has_more(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Hands out what was kept; false if there is nothing.
    pub(super) fn hand_out(&mut self, buf: &mut ReadBuf<'_>, is_body: bool) -> bool {
        if self.ahead.is_empty() {
            return false;
        }
        let most = self.ahead.len().min(buf.remaining());
        let length = self.cut.turn(&self.ahead[..most], is_body);
        buf.put_slice(&self.ahead[..length]);
        self.ahead.advance(length);
        if self.ahead.is_empty() {
            // The memory is not needed for the rest of the connection's life.
            self.ahead = BytesMut::new();
        }
        true
    }

    /// Takes back what was read beyond the end of the turn. Nothing may be kept when this is called.
    pub(super) fn take_back(&mut self, buf: &mut ReadBuf<'_>, before: usize, is_body: bool) {
        let read = &buf.filled()[before..];
        let length = self.cut.turn(read, is_body);
        self.ahead.extend_from_slice(&read[length..]);
        buf.set_filled(before + length);
    }
}

impl Cut {
    /// How many of these bytes belong to this turn.
    fn turn(&mut self, bytes: &[u8], is_body: bool) -> usize {
        let mut lines = if is_body { LINES_OF_A_BODY } else { 1 };
        for (index, byte) in bytes.iter().enumerate() {
            match (byte, self.line) {
                // Some heads have line ends without a carriage return, and HTTP takes them.
                (b'\n', Line::Empty) => {
                    lines -= 1;
                    if lines == 0 {
                        self.line = Line::Written;
                        self.is_over = true;
                        return index + 1;
                    }
                }
                (b'\n', Line::Written) => self.line = Line::Empty,
                (b'\r', _) => {}
                _ => self.line = Line::Written,
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each turn is, when the bytes are read in pieces of that size.
    fn turns(bytes: &[u8], size: usize, is_body: bool) -> Vec<Vec<u8>> {
        let mut turns = Turns::new(BytesMut::new());
        let (mut handed, mut turn) = (Vec::new(), Vec::new());
        let mut unread = bytes;
        loop {
            let mut space = vec![0; size];
            let mut buf = ReadBuf::new(&mut space);
            if !turns.hand_out(&mut buf, is_body) {
                let length = unread.len().min(size);
                buf.put_slice(&unread[..length]);
                unread = &unread[length..];
                turns.take_back(&mut buf, 0, is_body);
            }
            turn.extend_from_slice(buf.filled());
            if turns.take_over() {
                handed.push(std::mem::take(&mut turn));
            } else if buf.filled().is_empty() {
                break;
            }
        }
        handed.push(turn);
        handed
    }

    #[test]
    fn a_turn_ends_with_a_head_however_it_came() {
        let heads: [&[u8]; 4] =
            [b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\nA: b\r\n\r\n", b"GET /\n\n", b"GET /\n\r\n"];
        let all = [&heads.concat()[..], b"rest"].concat();
        let expected: Vec<_> = heads.iter().map(|head| head.to_vec()).chain([b"rest".to_vec()]).collect();

        for size in [1, 2, 3, 7, 18, 1000] {
            assert_eq!(turns(&all, size, false), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_body_is_handed_out_in_larger_turns() {
        assert_eq!(turns(b"a\n\n\n\n\nb\n", 1000, true), [b"a\n\n\n\n\n".to_vec(), b"b\n".to_vec()]);
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_kept_longer_than_needed() {
        let bytes: Vec<u8> = (0..5000_u32).flat_map(u32::to_be_bytes).collect();
        assert_eq!(turns(&bytes, 777, false).concat(), bytes);

        let mut turns = Turns::new(BytesMut::from(&b"abc"[..]));
        let mut space = [0; 8];
        assert!(turns.hand_out(&mut ReadBuf::new(&mut space), false));
        assert_eq!((turns.ahead.capacity(), turns.take_over()), (0, false));
    }
}
