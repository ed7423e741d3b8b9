//! A small HTTPS server that answers every request alike, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::ResolvesServerCert,
    sign::CertifiedKey,
};
use starling_protocol::crypto::hash;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What is sent back, and what happens then.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    NextRequest,
    Chunks,
    Nothing,
    Close,
}

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self::new(Then::NextRequest, &format!("content-length: {}\r\n\r\n{body}", body.len()))
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let bytes = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes();
        Self { bytes, then: Then::NextRequest }
    }

    /// A body in chunks that never ends.
    pub(crate) fn endless() -> Self {
        Self::new(Then::Chunks, "transfer-encoding: chunked\r\n\r\n")
    }

    pub(crate) fn never() -> Self {
        Self { bytes: Vec::new(), then: Then::Nothing }
    }

    pub(crate) fn stuck_in_body() -> Self {
        Self::new(Then::Nothing, "content-length: 100\r\n\r\nhalf")
    }

    pub(crate) fn cut_short() -> Self {
        Self::new(Then::Close, "content-length: 100\r\n\r\nhalf")
    }

    fn new(then: Then, rest: &str) -> Self {
        Self {
            bytes: format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{rest}").into_bytes(),
            then,
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    /// SHA-256 of the certificate.
    pub(crate) digest: [u8; 32],
    seen: Arc<Seen>,
}

impl Server {
    pub(crate) async fn start(answer: Answer) -> Self {
        let (certificate, key) = certificate();
        Self::serve(answer, Some((certificate, key))).await
    }

    /// Shows one certificate, but has the key of another.
    pub(crate) async fn start_with_foreign_key(answer: Answer) -> Self {
        let (certificate, _) = certificate();
        let (_, key) = self::certificate();
        Self::serve(answer, Some((certificate, key))).await
    }

    pub(crate) async fn start_plain(answer: Answer) -> Self {
        Self::serve(answer, None).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    async fn serve(answer: Answer, tls: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let digest = tls.as_ref().map_or([0; 32], |(certificate, _)| hash::sha256(&[certificate]));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let acceptor = tls.map(|(certificate, key)| acceptor(certificate, &key));
        let seen = Arc::new(Seen::default());
        let sees = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer, sees) = (acceptor.clone(), answer.clone(), Arc::clone(&sees));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                converse(stream, answer, sees).await;
                            }
                        }
                        None => converse(stream, answer, sees).await,
                    }
                });
            }
        });
        Self { address, scheme, digest, seen }
    }
}

/// Reads requests, which are all short, and answers each.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: Answer, seen: Arc<Seen>) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(count @ 1..) => request.extend_from_slice(&chunk[..count]),
            _ => return,
        }
        if !request.ends_with(b"\r\n\r\n{}") {
            continue;
        }
        seen.requests.lock().unwrap().push(String::from_utf8(std::mem::take(&mut request)).unwrap());
        if stream.write_all(&answer.bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match answer.then {
            Then::NextRequest => {}
            Then::Close => return,
            Then::Nothing => std::future::pending().await,
            Then::Chunks => {
                while stream
                    .write_all(b"40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n")
                    .await
                    .is_ok()
                {}
                return;
            }
        }
    }
}

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    (made.cert.der().clone(), key.into())
}

fn acceptor(certificate: CertificateDer<'static>, key: &PrivateKeyDer<'static>) -> TlsAcceptor {
    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);
    impl ResolvesServerCert for Always {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let provider = Arc::new(ring::default_provider());
    // Not checked to belong together: one test wants them not to.
    let shown = CertifiedKey::new(
        vec![certificate],
        provider.key_provider.load_private_key(key.clone_key()).unwrap(),
    );
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(shown))));
    TlsAcceptor::from(Arc::new(config))
}
