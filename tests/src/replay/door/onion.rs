//! The same JSON inside an onion request (onion-requests §3, §5.1), with every cipher and both forms of answers in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;
use starling_protocol::{
    crypto::random_bytes,
    onion::{
        Cipher, Destination, Hop, ReplyBody,
        build::{self, Ciphers, Options},
        parse_node_reply,
    },
};

use super::{Call, Door, HttpsDoor, Peer, Pending, Reply, envelope, https::post};
use crate::replay::{transcript::DoorName, wire::Form};

/// How clients ask for their answer.
const CONTROLS: [&str; 4] =
    [build::CONTROL, build::CONTROL_DESKTOP, build::CONTROL_RAW, r#"{"headers":"","json":true}"#];
const CIPHERS: [Cipher; 3] = [Cipher::AesGcm, Cipher::XChaCha20, Cipher::AesCbc];

/// Onion requests whose guard takes HTTPS.
pub struct OnionDoor {
    https: HttpsDoor,
    /// Hops before the destination; the first is the guard. Without any, the destination is asked itself.
    path: Vec<Peer>,
    turn: AtomicUsize,
}

impl OnionDoor {
    /// A door whose requests take this way.
    pub fn new(path: Vec<Peer>) -> Self {
        Self { https: HttpsDoor::default(), path, turn: AtomicUsize::new(0) }
    }

    async fn exchange(&self, peer: &Peer, body: Vec<u8>) -> Result<Reply> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (cipher, control) = (CIPHERS[turn % CIPHERS.len()], CONTROLS[turn % CONTROLS.len()]);
        let hop = |peer: &Peer| Hop::from_ed25519(peer.ed25519).context("a node's key has no X25519 image");
        let hops = self.path.iter().map(hop).collect::<Result<Vec<_>>>()?;
        let body = String::from_utf8(body).context("an onion request to a node holds text")?;
        let destination = Destination::ServiceNode(hop(peer)?, body);
        // Old clients never name the default cipher.
        let options =
            Options { ciphers: Ciphers::Same(cipher), explicit_enc_type: cipher != Cipher::AesGcm, control };
        let built = build::build_with(&hops, &destination, &options, &mut random_bytes)?;
        let guard = self.path.first().unwrap_or(peer);
        let (outer, sealed) = self.https.raw(&guard.url, &post("/onion_req/v2"), built.post_body).await?;
        if outer.status != 200 {
            // Refused on the way, in plain text.
            return Ok(Reply::new(outer.status, String::from_utf8_lossy(&sealed).into_owned().into()));
        }
        let is_raw = control == build::CONTROL_RAW;
        let is_text = sealed.iter().all(u8::is_ascii);
        ensure!(is_raw || is_text, "the answer is not base64 though {control} asks for it");
        let opened =
            built.reply_key.open(&sealed).context("the answer does not open with the layer's key")?;
        let reply = parse_node_reply(&opened).context("the opened answer is not one of a node")?;
        Ok(Reply::new(reply.status, inner(reply.body)))
    }
}

/// The body, whether it was embedded or text that holds JSON.
fn inner(body: ReplyBody) -> Json {
    match body {
        ReplyBody::Json(json) => json,
        ReplyBody::Text(text) => match serde_json::from_str(&text) {
            Ok(object @ Json::Object(_)) => object,
            _ => text.into(),
        },
        ReplyBody::Binary(bytes) => super::wire::decode(&bytes),
    }
}

impl Door for OnionDoor {
    fn name(&self) -> DoorName {
        DoorName::Onion
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Json]
    }

    fn call<'a>(&'a self, peer: &'a Peer, call: &'a Call) -> Pending<'a, Reply> {
        Box::pin(async move { self.exchange(peer, envelope(call)?).await })
    }
}
