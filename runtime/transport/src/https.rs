//! POSTs over HTTPS, as the clients of the network send them: for seeds, and for nodes that speak no libp2p.

mod verifier;

use std::{cell::RefCell, collections::HashMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Url,
    header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT},
    redirect,
};
use rustls::{ClientConfig, client::danger::ServerCertVerifier, crypto::ring};
use starling_contracts::transport::{Error, HttpsAnswer, PostHttps, Trust};
use starling_kernel::{Clock, Fault};

use self::verifier::{AnyCertificate, Pinned};

/// What the released clients say, to look ordinary (storage-rpc §9).
const AGENT: HeaderValue = HeaderValue::from_static("WhatsApp");
const LANGUAGE: HeaderValue = HeaderValue::from_static("en-us");

/// How long an unused connection is kept, and how many of them to one host.
const KEEP_IDLE: Duration = Duration::from_secs(90);
const IDLE_PER_HOST: usize = 16;

/// Sets of pins come from a network file; more than these means that somebody makes them up.
const MOST_PIN_SETS: usize = 64;

/// The clients: one for any certificate, one for each set of pins, because pooled connections must not be mixed.
pub(crate) struct Https {
    any: Client,
    pinned: RefCell<HashMap<Vec<[u8; 32]>, Client>>,
    clock: Arc<dyn Clock>,
}

impl Https {
    /// # Errors
    /// TLS could not be set up.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let any = client(Arc::new(AnyCertificate::default()))
            .map_err(|error| Fault::caused_by("the https client could not be set up", error))?;
        Ok(Self { any, pinned: RefCell::default(), clock })
    }

    /// Sends a POST and reads the answer, within its deadline and its limit.
    ///
    /// # Errors
    /// As the contract says; a redirect is one, because nobody asked for another server.
    pub(crate) async fn post(&self, post: PostHttps) -> Result<HttpsAnswer, Error> {
        let deadline = post.deadline;
        tokio::select! {
            biased;
            answer = self.exchange(post) => answer,
            () = self.clock.sleep(deadline) => {
                Err(Error::TimedOut { within_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) })
            }
        }
    }

    async fn exchange(&self, post: PostHttps) -> Result<HttpsAnswer, Error> {
        let url = Url::parse(&post.url).map_err(|_| Error::BadAddress)?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Error::BadAddress),
        };
        if is_plain && post.trust != Trust::AnyCertificate {
            // Without TLS there is no certificate that could be the right one.
            return Err(Error::BadAddress);
        }
        let mut request = self.client(&post.trust)?.post(url).body(post.body);
        if let Some(content_type) = post.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status().is_redirection() {
            return Err(Error::Broken("the server sent a redirect".to_owned()));
        }
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = read(response, post.max_answer).await?;
        Ok(HttpsAnswer { status, content_type, body })
    }

    fn client(&self, trust: &Trust) -> Result<Client, Error> {
        let Trust::Pinned(pins) = trust else { return Ok(self.any.clone()) };
        let mut clients = self.pinned.borrow_mut();
        if let Some(client) = clients.get(pins) {
            return Ok(client.clone());
        }
        if clients.len() >= MOST_PIN_SETS {
            clients.clear();
        }
        let made = client(Arc::new(Pinned::new(pins.clone())))
            .map_err(|_| Error::Broken("the https client could not be set up".to_owned()))?;
        clients.insert(pins.clone(), made.clone());
        Ok(made)
    }
}

/// Reads a body piece by piece, so that no more than `limit` is ever held.
async fn read(mut response: reqwest::Response, limit: usize) -> Result<Bytes, Error> {
    let too_large = |size| Error::TooLarge { what: "answer", size, limit };
    let announced = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if let Some(size) = announced.filter(|size| *size > limit) {
        return Err(too_large(size));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        let size = body.len() + chunk.len();
        if size > limit {
            return Err(too_large(size));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn client(verifier: Arc<dyn ServerCertVerifier>) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let headers = HeaderMap::from_iter([(USER_AGENT, AGENT), (ACCEPT_LANGUAGE, LANGUAGE)]);
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .default_headers(headers)
        .pool_idle_timeout(KEEP_IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .tcp_nodelay(true)
        .build()?)
}

/// What to tell a caller, who must not learn the address from an error.
fn failed(error: &reqwest::Error) -> Error {
    if verifier::is_wrong_certificate(error) {
        return Error::WrongCertificate;
    }
    if error.is_connect() {
        return Error::Unreachable("no connection could be made".to_owned());
    }
    if error.is_builder() {
        return Error::BadAddress;
    }
    Error::Broken("the exchange ended early".to_owned())
}
