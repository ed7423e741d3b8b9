//! `batch`, `sequence` and `ifelse` (storage-rpc §4.15).

use std::rc::Rc;

use futures::future::join_all;
use starling_contracts::{node::COMPATIBLE_VERSION, storage::Error};
use starling_protocol::storage::{
    request::{Batch, BatchOrder, IfElse, NodeFacts, Request, Store},
    response::ReplyValue,
};

use super::{Server, dispatch::Step};
use crate::{
    answer_budget::Allowance,
    answers::{Composed, failure, numbers},
};

impl Server {
    pub(super) async fn batch(&self, batch: Batch, allowance: &Allowance) -> Result<Composed, Error> {
        let results = match batch.order {
            BatchOrder::All => self.all(batch.requests, allowance).await,
            BatchOrder::UntilFailure => self.until_failure(batch.requests, allowance).await,
        };
        Ok(Composed::fields(200, vec![("results".to_owned(), results.into())]))
    }

    /// Each part takes effect here before the next is looked at; the other members are waited for together at the end.
    async fn all(&self, requests: Vec<Request>, allowance: &Allowance) -> Vec<ReplyValue> {
        let mut steps = Vec::with_capacity(requests.len());
        for request in requests {
            // The store keeps the order of writes by itself; only what reads has to wait for what was written before.
            if may_read(&request) {
                settle_all(&mut steps, allowance).await;
            }
            let method = request.method();
            steps.push((method, self.begin(request, allowance).await));
        }
        let finished = steps.into_iter().map(|(method, step)| self.finish(method, step, allowance));
        join_all(finished).await.into_iter().map(part).collect()
    }

    async fn until_failure(&self, requests: Vec<Request>, allowance: &Allowance) -> Vec<ReplyValue> {
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            let method = request.method();
            let step = self.begin(request, allowance).await;
            let answer = self.finish(method, step, allowance).await;
            let is_success = answer.as_ref().is_ok_and(|answer| (200..=299).contains(&answer.status));
            results.push(part(answer));
            if !is_success {
                break;
            }
        }
        results
    }

    pub(super) async fn if_else(
        self: &Rc<Self>,
        choice: IfElse,
        allowance: &Rc<Allowance>,
    ) -> Result<Composed, Error> {
        let list = self.list()?;
        let facts = NodeFacts {
            hf: list.hardfork.map(i64::from),
            version: COMPATIBLE_VERSION.map(i64::from),
            height: i64::try_from(list.height).unwrap_or(i64::MAX),
        };
        let holds = choice.condition.holds(&facts);
        let mut fields = vec![
            ("hf".to_owned(), numbers(list.hardfork)),
            ("v".to_owned(), numbers(COMPATIBLE_VERSION)),
            ("height".to_owned(), facts.height.into()),
            ("condition".to_owned(), holds.into()),
        ];
        if let Some(request) = if holds { choice.then } else { choice.otherwise } {
            let answer = Rc::clone(self).answer(request, Rc::clone(allowance)).await;
            fields.push(("result".to_owned(), part(answer)));
        }
        Ok(Composed::fields(200, fields))
    }
}

/// Everything but a store that its owner, or nobody, signed: of a subaccount it is looked up whether it was revoked.
fn may_read(request: &Request) -> bool {
    let is_delegated =
        |store: &Store| store.credentials.is_some_and(|credentials| credentials.subaccount.is_some());
    !matches!(request, Request::Store(store) if !is_delegated(store))
}

async fn settle_all(steps: &mut [(&'static str, Result<Step, Error>)], allowance: &Allowance) {
    for (_, step) in steps {
        if let Ok(Step::Writing(write)) = step {
            write.settle(allowance).await;
        }
    }
}

fn part(answer: Result<Composed, Error>) -> ReplyValue {
    answer.unwrap_or_else(|error| failure(&error)).into_part()
}
