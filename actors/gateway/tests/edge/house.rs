//! A kernel with the gateway and stand-ins for the actors it asks.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use reqwest::{Client, header::HeaderMap};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use serde_json::json;
use starling_contracts::{
    gateway::ListenAddresses,
    node::ServiceNode,
    routing::{self, EnterOnion, OnionAnswer},
    staking::{self, CurrentNodeList, NodeList},
    storage::{self, Answer, Body, Figures, Requests, ServeRpc, Spread, Statistics},
};
use starling_gateway::{Admission, Config, NodeFace, Options, spec};
use starling_kernel::{
    Actor, Bounds, CallError, Context, Handler, Kernel, RateLimit, Spec, Task, done, message, task,
};
use starling_protocol::{
    crypto::{ed25519, x25519},
    swarm::SwarmId,
};
use tokio::sync::Notify;

pub(crate) const ONION_FAULT: &str = "Next node not found: 00";

/// A running gateway, and a client that takes any certificate.
pub(crate) struct House {
    kernel: Kernel,
    https: SocketAddr,
    operator: SocketAddr,
    pub(crate) client: Client,
    signals: Arc<Signals>,
    _data: tempfile::TempDir,
}

#[derive(Default)]
struct Signals {
    slow_began: Notify,
    slow_may_end: Notify,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_, _| {}).await
    }

    /// With other settings of the gateway, or other bounds of the storage.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Config, &mut Bounds)) -> Self {
        Self::open_at(RateLimit::default(), change).await
    }

    /// As above, with another limit for how often an address may ask.
    pub(crate) async fn open_at(rate: RateLimit, change: impl FnOnce(&mut Config, &mut Bounds)) -> Self {
        // Another test of the process may have been faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config { https: loopback(), operator: loopback(), workers: 2, ..Config::default() };
        let mut bounds = Bounds::default();
        change(&mut config, &mut bounds);
        let options = Options {
            node: Some(NodeFace { legacy: ed25519::PublicKey([9; 32]), version: [2, 8, 0] }),
            admission: Arc::new(Admission::new(rate)),
            render_metrics: Arc::new(|| "all of them\n".to_owned()),
            version: "0.0.1-test",
            data_dir: data.path().to_owned(),
        };
        let signals = Arc::new(Signals::default());
        let for_storage = Arc::clone(&signals);
        let kernel = Kernel::builder()
            .actor(spec(config, options))
            .actor(
                Spec::new(move |_| {
                    let signals = Arc::clone(&for_storage);
                    async move { Ok(Storage { signals }) }
                })
                .bounds(bounds)
                .serves::<ServeRpc>()
                .serves::<Statistics>(),
            )
            .actor(Spec::new(|_| async { Ok(Relay) }).serves::<EnterOnion>())
            .actor(
                Spec::new(|ctx: Context| async move {
                    ctx.not_ready("no list yet");
                    Ok(Ledger)
                })
                .serves::<CurrentNodeList>()
                .serves::<BecomeReady>(),
            )
            .start()
            .await
            .expect("the house starts");
        let listening = kernel.ask(ListenAddresses).await.expect("the gateway tells where it listens");
        let client = Client::builder().tls_danger_accept_invalid_certs(true).build().expect("a client");
        Self {
            kernel,
            https: listening.https.expect("a node serves https"),
            operator: listening.operator.expect("an operator listener"),
            client,
            signals,
            _data: data,
        }
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.https)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.https
    }

    pub(crate) fn operator(&self, path: &str) -> String {
        format!("http://{}{path}", self.operator)
    }

    pub(crate) async fn set_ready(&self) {
        self.kernel.ask(BecomeReady).await.expect("the ledger lives");
    }

    pub(crate) async fn slow_began(&self) {
        self.signals.slow_began.notified().await;
    }

    pub(crate) fn let_slow_end(&self) {
        self.signals.slow_may_end.notify_one();
    }

    pub(crate) async fn close(self) {
        assert!(self.kernel.stop().await.is_empty(), "nobody had to be killed");
    }

    /// Starts the stop, and waits until the doors are closing.
    pub(crate) fn begin_close(&self) -> actix_rt::task::JoinHandle<()> {
        let kernel = self.kernel.clone();
        actix_rt::spawn(async move {
            assert!(kernel.stop().await.is_empty(), "nobody had to be killed");
        })
    }

    /// What the server says to these very bytes, until it closes the connection.
    pub(crate) async fn raw(&self, request: &'static [u8]) -> String {
        self.raw_bytes(request.to_vec()).await
    }

    pub(crate) async fn raw_bytes(&self, request: Vec<u8>) -> String {
        let address = self.https;
        let exchange = move || {
            let name = ServerName::from(address.ip());
            let mut connection = ClientConnection::new(client_config(), name).expect("a connection");
            let mut socket = TcpStream::connect(address).expect("connected");
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            let mut stream = rustls::Stream::new(&mut connection, &mut socket);
            stream.write_all(&request).expect("written");
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => answer.extend_from_slice(&buffer[..count]),
                    // A server that hangs up without a goodbye has still said what it said.
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                    Err(error) => panic!("{error}; so far {}", String::from_utf8_lossy(&answer)),
                }
            }
            String::from_utf8_lossy(&answer).into_owned()
        };
        tokio::task::spawn_blocking(exchange).await.expect("the exchange ends")
    }
}

/// Takes any certificate.
pub(crate) fn client_config() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Arc::new(config)
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

struct Storage {
    signals: Arc<Signals>,
}

impl Actor for Storage {
    const NAME: &'static str = "storage";
}

impl Handler<Statistics> for Storage {
    fn handle(&mut self, _: Statistics, _: &Context) -> Task<Result<Figures, storage::Error>> {
        done(Ok(Figures {
            accounts: 7,
            total_stored: 99,
            account_msg_mean: 14.1,
            account_msg_count: Spread::default(),
            namespace_messages: [].into(),
            db_used: 1 << 20,
            db_total: 2 << 20,
            db_max: 3 << 20,
            store_requests: Requests::default(),
            retrieve_requests: Requests::default(),
            recent_timespan: Duration::from_secs(60),
        }))
    }
}

impl Handler<ServeRpc> for Storage {
    fn handle(
        &mut self,
        ServeRpc { envelope }: ServeRpc,
        _: &Context,
    ) -> Task<Result<Answer, storage::Error>> {
        let busy = CallError::Busy { actor: "storage", capacity: 1 };
        done(match envelope.as_ref() {
            b"json" => Ok(Answer { status: 200, body: Body::Json(json!({ "b": [2], "a": 1 })) }),
            b"text" => Ok(Answer { status: 421, body: Body::Text("some text".to_owned()) }),
            b"binary" => Ok(Answer { status: 200, body: Body::Binary(Bytes::from_static(b"\x00\xff")) }),
            b"large" => {
                let messages: Vec<_> =
                    (0..5000).map(|n| json!({ "n": n, "data": "x".repeat(1500) })).collect();
                Ok(Answer { status: 200, body: Body::Json(json!({ "messages": messages })) })
            }
            b"not ready" => Err(storage::Error::NotReady("not done syncing; not in any swarm".to_owned())),
            b"busy" => Err(busy.into()),
            b"stopping" => Err(CallError::Stopping { actor: "storage" }.into()),
            b"disk" => Err(storage::Error::Store),
            b"slow" => {
                let signals = Arc::clone(&self.signals);
                return task(async move {
                    signals.slow_began.notify_one();
                    signals.slow_may_end.notified().await;
                    Ok(Answer { status: 200, body: Body::Text("at last".to_owned()) })
                });
            }
            other => panic!("asked {other:?}"),
        })
    }
}

struct Relay;

impl Actor for Relay {
    const NAME: &'static str = "relay";
}

impl Handler<EnterOnion> for Relay {
    fn handle(
        &mut self,
        EnterOnion { frame, .. }: EnterOnion,
        _: &Context,
    ) -> Task<Result<OnionAnswer, routing::Error>> {
        done(Ok(match frame.as_ref() {
            b"unknown" => OnionAnswer { status: 502, body: Bytes::from(ONION_FAULT) },
            frame => OnionAnswer { status: 200, body: [b"seen:", frame].concat().into() },
        }))
    }
}

struct BecomeReady;
message!(BecomeReady => (), CallError, "become_ready");

struct Ledger;

impl Actor for Ledger {
    const NAME: &'static str = "ledger";
}

impl Handler<BecomeReady> for Ledger {
    fn handle(&mut self, _: BecomeReady, ctx: &Context) -> Task<Result<(), CallError>> {
        ctx.ready();
        done(Ok(()))
    }
}

impl Handler<CurrentNodeList> for Ledger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        let node = ServiceNode {
            ed25519: ed25519::PublicKey([9; 32]),
            x25519: x25519::PublicKey([8; 32]),
            legacy: ed25519::PublicKey([9; 32]),
            public_ip: Ipv4Addr::new(10, 0, 0, 1),
            storage_port: 22021,
            omq_port: 0,
            libp2p_port: 22025,
            swarm: SwarmId(1),
            version: [2, 8, 0],
            requested_unlock_height: 0,
        };
        done(Ok(Arc::new(NodeList::new(42, [19, 6], [0xab; 32], vec![node]))))
    }
}

/// Nodes sign themselves; nobody verifies them.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
