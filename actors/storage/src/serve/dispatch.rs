//! One request of any method: what can be done without waiting, then the rest.

use std::{rc::Rc, sync::Arc};

use futures::{FutureExt as _, future::LocalBoxFuture};
use starling_contracts::storage::Error;
use starling_kernel::CallError;
use starling_protocol::storage::request::Request;

use super::{NAME, Server, if_own, recursion::InFlight};
use crate::{
    answer_budget::{Allowance, Hold},
    answers::{self, Composed, Moment},
    check::Origin,
    ledger_calls, metrics,
    traffic::Asked,
};

/// About what a node takes in the node list, as JSON.
const NODE_BYTES: u64 = 600;

/// How far a request has come.
pub(super) enum Step {
    Answered(Composed),
    /// Checked, handed to the store and to the other members.
    Writing(Box<InFlight>),
}

impl Server {
    /// Answers a request of any method.
    pub(super) fn answer(
        self: Rc<Self>,
        request: Request,
        allowance: Rc<Allowance>,
    ) -> LocalBoxFuture<'static, Result<Composed, Error>> {
        async move {
            let method = request.method();
            let answer = match request {
                Request::Batch(batch) => self.batch(batch, &allowance).await,
                Request::IfElse(choice) => self.if_else(*choice, &allowance).await,
                request => {
                    let step = self.begin(request, &allowance).await;
                    return self.finish(method, step, &allowance).await;
                }
            };
            self.count(method, &answer);
            answer
        }
        .boxed_local()
    }

    /// Does what can be done without waiting for the disk or for other nodes.
    pub(super) async fn begin(&self, request: Request, allowance: &Allowance) -> Result<Step, Error> {
        let list = self.list()?;
        let moment = self.moment(&list);
        if allowance.is_spent() && may_be_answered_at_length(&request) {
            return Err(self.busy());
        }
        let answer = match request {
            Request::Info => answers::info(&moment),
            Request::ActiveNodes => ledger_calls::active_nodes(&list),
            Request::OxendRequest(call) => {
                let n_nodes = u64::try_from(list.nodes().len()).unwrap_or(u64::MAX);
                self.hold(n_nodes.saturating_mul(NODE_BYTES), allowance)?;
                let entropy = Arc::clone(self.ctx.entropy());
                self.on_pool(move || ledger_calls::oxend_request(&call, &list, &moment, &*entropy)).await?
            }
            Request::GetSwarm(get) => {
                let swarm = self.swarm_of(get.account).await?;
                Composed::fields(200, answers::swarm_fields(swarm.as_ref(), &moment))
            }
            request => return self.begin_for_account(request, moment, allowance).await,
        };
        allowance.spend(u64::try_from(answer.weight()).unwrap_or(u64::MAX));
        Ok(Step::Answered(answer))
    }

    async fn begin_for_account(
        &self,
        request: Request,
        moment: Moment,
        allowance: &Allowance,
    ) -> Result<Step, Error> {
        let Some(account) = request.account().copied() else {
            return Ok(Step::Answered(Composed::text(500, "request failed")));
        };
        let swarm = match if_own(self.swarm_of(account).await?, &moment) {
            Ok(swarm) => swarm,
            Err(answer) => return Ok(Step::Answered(answer)),
        };
        if !request.is_recursive() {
            return self.read(request, moment, allowance).await.map(Step::Answered);
        }
        match self.check_write(request, &moment, Origin::Client).await? {
            Err(refusal) => Ok(Step::Answered(refusal.into())),
            Ok(prepared) => Ok(Step::Writing(Box::new(self.begin_write(prepared, &swarm, moment)?))),
        }
    }

    /// Waits for the rest of a request, and counts how it ended.
    pub(super) async fn finish(
        &self,
        method: &'static str,
        step: Result<Step, Error>,
        allowance: &Allowance,
    ) -> Result<Composed, Error> {
        let answer = match step {
            Ok(Step::Answered(answer)) => Ok(answer),
            Ok(Step::Writing(write)) => self.finish_write(*write, allowance).await,
            Err(error) => Err(error),
        };
        self.count(method, &answer);
        answer
    }

    fn count(&self, method: &'static str, answer: &Result<Composed, Error>) {
        let status = match answer {
            Ok(answer) => answer.status,
            Err(error) => answers::failure(error).status,
        };
        metrics::answered(Some(method), status);
        let asked = match method {
            "store" => Asked::Store,
            "retrieve" => Asked::Retrieve,
            _ => return,
        };
        self.traffic.borrow_mut().count(asked, self.ctx.clock().elapsed());
    }

    /// There is no memory for one more answer; the caller comes back.
    pub(super) fn busy(&self) -> Error {
        CallError::Busy { actor: NAME, capacity: self.n_places }.into()
    }

    /// Takes memory for an answer until it is given.
    pub(super) fn hold(&self, bytes: u64, allowance: &Allowance) -> Result<(), Error> {
        let hold: Hold = self.budget.hold(bytes).ok_or_else(|| self.busy())?;
        allowance.keep(hold);
        Ok(())
    }
}

/// Methods whose answers have nothing to do with the length of the request, but for `retrieve`, which is told how much is left.
fn may_be_answered_at_length(request: &Request) -> bool {
    matches!(
        request,
        Request::DeleteAll(_)
            | Request::DeleteBefore(_)
            | Request::ExpireAll(_)
            | Request::OxendRequest(_)
            | Request::ActiveNodes
    )
}
