//! HTTP requests that no HTTP library would send, written byte by byte.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use reqwest::Url;
use rustls::pki_types::ServerName;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::Reply;
use crate::{insecure_tls, replay::transcript::Http};

const WITHIN: Duration = Duration::from_secs(30);
/// No answer to such a request is longer.
const LONGEST: usize = 1 << 20;

/// Sends head and body as they are written, and reads one answer.
///
/// # Errors
/// No answer, or none that HTTP/1.1 knows.
pub(super) async fn send(base: &str, http: &Http, body: &[u8]) -> Result<(Reply, Vec<u8>)> {
    tokio::time::timeout(WITHIN, exchange(base, http, body))
        .await
        .with_context(|| format!("no answer within {WITHIN:?}"))?
}

async fn exchange(base: &str, http: &Http, body: &[u8]) -> Result<(Reply, Vec<u8>)> {
    let url: Url = base.parse().with_context(|| format!("{base} is no URL"))?;
    let host = url.host_str().context("a URL without host")?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().context("a URL without port")?;
    let stream =
        TcpStream::connect((host.as_str(), port)).await.with_context(|| format!("no TCP at {base}"))?;
    let name = ServerName::try_from(host.clone()).context("a host's name")?;
    let mut stream = TlsConnector::from(Arc::new(insecure_tls())).connect(name, stream).await?;

    let headers: String = http.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{} {} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}\r\n", http.method, http.path);
    stream.write_all(&[head.as_bytes(), body].concat()).await?;

    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read_buf(&mut bytes).await.context("no whole head")?;
        ensure!(read > 0 && bytes.len() < LONGEST, "the answer ends within its head");
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut reply = parse_head(&head)?;
    let length = reply.headers.get("content-length").map_or("0", String::as_str);
    let length: usize = length.parse().with_context(|| format!("a body of {length} bytes"))?;
    ensure!(length < LONGEST, "a body of {length} bytes");
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        ensure!(
            stream.read_buf(&mut body).await.context("no whole body")? > 0,
            "the answer ends within its body"
        );
    }
    reply.body = Json::Null;
    Ok((reply, body))
}

fn parse_head(head: &str) -> Result<Reply> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).context("not HTTP/1.1")?;
    let status = status.get(..3).and_then(|status| status.parse().ok()).context("no status")?;
    let mut reply = Reply::new(status, Json::Null);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        reply.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(reply)
}
