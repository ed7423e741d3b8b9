//! Asks the actors, and puts their answers into the forms of storage-rpc §1.2.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use starling_contracts::{
    storage::{self, Answer, Body, ServeMethod},
    subscriptions::{self, Link, LinkId, Subscribe},
};
use starling_kernel::{CallError, Context, Recipient};
use starling_protocol::omq::{self, Action};
use tokio::sync::mpsc;

use super::{
    line::Line,
    metrics,
    socket::{BUSY, Job, Outgoing, Outlet},
};

/// Notifications that may wait for one connection on their way to the socket. More are dropped.
const NOTICES: usize = 256;

/// What is needed to answer.
pub(super) struct Clerk {
    storage: Recipient<ServeMethod>,
    subscriptions: Recipient<Subscribe>,
    outlet: Outlet,
    ctx: Context,
}

impl Clerk {
    pub(super) fn new(outlet: Outlet, ctx: Context) -> Self {
        Self { storage: ctx.recipient(), subscriptions: ctx.recipient(), outlet, ctx }
    }

    /// Serves jobs side by side, until the socket's thread has ended. How many there may be at once, the jobs' permits say.
    pub(super) async fn work(self: Rc<Self>, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let clerk = Rc::clone(&self);
            self.ctx.spawn(async move { clerk.serve(job).await });
        }
    }

    async fn serve(&self, job: Job) {
        let began = self.ctx.clock().elapsed();
        let Job { line, call, _permits } = job;
        let mut data = call.data;
        let params = data.pop().unwrap_or_default();
        let (status, body) = match call.action {
            // Which is no dictionary either.
            Action::Monitor if !data.is_empty() => self.monitor(&line, Bytes::new()).await,
            Action::Storage(_) if !data.is_empty() => {
                let text = format!("Invalid request: expected 1 message parts, received {}", data.len() + 1);
                (400, Bytes::from(text))
            }
            Action::Storage(method) => self.storage(method, params).await,
            Action::Monitor => self.monitor(&line, params).await,
        };
        metrics::answered(call.action, status, self.ctx.clock().elapsed().saturating_sub(began));
        let parts = omq::storage_reply(call.tag, status, body);
        self.outlet.send(Outgoing::Reply { line, parts }).await;
    }

    async fn storage(&self, method: &str, params: Bytes) -> (u16, Bytes) {
        match self.storage.ask(ServeMethod { method: method.to_owned(), params }).await {
            Ok(Answer { status, body }) => (status, encode(body)),
            Err(storage::Error::NotReady(reasons)) => not_ready(&reasons),
            Err(storage::Error::Call(error)) => call_failed(&error),
            Err(_) => request_failed(),
        }
    }

    async fn monitor(&self, line: &Arc<Line>, request: Bytes) -> (u16, Bytes) {
        let Some(link) = line.link(|| self.new_link(line)) else {
            // The connection ended meanwhile, and nobody will read this.
            return request_failed();
        };
        match self.subscriptions.ask(Subscribe { request, link }).await {
            Ok(reply) => (200, reply),
            Err(subscriptions::Error::NotReady(reasons)) => not_ready(&reasons),
            Err(subscriptions::Error::Call(error)) => call_failed(&error),
            Err(_) => request_failed(),
        }
    }

    /// A link that ends with the connection, and a task that carries its notices to the socket.
    fn new_link(&self, line: &Arc<Line>) -> Link {
        let (outlet, mut notices) = mpsc::channel(NOTICES);
        let (line, to_socket) = (Arc::clone(line), self.outlet.clone());
        self.ctx.spawn(async move {
            loop {
                let notice = tokio::select! {
                    biased;
                    _ = line.over() => return,
                    notice = notices.recv() => notice,
                };
                let Some(notice) = notice else { return };
                to_socket.send(Outgoing::Notice { line: Arc::clone(&line), notice }).await;
            }
        });
        Link { id: LinkId(u64::from_le_bytes(self.ctx.entropy().bytes())), outlet }
    }
}

fn encode(body: Body) -> Bytes {
    match body {
        Body::Json(value) => Bytes::from(value.to_string()),
        Body::Text(text) => Bytes::from(text),
        Body::Bencode(bytes) | Body::Binary(bytes) => bytes,
    }
}

fn not_ready(reasons: &str) -> (u16, Bytes) {
    (503, Bytes::from(format!("Service node is not ready: {reasons}\n")))
}

fn request_failed() -> (u16, Bytes) {
    (500, Bytes::from_static(b"request failed"))
}

/// Tells apart what passes by itself from what does not, in the words of the HTTPS edge (storage-rpc §1.1).
fn call_failed(error: &CallError) -> (u16, Bytes) {
    match error {
        CallError::Busy { .. } => (503, Bytes::from_static(BUSY.as_bytes())),
        CallError::Stopping { .. } => not_ready("shutting down"),
        CallError::NotServed { .. } => not_ready("starting"),
        CallError::Failed { actor } => not_ready(&format!("{actor} has failed")),
        _ => request_failed(),
    }
}
