//! Waits until nodes can serve, by asking what an operator would ask: `GET /readyz`.

use std::{net::SocketAddr, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use indicatif::ProgressBar;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::node::Node;
use crate::exit::Failure;

/// How long all nodes together may take from being listed to being ready.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The pause between two questions to one node.
const ASK_EVERY: Duration = Duration::from_millis(150);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// An answer is a status and a few reasons.
const MAX_ANSWER: u64 = 64 << 10;

/// Waits until every node is ready; the failure names one that is not, and its reasons.
pub(crate) async fn wait_for_all(nodes: &[Node], bar: &ProgressBar) -> Result<(), Failure> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    let mut waiting: FuturesUnordered<_> = nodes.iter().map(|node| wait_for(node, deadline)).collect();
    while let Some(outcome) = waiting.next().await {
        outcome?;
        bar.inc(1);
    }
    Ok(())
}

async fn wait_for(node: &Node, deadline: tokio::time::Instant) -> Result<(), Failure> {
    let Some(operator) = node.listening.gateway.operator else {
        return Err(Failure::config(format!(
            "node {} has no operator's listener to ask whether it is ready",
            node.index
        )));
    };
    loop {
        let answer = tokio::time::timeout(ANSWER_WITHIN, ask(operator)).await;
        let reason = match answer {
            Ok(Ok(Answer { status: 200, .. })) => return Ok(()),
            Ok(Ok(Answer { body, .. })) => body,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(Failure::machine(format!(
                "node {} was not ready within {READY_WITHIN:?}: {}",
                node.index,
                reason.trim()
            )));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

struct Answer {
    status: u16,
    body: String,
}

/// One request over plain HTTP on loopback, for which a whole client would be much.
async fn ask(operator: SocketAddr) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(operator).await?;
    stream
        .write_all(
            format!("GET /readyz HTTP/1.1\r\nHost: {operator}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut bytes).await?;
    parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidData, "the operator's listener did not answer in HTTP")
    })
}

fn parse(text: &str) -> Option<Answer> {
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 8\r\n\r\nstarting").unwrap();

        assert_eq!((answer.status, answer.body.as_str()), (503, "starting"));
        for broken in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 2\r\n\r\n"] {
            assert!(parse(broken).is_none(), "{broken}");
        }
    }
}
