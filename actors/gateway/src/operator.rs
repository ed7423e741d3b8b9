//! The operator's endpoints: plain HTTP, on loopback, unguarded.

use std::{panic::AssertUnwindSafe, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::ContentType},
    web::Data,
};
use futures::FutureExt as _;
use serde_json::{Value, json};
use starling_kernel::{Context, Health, done};
use tracing::error;

use crate::{
    actor::Options,
    statistics::{SAMPLE_EVERY, Statistics},
};

/// What the operator's endpoints are told from.
pub(crate) struct Desk {
    health: Health,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    version: &'static str,
    statistics: Arc<Statistics>,
}

impl Desk {
    pub(crate) fn new(options: &Options, ctx: &Context) -> Self {
        let statistics = Arc::new(Statistics::new(options, ctx));
        let sampled = Arc::clone(&statistics);
        ctx.every(SAMPLE_EVERY, move || {
            sampled.sample();
            done(())
        });
        Self {
            health: ctx.environment().health.clone(),
            render_metrics: Arc::clone(&options.render_metrics),
            version: options.version,
            statistics,
        }
    }

    /// Answers one request; a panic on the way is the request's own misfortune.
    pub(crate) async fn serve(desk: Data<Self>, request: HttpRequest) -> HttpResponse {
        AssertUnwindSafe(desk.answer(&request)).catch_unwind().await.unwrap_or_else(|_| {
            error!("operator request handler panicked");
            text(StatusCode::INTERNAL_SERVER_ERROR, "request failed\n".to_owned())
        })
    }

    async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        match (request.method().as_str(), request.uri().path()) {
            ("GET" | "HEAD", "/healthz") => text(StatusCode::OK, "ok\n".to_owned()),
            ("GET" | "HEAD", "/readyz") => self.ready(),
            ("GET" | "HEAD", "/metrics") => HttpResponse::Ok()
                .insert_header(("Content-Type", "text/plain; version=0.0.4; charset=utf-8"))
                .body((self.render_metrics)()),
            ("GET" | "HEAD", "/version") => object(StatusCode::OK, &json!({ "version": self.version })),
            ("GET" | "HEAD", "/actors") => {
                let actors = serde_json::to_value(self.health.observe().await).unwrap_or_default();
                object(StatusCode::OK, &actors)
            }
            ("GET" | "HEAD", "/stats") => object(StatusCode::OK, &self.statistics.tell().await),
            _ => text(
                StatusCode::NOT_FOUND,
                "not found; there are /healthz, /readyz, /metrics, /version, /actors and /stats\n".to_owned(),
            ),
        }
    }

    fn ready(&self) -> HttpResponse {
        let reasons: Vec<_> = self
            .health
            .unready()
            .into_iter()
            .map(|(actor, reason)| json!({ "actor": actor, "reason": reason }))
            .collect();
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        object(status, &json!({ "ready": reasons.is_empty(), "reasons": reasons }))
    }
}

fn text(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status).insert_header(ContentType::plaintext()).body(text)
}

fn object(status: StatusCode, value: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header(ContentType::json()).body(value.to_string())
}
