//! A TLS server that does nothing: what the load generator reaches against it is what it can do at most.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// A running server; stopped when dropped.
pub(crate) struct Trivial {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Trivial {
    /// Starts it on threads of its own.
    pub(crate) fn start() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).context("no certificate")?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Runtime::new().context("no runtime")?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("no listener")?;
        let address = listener.local_addr().context("no listener")?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(stream).await;
                    }
                });
            }
        });
        Ok(Self { address, _runtime: runtime })
    }
}

/// Answers whatever has a head and as much body as that announces.
async fn answer(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut held = Vec::new();
    loop {
        while let Some(length) = whole_request(&held) {
            held.drain(..length);
            if stream.write_all(ANSWER).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut held).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn whole_request(held: &[u8]) -> Option<usize> {
    let head = held.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&held[..head]).ok()?;
    let announced = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = head + announced.unwrap_or(0);
    (held.len() >= length).then_some(length)
}
