//! The network's HTTPS API (storage-rpc §1.1): who answers which path, and what is refused before anybody is asked.

mod body;
mod reply;

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderValue},
    web::{Data, Payload},
};
use bytes::Bytes;
use futures::FutureExt as _;
use starling_contracts::{
    routing::{self, EnterOnion},
    staking::CurrentNodeList,
    storage::{self, ServeRpc},
};
use starling_kernel::{CallError, Clock, Context, Entropy, Recipient};
use tracing::error;

pub(crate) use self::body::MAX_BODY;
use self::{body::Bodies, reply::Replies};
use crate::{
    actor::NodeFace,
    config::Config,
    metrics::{self, Refusal, Route},
    seed,
};

/// What every HTTP thread needs to answer.
pub(crate) struct Edge {
    storage: Recipient<ServeRpc>,
    onions: Recipient<EnterOnion>,
    ledger: Recipient<CurrentNodeList>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    bodies: Bodies,
    replies: Replies,
    /// Base64 of the legacy key, for reachability tests.
    legacy: HeaderValue,
    /// The body of `/get_stats/v1`.
    stats: Bytes,
}

impl Edge {
    pub(crate) fn new(config: &Config, face: &NodeFace, ctx: &Context) -> Self {
        let [major, minor, patch] = face.version;
        let version = format!("{major}.{minor}.{patch}");
        Self {
            storage: ctx.recipient(),
            onions: ctx.recipient(),
            ledger: ctx.recipient(),
            clock: Arc::clone(ctx.clock()),
            entropy: Arc::clone(ctx.entropy()),
            bodies: Bodies::new(config.body_memory.as_u64(), config.body_within, Arc::clone(ctx.clock())),
            replies: Replies::new(&version),
            legacy: reply::base64_header(face.legacy.as_bytes()),
            stats: Bytes::from(serde_json::json!({ "version": version }).to_string()),
        }
    }

    /// The whole answer to a head with a malformed length, for a connection that HTTP has not taken over yet.
    pub(crate) fn bad_length(&self) -> String {
        self.replies.bad_length()
    }

    /// Answers one request; a panic on the way is the request's own misfortune.
    pub(crate) async fn serve(edge: Data<Self>, request: HttpRequest, payload: Payload) -> HttpResponse {
        let began = edge.clock.elapsed();
        let route = route(&request);
        let answered = AssertUnwindSafe(edge.answer(route, &request, payload)).catch_unwind().await;
        let response = answered.unwrap_or_else(|_| {
            error!(?route, "request handler panicked");
            metrics::refused(Refusal::Panicked);
            edge.replies.request_failed()
        });
        metrics::answered(route, response.status().as_u16(), edge.clock.elapsed().saturating_sub(began));
        response
    }

    async fn answer(&self, route: Route, request: &HttpRequest, payload: Payload) -> HttpResponse {
        match route {
            Route::StorageRpc if request.headers().contains_key("x-loki-long-poll") => self
                .replies
                .text(StatusCode::GONE, "long polling is no longer supported, client upgrade required"),
            Route::StorageRpc => self.with_body(request, payload, |body| self.storage_rpc(body)).await,
            Route::Onion => self.with_body(request, payload, |body| self.onion(body)).await,
            Route::NodeList => self.with_body(request, payload, |body| self.node_list(body)).await,
            Route::Ping => self.replies.ping(&self.legacy),
            Route::Stats => self.replies.json(StatusCode::OK, self.stats.clone()),
            Route::Unknown => self.replies.not_found(request),
        }
    }

    /// Reads the body within its limits, and keeps its memory accounted for until the answer is there.
    async fn with_body<F>(
        &self,
        request: &HttpRequest,
        payload: Payload,
        answer: impl FnOnce(Bytes) -> F,
    ) -> HttpResponse
    where
        F: Future<Output = HttpResponse>,
    {
        match self.bodies.read(request, payload).await {
            Ok(body) => answer(body.bytes.clone()).await,
            Err(unread) => {
                metrics::refused(unread.refusal());
                self.replies.unread(unread)
            }
        }
    }

    async fn storage_rpc(&self, envelope: Bytes) -> HttpResponse {
        match self.storage.ask(ServeRpc { envelope }).await {
            Ok(answer) => self.replies.answer(answer),
            Err(storage::Error::NotReady(reasons)) => self.replies.not_ready(&reasons),
            Err(storage::Error::Call(error)) => self.call_failed(error),
            Err(_) => self.replies.request_failed(),
        }
    }

    async fn onion(&self, frame: Bytes) -> HttpResponse {
        match self.onions.ask(EnterOnion { frame }).await {
            Ok(answer) => self.replies.onion(answer),
            Err(routing::Error::NotReady(reasons)) => self.replies.not_ready(&reasons),
            Err(routing::Error::Call(error)) => self.call_failed(error),
            Err(_) => self.replies.request_failed(),
        }
    }

    async fn node_list(&self, body: Bytes) -> HttpResponse {
        let question = match seed::Question::parse(&body) {
            Ok(question) => question,
            Err(refusal) => return self.replies.json(StatusCode::OK, refusal.encode()),
        };
        match self.ledger.ask(CurrentNodeList).await {
            Ok(list) => {
                let answer = question.answer(&list, &*self.entropy);
                self.replies.json(StatusCode::OK, answer)
            }
            Err(starling_contracts::staking::Error::NoList) => self.replies.not_ready("not done syncing"),
            Err(starling_contracts::staking::Error::Call(error)) => self.call_failed(error),
            Err(_) => self.replies.request_failed(),
        }
    }

    /// Tells apart what passes by itself from what does not (storage-rpc §1.1).
    fn call_failed(&self, error: CallError) -> HttpResponse {
        match error {
            CallError::Busy { .. } => self.replies.busy(),
            CallError::Stopping { .. } => self.replies.not_ready("shutting down"),
            // The doors open before the other actors are there, so that the operator can look in.
            CallError::NotServed { .. } => self.replies.not_ready("starting"),
            CallError::Failed { actor } => self.replies.not_ready(&format!("{actor} has failed")),
            _ => self.replies.request_failed(),
        }
    }
}

fn route(request: &HttpRequest) -> Route {
    match (request.method().as_str(), request.uri().path()) {
        ("POST", "/storage_rpc/v1") => Route::StorageRpc,
        ("POST", "/onion_req/v2") => Route::Onion,
        ("POST", "/json_rpc") => Route::NodeList,
        ("POST", "/ping_test/v1") => Route::Ping,
        ("GET", "/get_stats/v1") => Route::Stats,
        _ => Route::Unknown,
    }
}

/// After how many seconds a caller who was told to come back may do so.
const RETRY_AFTER: Duration = Duration::from_secs(1);
