//! `POST /storage_rpc/v1` (storage-rpc §1.1).

use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, Method};
use serde_json::Value as Json;

use super::{Call, Door, Patience, Peer, Pending, Reply, envelope, exact};
use crate::{
    insecure_client,
    replay::{
        transcript::{DoorName, Http},
        wire::Form,
    },
};

/// A forwarded write takes up to five seconds; a busy machine takes longer.
const WITHIN: Duration = Duration::from_secs(30);

/// HTTPS with any certificate.
pub struct HttpsDoor {
    client: Client,
}

impl Default for HttpsDoor {
    fn default() -> Self {
        Self { client: insecure_client() }
    }
}

impl HttpsDoor {
    /// Sends a request as it is, and parses what came back by its type.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, base: &str, http: &Http) -> Result<Reply> {
        let body = match &http.body_base64 {
            Some(text) => super::wire::from_base64(text).context("body_base64 is not base64")?,
            None => http.body.clone().into_bytes(),
        };
        let (mut reply, body) = self.raw(base, http, body).await?;
        let is_json =
            reply.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        reply.body = match serde_json::from_slice(&body) {
            Ok(json) if is_json => json,
            _ => std::str::from_utf8(&body).map_or_else(|_| STANDARD.encode(&body).into(), Json::from),
        };
        Ok(reply)
    }

    /// Sends a request and returns the body's bytes beside an answer without body.
    ///
    /// # Errors
    /// No answer.
    pub async fn raw(&self, base: &str, http: &Http, body: Vec<u8>) -> Result<(Reply, Vec<u8>)> {
        if http.exact {
            return exact::send(base, http, &body).await;
        }
        let url = format!("{}{}", base.trim_end_matches('/'), http.path);
        let method: Method = http.method.parse().context("not an HTTP method")?;
        let mut patience = Patience::default();
        loop {
            let mut request = self.client.request(method.clone(), &url).timeout(WITHIN).body(body.clone());
            for (name, value) in &http.headers {
                request = request.header(name, value);
            }
            let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
            let status = response.status().as_u16();
            if patience.asks_again(status).await {
                continue;
            }
            let text =
                |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
            let headers =
                response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let body = response.bytes().await.with_context(|| format!("no whole answer from {url}"))?;
            return Ok((Reply { status, body: Json::Null, headers }, body.to_vec()));
        }
    }
}

/// A POST of bytes.
pub(super) fn post(path: &str) -> Http {
    Http { method: "POST".to_owned(), path: path.to_owned(), ..Http::default() }
}

impl Door for HttpsDoor {
    fn name(&self) -> DoorName {
        DoorName::Https
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Json]
    }

    fn call<'a>(&'a self, peer: &'a Peer, call: &'a Call) -> Pending<'a, Reply> {
        Box::pin(async move {
            let mut http = post("/storage_rpc/v1");
            http.body_base64 = Some(STANDARD.encode(envelope(call)?));
            self.send(&peer.url, &http).await
        })
    }
}
