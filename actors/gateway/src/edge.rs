//! The network's HTTPS API (storage-rpc §1.1): who answers which path, and what is refused before anybody is asked.

mod body;
mod parcel;
mod reply;
mod weight;

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody as _},
    http::{
        StatusCode,
        header::{HeaderMap, HeaderValue},
    },
    web::{Data, Payload},
};
use bytes::Bytes;
use futures::FutureExt as _;
use starling_contracts::{
    routing::{self, EnterOnion, Origin, Origins},
    staking::CurrentNodeList,
    storage::{self, Answer, Body, ServeRpc},
};
use starling_kernel::{CallError, Clock, Context, CpuPool, Entropy, Recipient};
use tracing::error;

pub(crate) use self::body::{MAX_BODY, STEP};
use self::{
    body::{Bodies, Unread},
    parcel::Parcel,
    reply::Replies,
};
use crate::{
    actor::NodeFace,
    admission::{Admission, Caller},
    config::Config,
    intake::{Pulse, Serving},
    memory::{Charge, Memory, PAGE},
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
    origins: Origins,
    pool: CpuPool,
    admission: Arc<Admission>,
    memory: Memory,
    bodies: Bodies,
    replies: Replies,
    /// Base64 of the legacy key, for reachability tests.
    legacy: HeaderValue,
    /// The body of `/get_stats/v1`.
    stats: Bytes,
}

impl Edge {
    pub(crate) fn new(config: &Config, face: &NodeFace, admission: Arc<Admission>, ctx: &Context) -> Self {
        let memory = Memory::new(config.memory.as_u64());
        let [major, minor, patch] = face.version;
        let version = format!("{major}.{minor}.{patch}");
        Self {
            storage: ctx.recipient(),
            onions: ctx.recipient(),
            ledger: ctx.recipient(),
            clock: Arc::clone(ctx.clock()),
            entropy: Arc::clone(ctx.entropy()),
            origins: Origins::new(&**ctx.entropy()),
            pool: ctx.pool().clone(),
            admission,
            bodies: Bodies::new(config, memory.clone(), Arc::clone(ctx.clock())),
            memory,
            replies: Replies::new(&version),
            legacy: reply::base64_header(face.legacy.as_bytes()),
            stats: Bytes::from(serde_json::json!({ "version": version }).to_string()),
        }
    }

    /// The whole answer to a head with a malformed length, for a connection that HTTP has not taken over yet.
    pub(crate) fn bad_length(&self) -> String {
        self.replies.bad_length()
    }

    /// Memory for something of a caller's that is no request yet.
    pub(crate) fn charge(&self, caller: Caller) -> Charge {
        self.memory.charge(caller)
    }

    /// The refusal of a body that was announced with `Expect: 100-continue` and would be too long; nothing if it may come.
    pub(crate) fn refuses_promise(&self, headers: &HeaderMap) -> Option<HttpResponse> {
        let unread = body::announced(headers).map_or_else(Some, |length| {
            length.filter(|length| *length > MAX_BODY as u64).map(|_| Unread::TooLarge)
        })?;
        metrics::refused(unread.refusal());
        Some(self.replies.unread(unread))
    }

    /// Answers one request; a panic on the way is the request's own misfortune.
    pub(crate) async fn serve(edge: Data<Self>, request: HttpRequest, payload: Payload) -> HttpResponse {
        let began = edge.clock.elapsed();
        let route = route(&request);
        let serving = request.conn_data::<Pulse>().map(Pulse::begin);
        let answered = AssertUnwindSafe(edge.answer(route, &request, payload)).catch_unwind().await;
        let response = answered.unwrap_or_else(|_| {
            error!(?route, "request handler panicked");
            metrics::refused(Refusal::Panicked);
            edge.replies.request_failed()
        });
        let response = edge.pay_for(response, address(&request), serving);
        metrics::answered(route, response.status().as_u16(), edge.clock.elapsed().saturating_sub(began));
        response
    }

    async fn answer(&self, route: Route, request: &HttpRequest, payload: Payload) -> HttpResponse {
        match route {
            Route::StorageRpc if request.headers().contains_key("x-loki-long-poll") => self
                .replies
                .text(StatusCode::GONE, "long polling is no longer supported, client upgrade required"),
            Route::StorageRpc => match self.admission.admit(address(request), self.clock.elapsed()) {
                Ok(()) => self.with_body(request, payload, |body| self.storage_rpc(body)).await,
                Err(wait) => self.too_many(request, payload, wait).await,
            },
            Route::Onion => {
                // For a fair turn at the relay.
                let origin = request.peer_addr().map_or(Origin::UNKNOWN, |from| self.origins.of(from.ip()));
                self.with_body(request, payload, |body| self.onion(body, origin)).await
            }
            Route::NodeList => self.with_body(request, payload, |body| self.node_list(body)).await,
            Route::Ping => self.replies.ping(&self.legacy),
            Route::Stats => self.replies.json(StatusCode::OK, self.stats.clone()),
            Route::Unknown => self.replies.not_found(request),
        }
    }

    /// Reads the body within its limits. Whoever holds it keeps its memory accounted for, even when the client has gone.
    async fn with_body<F>(
        &self,
        request: &HttpRequest,
        mut payload: Payload,
        answer: impl FnOnce(Bytes) -> F,
    ) -> HttpResponse
    where
        F: Future<Output = HttpResponse>,
    {
        match self.bodies.read(request, &mut payload, Caller::from(address(request))).await {
            Ok(body) => {
                if let Some(pulse) = request.conn_data::<Pulse>() {
                    pulse.has_read();
                }
                answer(body).await
            }
            Err(unread) => {
                metrics::refused(unread.refusal());
                if matches!(unread, Unread::TooLarge | Unread::NoMemory) {
                    self.bodies.skip(request, &mut payload).await;
                }
                self.replies.unread(unread)
            }
        }
    }

    /// The body is taken off the connection, so that it can go on: a new one would cost this node more than the refusal.
    async fn too_many(&self, request: &HttpRequest, mut payload: Payload, wait: Duration) -> HttpResponse {
        metrics::refused(Refusal::TooMany);
        self.bodies.skip(request, &mut payload).await;
        self.replies.too_many(wait)
    }

    /// Takes the memory for an answer until it has been written, or sheds it.
    fn pay_for(&self, response: HttpResponse, from: IpAddr, serving: Option<Serving>) -> HttpResponse {
        let BodySize::Sized(size) = response.body().size() else { return response };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size <= PAGE {
            return response;
        }
        let mut charge = self.memory.charge(Caller::from(from));
        if !charge.cover(size) {
            metrics::refused(Refusal::Memory);
            return self.replies.busy();
        }
        response.map_body(|_, body| match body.try_into_bytes() {
            Ok(bytes) => BoxBody::new(Parcel::new(bytes, charge, serving)),
            Err(body) => body,
        })
    }

    async fn storage_rpc(&self, envelope: Bytes) -> HttpResponse {
        match self.storage.ask(ServeRpc { envelope }).await {
            Ok(Answer { status, body: Body::Json(value) }) => match self.written(value).await {
                Some(json) => self.replies.answer(status, json),
                None => self.replies.request_failed(),
            },
            Ok(Answer { status, body: Body::Text(text) }) => self.replies.plain(status, text),
            Ok(Answer { status, body: Body::Bencode(bytes) | Body::Binary(bytes) }) => {
                self.replies.binary(status, bytes)
            }
            Err(storage::Error::NotReady(reasons)) => self.replies.not_ready(&reasons),
            Err(storage::Error::Call(error)) => self.call_failed(error),
            Err(_) => self.replies.request_failed(),
        }
    }

    /// An answer as text. Megabytes of it would hold up every other connection of this thread.
    async fn written(&self, value: serde_json::Value) -> Option<Bytes> {
        let weight = weight::of(&value);
        if weight <= weight::LIGHT {
            return Some(Bytes::from(value.to_string()));
        }
        let write = move || {
            let mut json = Vec::with_capacity(weight);
            serde_json::to_writer(&mut json, &value).ok().map(|()| Bytes::from(json))
        };
        self.pool.run(write).await.ok().flatten()
    }

    async fn onion(&self, frame: Bytes, origin: Origin) -> HttpResponse {
        match self.onions.ask(EnterOnion { frame, origin }).await {
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
                let entropy = Arc::clone(&self.entropy);
                // All nodes with all fields are a megabyte.
                match self.pool.run(move || question.answer(&list, &*entropy)).await {
                    Ok(answer) => self.replies.json(StatusCode::OK, answer),
                    Err(_) => self.replies.request_failed(),
                }
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

/// Where a request comes from. A connection that cannot tell has been closed by its client.
fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().as_ref().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip)
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
