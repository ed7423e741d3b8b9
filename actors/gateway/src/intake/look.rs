//! A look at the first head of a connection, before HTTP takes it over.
//!
//! It is needed because actix refuses a `Content-Length` that is no number by itself, and without the text that storage-rpc
//! §1.1 promises. It is taken at the first request of a connection, as far as its head came in one piece; further requests
//! that are malformed in this way get actix's own 400.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Ended, TlsSocket};
use crate::{
    edge::Edge,
    metrics::{self, Refusal},
};

/// How much of a first head is looked at, in bytes; clients send some hundred.
const LOOK: usize = 8 << 10;

/// Reads what came first, and answers by itself if that is a head with a malformed length.
pub(super) async fn look(io: &mut TlsSocket, edge: &Edge) -> Result<BytesMut, Ended> {
    let mut ahead = BytesMut::with_capacity(LOOK);
    io.read_buf(&mut ahead).await.map_err(|_| Ended)?;
    if has_malformed_length(&ahead) {
        metrics::refused(Refusal::Broken);
        io.write_all(edge.bad_length().as_bytes()).await.map_err(|_| Ended)?;
        io.shutdown().await.map_err(|_| Ended)?;
        return Err(Ended);
    }
    Ok(ahead)
}

/// Is there a whole head with a `Content-Length` that is no decimal number of 64 bits?
fn has_malformed_length(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').skip(1);
    lines.any(|line| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return false };
        let value = value.trim_ascii();
        let is_number = value.iter().all(u8::is_ascii_digit)
            && std::str::from_utf8(value).is_ok_and(|value| value.parse::<u64>().is_ok());
        name.eq_ignore_ascii_case(b"content-length") && !is_number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, is_malformed: bool) {
        assert_eq!(has_malformed_length(head.as_bytes()), is_malformed, "{head:?}");
    }

    #[test]
    fn only_a_whole_head_with_a_length_that_is_no_number_is_malformed() {
        for length in ["ten", "-1", "+1", "1x", "", "1 2", "99999999999999999999999"] {
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"), true);
            check(&format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-LENGTH:{length}\r\n\r\nbody"), true);
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n"), false);
            check(&format!("POST / HTTP/1.1\r\nX-Content-Length: {length}\r\n\r\n"), false);
            check(&format!("POST / HTTP/1.1\r\n\r\nContent-Length: {length}\r\n\r\n"), false);
        }
        for length in ["0", "10485761", " 7 ", "18446744073709551615"] {
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"), false);
        }
        check("", false);
        check("\r\n\r\n", false);
        check("\n:\n\r\n\r\n", false);
    }
}
