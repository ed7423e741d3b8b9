//! A client of a node's QUIC door (storage-rpc §1.3): one connection, one stream, any number of requests at a time.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime, alg_id},
    sign::{CertifiedKey, public_key_to_spki},
};
use starling_protocol::{
    crypto::{ed25519, random_bytes},
    quic_frame::{Frames, Message},
};
use tokio::sync::{mpsc, oneshot};

/// As clients of the network wait by default.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A node that does not answer a handshake is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A node closes a connection that is silent for 30 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Notifications that may wait to be read; further ones are lost.
const NOTIFICATIONS: usize = 4096;

/// A connected client; closed when dropped.
pub struct QuicClient {
    connection: Connection,
    outgoing: tokio::sync::Mutex<SendStream>,
    last: AtomicI64,
    waiting: Waiting,
    told: tokio::sync::Mutex<mpsc::Receiver<QuicNotification>>,
    _endpoint: Endpoint,
}

type Waiting = Arc<Mutex<HashMap<i64, oneshot::Sender<QuicReply>>>>;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuicReply {
    /// Is it an error reply?
    pub is_error: bool,
    /// The reply's body, or the error's text.
    pub body: Bytes,
}

/// What the node told without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuicNotification {
    /// `notify`, or `monitor_ended`.
    pub name: Bytes,
    /// A bencoded dict.
    pub body: Bytes,
}

impl QuicClient {
    /// Connects with a fresh key to the node of that key, at that address.
    ///
    /// # Errors
    /// Nobody is there, or it is another node.
    pub async fn connect(to: SocketAddr, server: ed25519::PublicKey) -> io::Result<Self> {
        let own = if to.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        let endpoint = Endpoint::client(own)?;
        let connecting = endpoint.connect_with(config(server), to, "node").map_err(io::Error::other)?;
        let connection = tokio::time::timeout(CONNECT_WITHIN, connecting).await??;
        let (outgoing, incoming) = connection.open_bi().await?;
        let (tell, told) = mpsc::channel(NOTIFICATIONS);
        let waiting = Waiting::default();
        tokio::spawn(read(incoming, Arc::clone(&waiting), tell));
        Ok(Self {
            connection,
            outgoing: tokio::sync::Mutex::new(outgoing),
            last: AtomicI64::new(0),
            waiting,
            told: tokio::sync::Mutex::new(told),
            _endpoint: endpoint,
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The connection ended, or there was no answer in time.
    pub async fn request(&self, name: &str, body: impl Into<Bytes>) -> io::Result<QuicReply> {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let name = Bytes::copy_from_slice(name.as_bytes());
        let frame = Message::Command { id, name, body: body.into() }.encode();
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        let exchange = async {
            self.outgoing.lock().await.write_all(&frame).await?;
            answered.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))
        };
        let outcome = tokio::time::timeout(ANSWER_WITHIN, exchange).await;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        outcome?
    }

    /// Has the connection ended?
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// The next notification, as soon as there is one; nothing when the connection has ended.
    pub async fn notification(&self) -> Option<QuicNotification> {
        self.told.lock().await.recv().await
    }
}

impl Drop for QuicClient {
    fn drop(&mut self) {
        self.connection.close(0_u32.into(), b"");
    }
}

/// Hands out what arrives, until the stream ends; who waits then is told by the loss of its sender.
async fn read(mut incoming: RecvStream, waiting: Waiting, tell: mpsc::Sender<QuicNotification>) {
    let mut frames = Frames::new();
    while let Ok(Some(piece)) = incoming.read_chunk(1 << 20, true).await {
        let mut piece = piece.bytes;
        while let Ok(Some(message)) = frames.read(&mut piece) {
            let (id, reply) = match message {
                Message::Command { name, body, .. } => {
                    // Whoever does not read them loses them.
                    let _ = tell.try_send(QuicNotification { name, body });
                    continue;
                }
                Message::Reply { id, body } => (id, QuicReply { is_error: false, body }),
                Message::Error { id, body } => (id, QuicReply { is_error: true, body }),
            };
            if let Some(answer) = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                // Nobody waits any more when it was too late.
                let _ = answer.send(reply);
            }
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn config(server: ed25519::PublicKey) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = OneKey { key: spki(&server), provider: Arc::clone(&provider) };
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(own_key()))));
    tls.alpn_protocols = vec![b"oxenstorage".to_vec()];
    let mut config =
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("a cipher for initial packets")));
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    config
}

/// A raw key, fresh: nobody asks whose it is.
fn own_key() -> CertifiedKey {
    let mut seed = [0; 32];
    random_bytes(&mut seed);
    let public = spki(&ed25519::SecretKey::from_seed(seed).public());
    // PKCS#8 of an Ed25519 seed is a fixed head and the seed (RFC 8410).
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let pkcs8 = PrivatePkcs8KeyDer::from([&head[..], &seed].concat());
    let key = ring::sign::any_eddsa_type(&pkcs8).expect("every seed is a key");
    CertifiedKey::new(vec![CertificateDer::from(public.to_vec())], key)
}

fn spki(key: &ed25519::PublicKey) -> SubjectPublicKeyInfoDer<'static> {
    public_key_to_spki(&alg_id::ED25519, key.as_bytes())
}

/// Wants one node and no other.
#[derive(Debug)]
struct OneKey {
    key: SubjectPublicKeyInfoDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OneKey {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_wanted = shown.as_ref() == self.key.as_ref();
        let wrong = CertificateError::ApplicationVerificationFailure;
        if is_wanted { Ok(ServerCertVerified::assertion()) } else { Err(wrong.into()) }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("there is no TLS 1.2 in QUIC".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        let shown = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &shown, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
