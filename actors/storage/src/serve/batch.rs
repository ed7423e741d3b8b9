//! `batch`, `sequence` and `ifelse` (storage-rpc §4.15).

use std::rc::Rc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::join_all;
use serde_json::{Map, Value as Json, json};
use starling_contracts::{
    node::COMPATIBLE_VERSION,
    storage::{Answer, Body, Error},
};
use starling_protocol::storage::request::{Batch, BatchOrder, IfElse, NodeFacts, Request, Store};

use super::{Server, Step};
use crate::answers::{failure, json_answer};

impl Server {
    pub(super) async fn batch(&self, batch: Batch) -> Result<Answer, Error> {
        let results = match batch.order {
            BatchOrder::All => self.all(batch.requests).await,
            BatchOrder::UntilFailure => self.until_failure(batch.requests).await,
        };
        Ok(json_answer(200, json!({"results": results})))
    }

    /// Each part takes effect here before the next is looked at; the other members are waited for together at the end.
    async fn all(&self, requests: Vec<Request>) -> Vec<Json> {
        let mut steps = Vec::with_capacity(requests.len());
        for request in requests {
            // The store keeps the order of writes by itself; only what reads has to wait for what was written before.
            if may_read(&request) {
                settle_all(&mut steps).await;
            }
            let method = request.method();
            steps.push((method, self.begin(request).await));
        }
        let finished = steps.into_iter().map(|(method, step)| self.finish(method, step));
        join_all(finished).await.into_iter().map(result).collect()
    }

    async fn until_failure(&self, requests: Vec<Request>) -> Vec<Json> {
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            let method = request.method();
            let step = self.begin(request).await;
            let answer = self.finish(method, step).await;
            let is_success = answer.as_ref().is_ok_and(|answer| (200..=299).contains(&answer.status));
            results.push(result(answer));
            if !is_success {
                break;
            }
        }
        results
    }

    pub(super) async fn if_else(self: &Rc<Self>, choice: IfElse) -> Result<Answer, Error> {
        let list = self.list()?;
        let facts = NodeFacts {
            hf: list.hardfork.map(i64::from),
            version: COMPATIBLE_VERSION.map(i64::from),
            height: i64::try_from(list.height).unwrap_or(i64::MAX),
        };
        let holds = choice.condition.holds(&facts);
        let mut body = Map::new();
        body.insert("hf".to_owned(), json!(facts.hf));
        body.insert("v".to_owned(), json!(facts.version));
        body.insert("height".to_owned(), json!(facts.height));
        body.insert("condition".to_owned(), json!(holds));
        if let Some(request) = if holds { choice.then } else { choice.otherwise } {
            body.insert("result".to_owned(), result(Rc::clone(self).answer(request).await));
        }
        Ok(json_answer(200, Json::Object(body)))
    }
}

/// Everything but a store that its owner, or nobody, signed: of a subaccount it is looked up whether it was revoked.
fn may_read(request: &Request) -> bool {
    let is_delegated =
        |store: &Store| store.credentials.is_some_and(|credentials| credentials.subaccount.is_some());
    !matches!(request, Request::Store(store) if !is_delegated(store))
}

async fn settle_all(steps: &mut [(&'static str, Result<Step, Error>)]) {
    for (_, step) in steps {
        if let Ok(Step::Writing(write)) = step {
            write.settle().await;
        }
    }
}

fn result(answer: Result<Answer, Error>) -> Json {
    let Answer { status, body } = answer.unwrap_or_else(|error| failure(&error));
    let body = match body {
        Body::Json(body) => body,
        Body::Text(text) => Json::String(text),
        Body::Binary(bytes) => Json::String(STANDARD.encode(bytes)),
    };
    json!({"code": status, "body": body})
}
