//! Messages on a QUIC stream. The first byte says in what pieces they arrive: it makes no difference, and what was read is
//! written so that it reads alike.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use starling_protocol::quic_frame::{FrameError, Frames, MAX_LEN, Message};

fn read(pieces: impl Iterator<Item = Bytes>) -> (Vec<Message>, Result<(), FrameError>) {
    let (mut frames, mut messages) = (Frames::new(), Vec::new());
    for mut piece in pieces {
        loop {
            match frames.read(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(piece.is_empty() && frames.held() <= MAX_LEN);
        let _ = frames.head();
    }
    let ended = frames.finish();
    (messages, ended)
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let whole = read(std::iter::once(Bytes::copy_from_slice(stream)));
    let in_pieces = read(stream.chunks(usize::from(*size).max(1)).map(Bytes::copy_from_slice));
    assert_eq!(whole, in_pieces);

    let written: Vec<u8> = whole.0.iter().flat_map(Message::encode).collect();
    assert_eq!(read(std::iter::once(Bytes::from(written))), (whole.0, Ok(())));
});
