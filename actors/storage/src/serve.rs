//! From a request to its answer: which swarm, which checks, which method.

mod batch;
mod dispatch;
mod figures;
mod read;
mod recursion;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc};

use bytes::Bytes;
use starling_contracts::{
    staking::NodeList,
    storage::{Answer, Error, Forwarded},
    swarm::{self, Replicate, SwarmFor, SwarmView},
};
use starling_kernel::{CallError, Context, Recipient};
use starling_protocol::{
    account::AccountId,
    crypto::ed25519,
    storage::{
        request::{Encoding, Parser, Request, RequestError},
        response::{Failure, ReplyValue},
        subaccount::Token,
    },
    swarm::{SwarmId, mapping},
};
use tracing::error;

use self::figures::Figured;
use crate::{
    answer_budget::{Allowance, Budget},
    answers::{self, Composed, Moment},
    check::{Origin, Refusal, check},
    config::Config,
    metrics,
    store::{Store, StoreError},
    traffic::Traffic,
    write::{Entry, Pen, Prepared, prepare},
};

/// The actor's name, as callers are told it.
pub(crate) const NAME: &str = "storage";
/// A longer envelope is parsed on the CPU pool, and a longer answer put into its form there; a shorter one takes less time than the
/// way there and back.
const PARSE_HERE: usize = 16 << 10;
/// The method that [`fault_injection`](crate::Config::fault_injection) adds.
const DEBUG_PANIC: &str = "debug_panic";

/// What all requests share. Lives on the actor's thread; tasks hold it by `Rc`.
pub(crate) struct Server {
    ctx: Context,
    pen: Pen,
    own: ed25519::PublicKey,
    list: RefCell<Option<Arc<NodeList>>>,
    /// The swarms of the list, ascending.
    swarms: RefCell<Vec<SwarmId>>,
    swarm_for: Recipient<SwarmFor>,
    replicate: Recipient<Replicate>,
    /// Memory for answers.
    budget: Arc<Budget>,
    traffic: RefCell<Traffic>,
    figured: futures::lock::Mutex<Option<Figured>>,
    /// How many bytes messages may take.
    capacity: u64,
    /// How many requests may wait, which callers are told when there is no room.
    n_places: usize,
    fault_injection: bool,
}

impl Server {
    pub(crate) fn new(ctx: Context, store: Store, key: Arc<ed25519::SecretKey>, config: &Config) -> Self {
        let (own, pool) = (key.public(), ctx.pool().clone());
        Self {
            own,
            pen: Pen { store, key, pool },
            list: RefCell::default(),
            swarms: RefCell::default(),
            swarm_for: ctx.recipient(),
            replicate: ctx.recipient(),
            budget: Budget::new(config.answer_memory.as_u64()),
            traffic: RefCell::new(Traffic::new(ctx.clock().elapsed())),
            figured: futures::lock::Mutex::default(),
            capacity: config.capacity.as_u64(),
            n_places: config.bounds.mailbox_capacity,
            fault_injection: config.fault_injection,
            ctx,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.pen.store
    }

    /// Takes a list, if it is newer than the one held.
    pub(crate) fn follow(&self, list: Arc<NodeList>) {
        let mut held = self.list.borrow_mut();
        if held.as_ref().is_none_or(|held| list.height > held.height) {
            let swarms = list.nodes().iter().map(|node| node.swarm).filter(|swarm| swarm.is_assigned());
            *self.swarms.borrow_mut() = swarms.collect::<BTreeSet<_>>().into_iter().collect();
            *held = Some(list);
        }
    }

    /// Tells the operator whether clients can be served, and if not, why.
    pub(crate) fn tell_readiness(&self) {
        let broken = self.store().failure().map(|error| error.to_string());
        match broken.or_else(|| self.unready().map(str::to_owned)) {
            Some(reason) => self.ctx.not_ready(reason),
            None => self.ctx.ready(),
        }
    }

    /// Why no client can be served, in the words of storage-rpc §1.1.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        match self.list.borrow().as_ref() {
            None => Some("not done syncing"),
            Some(list) if list.node(&self.own).is_some_and(|node| node.swarm.is_assigned()) => None,
            Some(_) => Some("not in any swarm"),
        }
    }

    /// Serves a client that sent an envelope.
    pub(crate) async fn rpc(self: Rc<Self>, envelope: Bytes) -> Result<Answer, Error> {
        self.list()?;
        let length = envelope.len();
        let parse = move || Parser::default().envelope(&envelope).map(|request| (request, Encoding::Json));
        let parsed = self.near_or_on_pool(length, parse).await?;
        self.serve(parsed).await
    }

    /// Serves a client that named the method apart.
    pub(crate) async fn call(self: Rc<Self>, method: String, params: Bytes) -> Result<Answer, Error> {
        self.list()?;
        let length = params.len();
        let parse = move || Parser::default().params_of(&method, &params);
        let parsed = self.near_or_on_pool(length, parse).await?;
        self.serve(parsed).await
    }

    async fn serve(
        self: Rc<Self>,
        parsed: Result<(Request, Encoding), RequestError>,
    ) -> Result<Answer, Error> {
        let (request, encoding) = match parsed {
            Ok(parsed) => parsed,
            Err(RequestError::UnknownMethod(name)) if self.fault_injection && name == DEBUG_PANIC => {
                panic!("a client asked for a panic, and storage.fault_injection allows it");
            }
            Err(error) => {
                metrics::answered(None, 400);
                return Ok(Composed::text(400, error.to_string()).render(Encoding::Json));
            }
        };
        let allowance = Rc::new(Allowance::new());
        let answer = Rc::clone(&self).answer(request, Rc::clone(&allowance)).await?;
        let weight = answer.weight();
        self.near_or_on_pool(weight, move || answer.render(encoding)).await
    }

    /// Serves another member of the swarm: applied here only.
    pub(crate) async fn apply(self: Rc<Self>, method: String, dict: Bytes) -> Result<Forwarded, Error> {
        let list = self.list()?;
        let moment = self.moment(&list);
        let length = dict.len();
        let parse = move || Parser::default().replicated(&method, &dict);
        let parsed = self.near_or_on_pool(length, parse).await?;
        let (request, account) = match parsed.map(|request| (request.account().copied(), request)) {
            Ok((Some(account), request)) => (request, account),
            Ok((None, _)) => return Ok(refused(400, RequestError::NotForwardable.to_string())),
            Err(error) => return Ok(refused(400, error.to_string())),
        };
        // Not asked of the swarm actor: its places may all be taken by copies that wait for other nodes.
        let swarm = self.swarm_in(&list, &account);
        if let Err(elsewhere) = if_own(swarm, &moment) {
            return Ok(refused(elsewhere.status, elsewhere.into_reason()));
        }
        match self.check_write(request, &moment, Origin::Member).await? {
            Err(refusal) => Ok(refused(refusal.status, refusal.text.into_owned())),
            Ok(prepared) => {
                let writing = prepared.write.begin(self.pen.clone()).map_err(|error| failed(&error))?;
                Ok(Forwarded::Done(encode_entry(writing.await).into()))
            }
        }
    }

    /// The account's swarm (swarms §1) by the list alone.
    fn swarm_in(&self, list: &NodeList, account: &AccountId) -> Option<SwarmView> {
        let id = mapping::nearest(mapping::space(account), &self.swarms.borrow())?;
        let members: Vec<_> = list.nodes().iter().filter(|node| node.swarm == id).cloned().collect();
        let is_own = members.iter().any(|node| node.ed25519 == self.own);
        Some(SwarmView { id, members, is_own })
    }

    async fn swarm_of(&self, account: AccountId) -> Result<Option<SwarmView>, Error> {
        match self.swarm_for.ask(SwarmFor { account }).await {
            Ok(swarm) => Ok(Some(swarm)),
            Err(swarm::Error::Call(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Checks a write and makes it ready, on the CPU pool.
    async fn check_write(
        &self,
        request: Request,
        moment: &Moment,
        origin: Origin,
    ) -> Result<Result<Prepared, Refusal>, Error> {
        let (pen, now) = (self.pen.clone(), moment.now);
        self.on_store(move || {
            let is_revoked =
                |account: &AccountId, token: &Token| pen.store.read()?.is_revoked(account, token);
            Ok(match check(&request, now, origin, is_revoked)? {
                Ok(authority) => prepare(request, &authority, now, &pen.key),
                Err(refusal) => Err(refusal),
            })
        })
        .await
    }

    /// The node list, if clients can be served at all.
    fn list(&self) -> Result<Arc<NodeList>, Error> {
        let not_ready = |reason: &str| Err(Error::NotReady(reason.to_owned()));
        match (self.unready(), self.list.borrow().as_ref()) {
            (None, Some(list)) => Ok(Arc::clone(list)),
            (reason, _) => not_ready(reason.unwrap_or("not done syncing")),
        }
    }

    fn moment(&self, list: &NodeList) -> Moment {
        Moment { now: self.now(), hardfork: list.hardfork }
    }

    /// Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.ctx.clock().now_ms()).unwrap_or(i64::MAX)
    }

    /// Works where it is if there is little to do, else on the CPU pool.
    async fn near_or_on_pool<T: Send + 'static>(
        &self,
        size: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if size <= PARSE_HERE { Ok(job()) } else { self.on_pool(job).await }
    }

    async fn on_pool<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        self.pen.pool.run(job).await.map_err(|error| {
            error!(%error, "a request could not be worked on");
            Error::Store
        })
    }

    /// A job that reads from the store.
    async fn on_store<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store().clone();
        // Letting go of a file that failed may block, so that is the pool's too.
        let outcome = self.on_pool(move || job().inspect_err(|error| store.report(error))).await?;
        outcome.map_err(|error| {
            let is_known = matches!(error, StoreError::Busy { .. } | StoreError::Closed);
            if !is_known && self.store().failure().is_none() {
                error!(%error, "the message store could not be read");
            }
            failed(&error)
        })
    }
}

/// The account's swarm if this node is in it, else what is answered.
fn if_own(swarm: Option<SwarmView>, moment: &Moment) -> Result<SwarmView, Composed> {
    match swarm {
        None => Err(Composed::text(500, "No swarms known!")),
        Some(swarm) if !swarm.is_own => {
            Err(Composed::fields(421, answers::swarm_fields(Some(&swarm), moment)))
        }
        Some(swarm) => Ok(swarm),
    }
}

/// What the caller is told of a failure of the store. The operator was told more, once per commit and not per caller.
fn failed(error: &StoreError) -> Error {
    match error {
        StoreError::Busy { capacity } => CallError::Busy { actor: NAME, capacity: *capacity }.into(),
        StoreError::Closed => CallError::Stopping { actor: NAME }.into(),
        _ => Error::Store,
    }
}

fn refused(code: u16, reason: String) -> Forwarded {
    Forwarded::Refused { code, reason }
}

/// The flat dict with which a member is answered.
fn encode_entry(outcome: Result<Entry, StoreError>) -> Vec<u8> {
    let entry = outcome.map_or_else(|_| failure_entry(), ReplyValue::Object);
    entry.into_bencode().encode()
}

/// The entry of a node whose store failed (storage-rpc §4.1); the operator's log has the cause, which may name files.
fn failure_entry() -> ReplyValue {
    Failure::Query { reason: "the message store failed".to_owned() }.to_reply()
}
