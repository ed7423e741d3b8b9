//! A client of the QUIC door: real packets, raw keys, and as badly behaved as a test wants.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt,
    crypto::rustls::QuicClientConfig,
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime, alg_id},
    sign::{CertifiedKey, SigningKey, public_key_to_spki},
};
use starling_protocol::{
    crypto::ed25519,
    quic_frame::{Frames, Message},
};

/// No answer takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a client shows of itself.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    /// A key of its own.
    Key([u8; 32]),
    /// None, though asked.
    Nothing,
    /// Somebody else's key.
    Stolen(ed25519::PublicKey),
    /// A key of another kind.
    Foreign,
}

/// How a client connects.
pub(crate) struct Manner {
    pub(crate) shown: Shown,
    pub(crate) alpn: &'static [u8],
    /// Whom it wants to speak to.
    pub(crate) server: ed25519::PublicKey,
    /// How much it lets the server send ahead of what it reads.
    pub(crate) window: Option<u32>,
}

/// A connected client.
pub(crate) struct Visitor {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
}

impl Visitor {
    pub(crate) async fn connect(to: SocketAddr, manner: &Manner) -> Result<Self, ConnectionError> {
        let provider = Arc::new(ring::default_provider());
        let resolver = Resolver(manner.shown.certified());
        let verifier = OneKey { key: spki(&manner.server), provider: Arc::clone(&provider) };
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(resolver));
        tls.alpn_protocols = vec![manner.alpn.to_vec()];
        let mut config = ClientConfig::new(Arc::new(
            QuicClientConfig::try_from(tls).expect("a cipher for initial packets"),
        ));
        let mut transport = quinn::TransportConfig::default();
        if let Some(window) = manner.window {
            transport
                .stream_receive_window(VarInt::from_u32(window))
                .receive_window(VarInt::from_u32(window));
        }
        config.transport_config(Arc::new(transport));
        let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket");
        let connecting = endpoint.connect_with(config, to, "node").expect("a valid name");
        let connection = tokio::time::timeout(PATIENCE, connecting).await.expect("the handshake ends")?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    pub(crate) async fn open(&self) -> Stream {
        let (outgoing, incoming) = tokio::time::timeout(PATIENCE, self.connection.open_bi())
            .await
            .expect("a stream may be opened")
            .expect("the connection is open");
        Stream { outgoing, incoming, frames: Frames::new(), ahead: Bytes::new() }
    }

    /// How the connection ended.
    pub(crate) async fn ended(&self) -> ConnectionError {
        tokio::time::timeout(PATIENCE, self.connection.closed()).await.expect("the connection ends")
    }
}

/// One stream of it.
pub(crate) struct Stream {
    pub(crate) outgoing: SendStream,
    pub(crate) incoming: RecvStream,
    frames: Frames,
    ahead: Bytes,
}

impl Stream {
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.outgoing.write_all(bytes).await.expect("the stream is open");
    }

    pub(crate) async fn command(&mut self, id: i64, name: &'static str, body: impl Into<Bytes>) {
        let name = Bytes::from_static(name.as_bytes());
        self.raw(&Message::Command { id, name, body: body.into() }.encode()).await;
    }

    /// The next message, or nothing when the server ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.frames.read(&mut self.ahead).expect("the server keeps to the form") {
                return Some(message);
            }
            let piece = tokio::time::timeout(PATIENCE, self.incoming.read_chunk(1 << 20, true));
            match piece.await.expect("the server says something") {
                Ok(Some(piece)) => self.ahead = piece.bytes,
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Asks, and waits for the answer to that.
    pub(crate) async fn ask(&mut self, id: i64, name: &'static str, body: impl Into<Bytes>) -> Message {
        self.command(id, name, body).await;
        self.next().await.expect("an answer")
    }
}

impl Shown {
    fn certified(&self) -> Option<Arc<CertifiedKey>> {
        let own = signing_key([1; 32]);
        let (spki, key) = match self {
            Shown::Nothing => return None,
            Shown::Key(seed) => (spki(&ed25519::SecretKey::from_seed(*seed).public()), signing_key(*seed)),
            Shown::Stolen(key) => (spki(key), own),
            Shown::Foreign => (public_key_to_spki(&alg_id::ECDSA_P256, [4; 65]), own),
        };
        Some(Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki.to_vec())], key)))
    }
}

fn spki(key: &ed25519::PublicKey) -> SubjectPublicKeyInfoDer<'static> {
    public_key_to_spki(&alg_id::ED25519, key.as_bytes())
}

/// PKCS#8 of an Ed25519 seed is a fixed head and the seed (RFC 8410).
fn signing_key(seed: [u8; 32]) -> Arc<dyn SigningKey> {
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let pkcs8 = PrivatePkcs8KeyDer::from([&head[..], &seed].concat());
    ring::sign::any_eddsa_type(&pkcs8).expect("a key")
}

#[derive(Debug)]
struct Resolver(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// Wants one server and no other.
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
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(shown.as_ref()),
            signed,
            known,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
