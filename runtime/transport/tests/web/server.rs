//! A small web server that answers every request alike, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, SupportedProtocolVersion, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The body that was sent.
    Echo,
    /// These bytes, head and all; then the connection is closed.
    Raw(Vec<u8>),
    /// So many bytes, in one piece or in chunks of unknown number.
    Long { bytes: usize, is_announced: bool },
    /// Nothing, ever.
    Never,
}

impl Answer {
    pub(crate) fn raw(text: &str) -> Self {
        Self::Raw(text.as_bytes().to_vec())
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The lines of its head.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Its certificate (DER), where it has one.
    pub(crate) certificate: Vec<u8>,
    seen: Arc<Mutex<Vec<Request>>>,
    counts: watch::Receiver<Counts>,
}

/// What happened to connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) opened: usize,
    pub(crate) asked: usize,
    /// Of the body of a long answer, over all connections.
    pub(crate) sent: usize,
    pub(crate) closed: usize,
}

impl Server {
    /// On 127.0.0.2, which a connection comes to from another address: like a server elsewhere.
    pub(crate) async fn elsewhere(answer: Answer) -> Self {
        Self::start("127.0.0.2:0", answer, None).await
    }

    /// On 127.0.0.1: this machine.
    pub(crate) async fn here(answer: Answer) -> Self {
        Self::start("127.0.0.1:0", answer, None).await
    }

    /// With TLS, and a certificate that is its own authority.
    pub(crate) async fn secure(
        names: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        answer: Answer,
    ) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Self::start("127.0.0.2:0", answer, Some(acceptor)).await;
        Self { certificate: made.cert.der().to_vec(), ..server }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts are such.
    pub(crate) async fn until(&mut self, is_so: impl FnMut(&Counts) -> bool) -> Counts {
        *self.counts.wait_for(is_so).await.unwrap()
    }

    async fn start(listen: &str, answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (count, counts) = watch::channel(Counts::default());
        let (sees, count) = (Arc::clone(&seen), Arc::new(count));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer) = (tls.clone(), answer.clone());
                let (sees, count) = (Arc::clone(&sees), Arc::clone(&count));
                tokio::spawn(async move {
                    count.send_modify(|counts| counts.opened += 1);
                    match tls {
                        None => converse(stream, answer, &sees, &count).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, answer, &sees, &count).await;
                            }
                        }
                    }
                    count.send_modify(|counts| counts.closed += 1);
                });
            }
        });
        Self { address, certificate: Vec::new(), seen, counts }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: Answer,
    seen: &Mutex<Vec<Request>>,
    count: &watch::Sender<Counts>,
) {
    let Some(request) = read(&mut stream).await else { return };
    let body = request.body.clone();
    seen.lock().unwrap().push(request);
    count.send_modify(|counts| counts.asked += 1);
    match answer {
        Answer::Echo => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
        Answer::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Answer::Long { bytes, is_announced } => long(&mut stream, bytes, is_announced, count).await,
        Answer::Never => {
            // Until whoever asked goes away.
            let _ = stream.read(&mut [0]).await;
        }
    }
    let _ = stream.shutdown().await;
}

async fn long<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: usize,
    is_announced: bool,
    count: &watch::Sender<Counts>,
) {
    let head = match is_announced {
        true => format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n"),
        false => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
    };
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    const PIECE: usize = 1 << 16;
    for _ in 0..bytes / PIECE {
        let piece = match is_announced {
            true => vec![b'x'; PIECE],
            false => [format!("{PIECE:x}\r\n").as_bytes(), &vec![b'x'; PIECE], b"\r\n"].concat(),
        };
        if stream.write_all(&piece).await.is_err() {
            return;
        }
        count.send_modify(|counts| counts.sent += PIECE);
    }
    if !is_announced {
        let _ = stream.write_all(b"0\r\n\r\n").await;
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut chunk).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    };
    let head: Vec<String> =
        String::from_utf8(bytes[..end].to_vec()).unwrap().lines().map(str::to_owned).collect();
    let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        match stream.read(&mut chunk).await {
            Ok(count @ 1..) => body.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
    Some(Request { head, body })
}
