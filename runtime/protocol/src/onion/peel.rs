//! A hop's side: opening one layer and reading what is in it (onion-requests §1, §3).

use std::fmt;

use serde_json::{Map, Value as Json};
use thiserror::Error;

use super::cipher::Cipher;
use super::forward::{HopNumber, PathTooLong};
use super::frame::{Frame, FrameError, enc_type, ephemeral_key};
use super::layer::LayerKey;
use super::reply::ReplySeal;
use crate::crypto::{ed25519, x25519};

/// The port of a web server, where a request names none.
const DEFAULT_PORT: u16 = 443;

/// What the guard receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outer {
    /// The guard's layer.
    pub ciphertext: Vec<u8>,
    /// The client's ephemeral key for it.
    pub ephemeral: x25519::PublicKey,
    /// Its cipher.
    pub cipher: Cipher,
    /// Where on the path the guard is; a client may start above 0 to hide that.
    pub hop_no: HopNumber,
}

/// Why the guard refuses a body, unencrypted and with status 400. `Display` is the answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OuterError {
    /// It cannot be read.
    #[error("Error parsing onion request: {0}")]
    Parse(#[from] FrameError),
    /// The start number alone is too high.
    #[error(transparent)]
    PathTooLong(#[from] PathTooLong),
}

/// Reads the body of a POST to `/onion_req/v2`.
///
/// # Errors
/// What to answer.
pub fn outer(post_body: &[u8]) -> Result<Outer, OuterError> {
    let frame = Frame::parse(post_body)?;
    let object = frame.object()?;
    // In this order, so that of several faults the first is told.
    let (ephemeral, cipher) = (ephemeral_key(&object)?, enc_type(&object)?);
    let hop_no = match object.get("hop_no") {
        None => HopNumber::GUARD,
        Some(number) => HopNumber::from_client(number.as_i64().ok_or(FrameError::Field("hop_no"))?)?,
    };
    Ok(Outer { ciphertext: frame.ciphertext.to_vec(), ephemeral, cipher, hop_no })
}

/// What a hop finds in its layer. `Debug` tells the kind only: a hop must not write down who asks whom for what.
#[derive(Clone)]
pub enum Inner {
    /// This node is the destination.
    Destination {
        /// The request, to be read as [`parse_envelope`](crate::storage::request::parse_envelope) does.
        body: Vec<u8>,
        /// Whether an object is to be embedded in the answer as it is.
        json: bool,
        /// Whether the sealed answer is to be in base64.
        base64: bool,
        /// Seals the answer.
        reply: ReplySeal,
    },
    /// Ask a web server.
    Server {
        /// Its name.
        host: String,
        /// The path.
        target: String,
        /// The port.
        port: u16,
        /// `http` or `https`, or something to be refused; see [`relay_url`](super::relay_url).
        protocol: String,
        /// What to post: the whole plaintext, for the server needs the keys in it.
        payload: Vec<u8>,
        /// Seals an error of our own; the server's answer goes back as it is.
        reply: ReplySeal,
    },
    /// Pass it on to a node.
    Relay {
        /// Which one.
        next: ed25519::PublicKey,
        /// The client's ephemeral key for its layer.
        ephemeral: x25519::PublicKey,
        /// The cipher of its layer.
        cipher: Cipher,
        /// Its layer.
        ciphertext: Vec<u8>,
    },
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Destination { .. } => "Destination(..)",
            Self::Server { .. } => "Server(..)",
            Self::Relay { .. } => "Relay(..)",
        })
    }
}

/// Why a layer cannot be read; the status is 400. `Display` is the answer.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum PeelError {
    /// It cannot be decrypted. The answer goes out in the clear.
    #[error("Invalid ciphertext")]
    InvalidCiphertext,
    /// What was decrypted makes no sense. The answer is sealed, [`ReplySeal::seal_node_reply`].
    #[error("Invalid json")]
    InvalidJson(ReplySeal),
}

/// Opens a layer with the node's key.
///
/// # Errors
/// What to answer, and how.
pub fn peel(
    ciphertext: &[u8],
    node: &x25519::SecretKey,
    ephemeral: &x25519::PublicKey,
    cipher: Cipher,
) -> Result<Inner, PeelError> {
    let key = LayerKey::for_node(cipher, node, ephemeral).ok_or(PeelError::InvalidCiphertext)?;
    let plaintext = key.open(ciphertext).ok_or(PeelError::InvalidCiphertext)?;
    Inner::parse(plaintext, ReplySeal::new(key))
}

impl Inner {
    /// Reads a decrypted layer. `headers` makes a destination even of what names a host.
    ///
    /// # Errors
    /// [`PeelError::InvalidJson`].
    pub fn parse(plaintext: Vec<u8>, reply: ReplySeal) -> Result<Self, PeelError> {
        let read = || -> Result<_, FrameError> {
            let frame = Frame::parse(&plaintext)?;
            Ok((frame.ciphertext.to_vec(), Route::parse(&frame.object()?)?))
        };
        match read() {
            Ok((body, Route::Destination { json, base64 })) => {
                Ok(Self::Destination { body, json, base64, reply })
            }
            Ok((_, Route::Server { host, target, port, protocol })) => {
                Ok(Self::Server { host, target, port, protocol, payload: plaintext, reply })
            }
            Ok((ciphertext, Route::Relay { next, ephemeral, cipher })) => {
                Ok(Self::Relay { next, ephemeral, cipher, ciphertext })
            }
            Err(_) => Err(PeelError::InvalidJson(reply)),
        }
    }
}

/// The JSON part of a layer.
enum Route {
    Destination { json: bool, base64: bool },
    Server { host: String, target: String, port: u16, protocol: String },
    Relay { next: ed25519::PublicKey, ephemeral: x25519::PublicKey, cipher: Cipher },
}

impl Route {
    fn parse(object: &Map<String, Json>) -> Result<Self, FrameError> {
        if object.contains_key("headers") {
            return Ok(Self::Destination {
                json: flag(object, "json", false)?,
                base64: flag(object, "base64", true)?,
            });
        }
        if object.contains_key("host") {
            let port = object.get("port").map_or(Some(DEFAULT_PORT), |port| port.as_u64()?.try_into().ok());
            return Ok(Self::Server {
                host: text(object, "host")?,
                target: text(object, "target")?,
                port: port.ok_or(FrameError::Field("port"))?,
                protocol: if object.contains_key("protocol") {
                    text(object, "protocol")?
                } else {
                    "https".to_owned()
                },
            });
        }
        let next = object.get("destination").and_then(Json::as_str).and_then(|key| key.parse().ok());
        Ok(Self::Relay {
            next: next.ok_or(FrameError::Field("destination"))?,
            ephemeral: ephemeral_key(object)?,
            cipher: enc_type(object)?,
        })
    }
}

fn flag(object: &Map<String, Json>, name: &'static str, default: bool) -> Result<bool, FrameError> {
    object.get(name).map_or(Ok(default), |flag| flag.as_bool().ok_or(FrameError::Field(name)))
}

fn text(object: &Map<String, Json>, name: &'static str) -> Result<String, FrameError> {
    object.get(name).and_then(Json::as_str).map(str::to_owned).ok_or(FrameError::Field(name))
}
