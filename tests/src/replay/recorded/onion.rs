//! Onion requests byte by byte, with the keys of every layer.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;
use starling::protocol::{
    crypto::{ed25519, x25519},
    onion::{Cipher, layer::LayerKey},
};

use super::{
    Exchange, Player,
    https::{compare_head, sent},
    judged,
    rules::compare_under_rules,
};
use crate::replay::{pattern::Difference, report::Outcome, transcript::Http, wire::from_base64};

impl Player<'_> {
    pub(super) async fn onion(&self, exchange: &Exchange) -> Result<Outcome> {
        let (case, response) = (&exchange.case, &exchange.case["response"]);
        let guard = case["path"][0].as_str().context("a path without a guard")?;
        let guard = self.network.node(guard).context("the guard is not one of the network's")?;
        let wants_server = case["web_server_received"].as_array().is_some_and(|all| !all.is_empty());
        if let (true, Err(reason)) = (wants_server, &self.web_server) {
            return Ok(Outcome::Skipped {
                reason: format!("no web server at the recorded address: {reason}"),
            });
        }
        if let (true, Ok(server)) = (wants_server, &self.web_server) {
            server.answers_with(answer_bytes(response).context("an answer without body")?);
        }
        let text = |name: &str| case["request"][name].as_str().map(str::to_owned);
        let http = Http {
            method: text("method").context("a request without method")?,
            path: text("path").context("a request without path")?,
            ..Http::default()
        };
        let body = sent(&case["request"]).context("a request without body")?;
        let (mut got, bytes) = self.https.raw(&guard.peer.url, &http, body).await?;
        got.body = String::from_utf8_lossy(&bytes).into_owned().into();
        if let Err(difference) = compare_head(response, &got) {
            return Ok(judged(Err(difference)));
        }
        if let (true, Ok(server)) = (wants_server, &self.web_server)
            && let Err(difference) = compare_received(&case["web_server_received"], &server.received())
        {
            return Ok(judged(Err(difference)));
        }
        self.compare_answer(exchange, &bytes)
    }

    fn compare_answer(&self, exchange: &Exchange, got: &[u8]) -> Result<Outcome> {
        let (case, response) = (&exchange.case, &exchange.case["response"]);
        let expected = answer_bytes(response).context("an answer without body")?;
        let decrypted = &case["response_decrypted"]["json"];
        if decrypted.is_null() {
            let same = got == expected;
            let difference =
                || Difference::new("body", String::from_utf8_lossy(&expected), String::from_utf8_lossy(got));
            return Ok(judged(if same { Ok(()) } else { Err(difference()) }));
        }
        let key = layer_key(&case["layers_innermost_first"], got)?;
        let is_text = |bytes: &[u8]| bytes.is_ascii();
        if is_text(got) != is_text(&expected) {
            let named = |text: bool| if text { "base64" } else { "raw bytes" };
            return Ok(judged(Err(Difference::new("body", named(is_text(&expected)), named(is_text(got))))));
        }
        let mut opened = open(&key, got)?;
        let mut expected = decrypted.clone();
        embed(&mut expected);
        embed(&mut opened);
        Ok(judged(compare_under_rules(&self.moment(exchange), &expected, &opened)))
    }
}

fn answer_bytes(response: &Json) -> Option<Vec<u8>> {
    match response["body_text"].as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => ["body_base64", "body_b64"].iter().find_map(|name| from_base64(response[*name].as_str()?)),
    }
}

/// The key of the layer that the answer is sealed for: the innermost one that opens it.
fn layer_key(layers: &Json, sealed: &[u8]) -> Result<LayerKey> {
    for layer in layers.as_array().context("no layers")? {
        let text = |name: &str| layer[name].as_str().with_context(|| format!("a layer without {name}"));
        let node: ed25519::PublicKey = text("node")?.parse().context("a node's key")?;
        let Some(node) = node.to_x25519() else { continue };
        let secret: [u8; 32] = hex::decode(text("ephemeral_seckey")?)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .context("an ephemeral key")?;
        let cipher: Cipher = text("enc_type")?.parse().ok().context("a cipher")?;
        let Some(key) = LayerKey::for_client(cipher, &x25519::SecretKey::from_bytes(secret), &node) else {
            continue;
        };
        ensure!(hex::encode(key.as_bytes()) == text("key")?, "the recorded key of a layer is another one");
        if open(&key, sealed).is_ok() {
            return Ok(key);
        }
    }
    anyhow::bail!("the answer opens with the key of no layer")
}

fn open(key: &LayerKey, body: &[u8]) -> Result<Json> {
    let decoded = std::str::from_utf8(body).ok().and_then(from_base64);
    let sealed = decoded.as_deref().unwrap_or(body);
    let plaintext = key.open(sealed).context("the answer does not open with the layer's key")?;
    serde_json::from_slice(&plaintext).context("the opened answer is not JSON")
}

/// Puts the object in place of the text that holds it, and says that it was one.
fn embed(answer: &mut Json) {
    let object = answer["body"].as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    if let Some(object) = object.filter(Json::is_object) {
        answer["body as text"] = object;
        answer["body"] = Json::Null;
    }
}

/// What reached the web server: method, path, body, and the headers that servers look at.
fn compare_received(expected: &Json, got: &[Json]) -> Result<(), Difference> {
    let reduced = |request: &Json| {
        let headers = request["headers"].as_object().into_iter().flatten();
        let headers: serde_json::Map<_, _> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| matches!(name.as_str(), "content-type" | "user-agent" | "content-length"))
            .collect();
        serde_json::json!({
            "method": request["method"], "path": request["path"], "body": request["body_b64"], "headers": headers,
        })
    };
    let expected: Json = expected.as_array().into_iter().flatten().map(reduced).collect();
    let got: Json = got.iter().map(reduced).collect();
    if expected == got { Ok(()) } else { Err(Difference::new("what the web server received", expected, got)) }
}
