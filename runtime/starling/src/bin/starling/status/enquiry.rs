//! One question over plain HTTP/1.0, which needs no client library: the answer ends with the connection.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long connecting and answering may take together.
const WITHIN: Duration = Duration::from_secs(10);
/// A status has some kilobytes.
const LONGEST: u64 = 4 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody took the connection.
    Connect(io::Error),
    /// It broke off.
    Broken(io::Error),
    /// It took too long.
    Late,
    /// More came than could be an answer.
    TooLong,
    /// An answer, but not the one.
    Status(u16),
    /// What came is no HTTP.
    NoAnswer,
}

/// The body of what `address` answers to a GET.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>, Refusal> {
    let answer = timeout(WITHIN, exchange(address, path)).await.map_err(|_| Refusal::Late)??;
    body(&answer)
}

async fn exchange(address: SocketAddr, path: &str) -> Result<Vec<u8>, Refusal> {
    let mut stream = TcpStream::connect(address).await.map_err(Refusal::Connect)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(Refusal::Broken)?;
    let mut answer = Vec::new();
    stream.take(LONGEST + 1).read_to_end(&mut answer).await.map_err(Refusal::Broken)?;
    if answer.len() as u64 > LONGEST { Err(Refusal::TooLong) } else { Ok(answer) }
}

fn body(answer: &[u8]) -> Result<Vec<u8>, Refusal> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or(Refusal::NoAnswer)?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| Refusal::NoAnswer)?;
    let status_line =
        head.lines().next().filter(|line| line.starts_with("HTTP/1.")).ok_or(Refusal::NoAnswer)?;
    match status_line.split(' ').nth(1).and_then(|status| status.parse().ok()) {
        Some(200) => Ok(answer[end + 4..].to_vec()),
        Some(status) => Err(Refusal::Status(status)),
        None => Err(Refusal::NoAnswer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_comes_after_the_head() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\":1}\r\n";

        assert_eq!(body(answer).unwrap(), b"{\"a\":1}\r\n");
    }

    #[test]
    fn anything_but_an_answer_is_refused() {
        assert!(matches!(body(b"HTTP/1.0 404 Not Found\r\n\r\nno"), Err(Refusal::Status(404))));
        for answer in
            [&b""[..], b"SSH-2.0-x\r\n\r\n", b"HTTP/1.0 \r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"\xff\r\n\r\n"]
        {
            assert!(matches!(body(answer), Err(Refusal::NoAnswer)), "{answer:?}");
        }
    }
}
