//! A client's side: wrapping a request, and opening its answer (onion-requests §3).

use std::fmt;

use thiserror::Error;

use super::cipher::Cipher;
use super::frame::Frame;
use super::layer::{LayerKey, drawn};
use super::reply::ReplyError;
use super::{MAX_REQUEST, Random};
use crate::crypto::{ed25519, x25519};
use crate::storage::base64_text;

/// What tells a node that it is the destination, as library and Android write it.
pub const CONTROL: &str = r#"{"headers":""}"#;
/// The same as desktop writes it.
pub const CONTROL_DESKTOP: &str = r#"{"body":null,"headers":{}}"#;
/// Asks for the answer without base64 around it.
pub const CONTROL_RAW: &str = r#"{"headers":"","base64":false}"#;

/// A node on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The key that other hops know it by.
    pub ed25519: ed25519::PublicKey,
    /// The key that its layer is sealed for.
    pub x25519: x25519::PublicKey,
}

impl Hop {
    /// A hop whose X25519 key is the image of its Ed25519 key; `None` for a key that has none.
    #[must_use]
    pub fn from_ed25519(ed25519: ed25519::PublicKey) -> Option<Self> {
        Some(Self { ed25519, x25519: ed25519.to_x25519()? })
    }
}

/// Where a request ends.
#[derive(Clone, PartialEq, Eq)]
pub enum Destination {
    /// At a node, with a body as for `/storage_rpc/v1`: `{"method":…,"params":…}`.
    ServiceNode(Hop, String),
    /// At a web server, which the last hop asks.
    Server(Server),
}

/// A web server behind the last hop.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// The path, such as `/oxen/v4/lsrpc`; see [`is_relay_target_allowed`](super::is_relay_target_allowed).
    pub target: String,
    /// `http` or `https`; hops take `https` if nothing is said.
    pub protocol: Option<Protocol>,
    /// The port; hops take 443 if nothing is said.
    pub port: Option<u16>,
    /// The key that the payload is sealed for.
    pub x25519: x25519::PublicKey,
    /// The plaintext, usually a [`v4::Request`](super::v4::Request).
    pub payload: Vec<u8>,
}

/// How a web server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Without TLS; the payload is sealed for the server anyway.
    Http,
    /// With TLS.
    Https,
}

impl Protocol {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Names where it goes and how much, not what.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceNode(hop, body) => write!(f, "ServiceNode({}, {} bytes)", hop.ed25519, body.len()),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({} bytes)", self.payload.len())
    }
}

/// Which cipher each layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ciphers<'a> {
    /// All the same.
    Same(Cipher),
    /// One per hop in the order of the path, then the destination's.
    Each(&'a [Cipher]),
}

/// The choices of a client that have an effect on the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options<'a> {
    /// The layers' ciphers.
    pub ciphers: Ciphers<'a>,
    /// Whether layers name their cipher. Only AES-GCM is understood without a name.
    pub explicit_enc_type: bool,
    /// The control object for a node as destination.
    pub control: &'a str,
}

/// A request ready to be sent to the guard.
#[derive(Debug, Clone)]
pub struct Built {
    /// The body of the POST to `/onion_req/v2`.
    pub post_body: Vec<u8>,
    /// Opens the answer.
    pub reply_key: ReplyKey,
}

/// Why a request cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A web server was named, but no hop that could ask it.
    #[error("a path to a web server needs at least one hop")]
    NoHop,
    /// The number of ciphers is not the number of layers.
    #[error("{got} ciphers for {expected} layers")]
    Ciphers {
        /// How many were given.
        got: usize,
        /// How many layers there are.
        expected: usize,
    },
    /// A layer that does not name its cipher has another one than AES-GCM.
    #[error("only aes-gcm is understood without being named, not {0}")]
    UnnamedCipher(Cipher),
    /// A key on the way is of low order.
    #[error("the key of layer {layer} is unusable")]
    Key {
        /// Which layer, counted from the guard's, 0.
        layer: usize,
    },
    /// The request is longer than nodes take.
    #[error("onion request has {got} bytes, nodes take {MAX_REQUEST}")]
    TooLong {
        /// How long it is.
        got: usize,
    },
}

/// Wraps a request for `path`, guard first, and the destination behind it.
///
/// With an empty path the guard itself is the destination.
///
/// # Errors
/// See [`BuildError`].
pub fn build(
    path: &[Hop],
    destination: &Destination,
    cipher: Cipher,
    explicit_enc_type: bool,
    random: &mut Random<'_>,
) -> Result<Built, BuildError> {
    let options = Options { ciphers: Ciphers::Same(cipher), explicit_enc_type, control: CONTROL };
    build_with(path, destination, &options, random)
}

/// As [`build`], with every choice open.
///
/// Random bytes are drawn from the destination outwards: for each layer 32 for its ephemeral key, then the nonce.
///
/// # Errors
/// See [`BuildError`].
pub fn build_with(
    path: &[Hop],
    destination: &Destination,
    options: &Options<'_>,
    random: &mut Random<'_>,
) -> Result<Built, BuildError> {
    let ciphers = layer_ciphers(path.len() + 1, options)?;
    let (node, plaintext) = match destination {
        Destination::ServiceNode(hop, body) => {
            (&hop.x25519, Frame { ciphertext: body.as_bytes(), json: options.control.as_bytes() }.encode())
        }
        Destination::Server(_) if path.is_empty() => return Err(BuildError::NoHop),
        Destination::Server(server) => (&server.x25519, server.payload.clone()),
    };
    let mut layer = path.len();
    let (mut sealed, key, reply_key) = wrap(&plaintext, node, ciphers[layer], layer, random)?;
    let mut key = key.describe(options.explicit_enc_type);
    let mut route = match destination {
        Destination::ServiceNode(hop, _) => route_to_node(&hop.ed25519, &key),
        Destination::Server(server) => route_to_server(server, &key),
    };
    for hop in path.iter().rev() {
        layer -= 1;
        let plaintext = Frame { ciphertext: &sealed, json: route.as_bytes() }.encode();
        let ephemeral;
        (sealed, ephemeral, _) = wrap(&plaintext, &hop.x25519, ciphers[layer], layer, random)?;
        key = ephemeral.describe(options.explicit_enc_type);
        route = route_to_node(&hop.ed25519, &key);
    }
    let post_body = Frame { ciphertext: &sealed, json: format!("{{{key}}}").as_bytes() }.encode();
    if post_body.len() > MAX_REQUEST {
        return Err(BuildError::TooLong { got: post_body.len() });
    }
    Ok(Built { post_body, reply_key })
}

fn layer_ciphers(layers: usize, options: &Options<'_>) -> Result<Vec<Cipher>, BuildError> {
    let ciphers = match options.ciphers {
        Ciphers::Same(cipher) => vec![cipher; layers],
        Ciphers::Each(ciphers) if ciphers.len() == layers => ciphers.to_vec(),
        Ciphers::Each(ciphers) => return Err(BuildError::Ciphers { got: ciphers.len(), expected: layers }),
    };
    match ciphers.iter().find(|cipher| **cipher != Cipher::AesGcm && !options.explicit_enc_type) {
        Some(unnamed) => Err(BuildError::UnnamedCipher(*unnamed)),
        None => Ok(ciphers),
    }
}

/// A layer's ephemeral key, as the layer above names it.
struct Ephemeral {
    public: x25519::PublicKey,
    cipher: Cipher,
}

impl Ephemeral {
    /// The pairs that go into a JSON object.
    fn describe(&self, explicit_enc_type: bool) -> String {
        let key = format!(r#""ephemeral_key":"{}""#, self.public);
        if explicit_enc_type { format!(r#"{key},"enc_type":"{}""#, self.cipher) } else { key }
    }
}

fn wrap(
    plaintext: &[u8],
    node: &x25519::PublicKey,
    cipher: Cipher,
    layer: usize,
    random: &mut Random<'_>,
) -> Result<(Vec<u8>, Ephemeral, ReplyKey), BuildError> {
    let secret = x25519::SecretKey::from_bytes(drawn(random));
    let key = LayerKey::for_client(cipher, &secret, node).ok_or(BuildError::Key { layer })?;
    let fallback = match cipher {
        Cipher::XChaCha20 => LayerKey::for_client(Cipher::AesGcm, &secret, node),
        Cipher::AesGcm | Cipher::AesCbc => None,
    };
    let ephemeral = Ephemeral { public: secret.public(), cipher };
    Ok((key.seal(plaintext, random), ephemeral, ReplyKey { key, fallback }))
}

fn route_to_node(node: &ed25519::PublicKey, key: &str) -> String {
    format!(r#"{{"destination":"{node}",{key}}}"#)
}

fn route_to_server(server: &Server, key: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut route =
        format!(r#"{{"host":{},"target":{},"method":"POST""#, quoted(&server.host), quoted(&server.target));
    if let Some(protocol) = server.protocol {
        route += &format!(r#","protocol":"{}""#, protocol.name());
    }
    if let Some(port) = server.port {
        route += &format!(r#","port":{port}"#);
    }
    route + "," + key + "}"
}

/// Opens the answer to one request.
#[derive(Debug, Clone)]
pub struct ReplyKey {
    key: LayerKey,
    /// Some servers answer in AES-GCM whatever they were asked in.
    fallback: Option<LayerKey>,
}

impl ReplyKey {
    /// The key for an answer whose layer key is known by other means.
    #[must_use]
    pub const fn new(key: LayerKey) -> Self {
        Self { key, fallback: None }
    }

    /// Opens an answer: raw, in base64 with or without padding, or as `{"result":"<base64>"}`.
    ///
    /// # Errors
    /// [`ReplyError::Sealed`] when nothing of that can be opened.
    pub fn open(&self, body: &[u8]) -> Result<Vec<u8>, ReplyError> {
        let decoded = base64_text::decode(body.trim_ascii()).or_else(|| wrapped_result(body));
        let opened = decoded.and_then(|sealed| self.open_raw(&sealed)).or_else(|| self.open_raw(body));
        opened.ok_or(ReplyError::Sealed)
    }

    fn open_raw(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key.open(sealed).or_else(|| self.fallback.as_ref()?.open(sealed))
    }
}

/// The form of some servers of old.
fn wrapped_result(body: &[u8]) -> Option<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        result: std::borrow::Cow<'a, str>,
    }
    let wrapped: Wrapped<'_> = serde_json::from_slice(body).ok()?;
    base64_text::decode(wrapped.result.as_bytes())
}
