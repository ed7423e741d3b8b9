//! Padding that hides how long a message is (messages §3).

/// Messages are filled up to a multiple of this many bytes.
pub const BLOCK: usize = 160;

/// Marks the end of the message; only zeros follow.
const MARK: u8 = 0x80;

/// Appends the mark and zeros up to the next block.
///
/// When message and mark fill whole blocks already, one more is added, as the network's shared library does.
#[must_use]
pub fn pad(message: &[u8]) -> Vec<u8> {
    let mut padded = Vec::with_capacity(padded_len(message.len()));
    padded.extend_from_slice(message);
    padded.push(MARK);
    padded.resize(padded_len(message.len()), 0);
    padded
}

/// Length of a message of `len` bytes after [`pad`].
#[must_use]
pub const fn padded_len(len: usize) -> usize {
    ((len + 1) / BLOCK + 1) * BLOCK
}

/// Length that clients older than the shared library gave a message of `len` bytes; [`unpad`] reads both.
#[must_use]
pub const fn legacy_padded_len(len: usize) -> usize {
    (len + 2).div_ceil(BLOCK) * BLOCK - 1
}

/// Takes padding of any length off again.
///
/// What ends in no mark was not padded and comes back as it is, but for trailing zeros, which are dropped; an encoded
/// message never ends in zeros.
#[must_use]
pub fn unpad(padded: &[u8]) -> &[u8] {
    let end = padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match &padded[..end] {
        [message @ .., MARK] => message,
        unmarked => unmarked,
    }
}
