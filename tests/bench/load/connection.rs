//! One HTTP/1.1 connection over TLS.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::target::Target;

/// How long one answer, or a handshake, is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection; closed when dropped.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    host: String,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Connects; `number` picks the address it comes from, where there are several.
    pub(crate) async fn open(target: &Target, number: usize) -> Result<Self> {
        timeout(PATIENCE, Self::connect(target, number)).await.context("no connection in time")?
    }

    async fn connect(target: &Target, number: usize) -> Result<Self> {
        let stream = tls(target, target.source(number)).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.context("no HTTP/1.1")?;
        let driver = tokio::spawn(async move {
            // How it ends is told to whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Self { sender, driver, host: target.host.clone() })
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<Answer> {
        timeout(PATIENCE, self.exchange(path, body)).await.context("no answer in time")?
    }

    async fn exchange(&mut self, path: &str, body: Bytes) -> Result<Answer> {
        let request = Request::post(path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .context("the request cannot be written")?;
        self.sender.ready().await.context("the connection was closed")?;
        let answer = self.sender.send_request(request).await.context("no answer")?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.context("the answer breaks off")?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A TLS connection that speaks no HTTP yet.
pub(crate) async fn tls(target: &Target, source: Option<IpAddr>) -> Result<TlsStream<TcpStream>> {
    let stream = tcp(target.address, source).await?;
    let connector = tokio_rustls::TlsConnector::from(target.tls.clone());
    connector.connect(target.name.clone(), stream).await.context("no TLS")
}

/// A TCP connection from that address.
pub(crate) async fn tcp(to: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.context("no socket")?;
    if let Some(source) = source {
        // With the port left open until the other end is known, an address has 28,000 of them for each.
        socket.bind(SocketAddr::new(source, 0)).with_context(|| format!("{source} cannot be used"))?;
    }
    let stream = socket.connect(to).await.context("no connection")?;
    stream.set_nodelay(true).context("no connection")?;
    Ok(stream)
}
