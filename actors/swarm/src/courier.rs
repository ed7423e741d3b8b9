//! Brings copies of writes to the other members, waits as long as it is worth it, and does not forget who missed one.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{channel::oneshot, future::select};
use starling_contracts::{
    node::ServiceNode,
    swarm::MemberOutcome,
    transport::{self, CallPeer, PeerAddress, Protocol},
};
use starling_kernel::{Context, Recipient};
use starling_protocol::{crypto::ed25519, peer_wire::SwarmAnswer};
use tracing::{debug, info};

use crate::{
    config::Config,
    flights::Flights,
    health::{Attempt, Health, Patience, Wait},
    metrics::{self, Copied, NotAwaited},
    retries::{Copy, Retries, Schedule},
    wait::{Verdicts, Waited, Write, wait},
};

/// How often it is looked whether a missed copy is due.
const RETRY_TICK: Duration = Duration::from_secs(1);
/// The transport keeps the deadline itself; beyond this much more it is given up on.
const TRANSPORT_GRACE: Duration = Duration::from_secs(1);
/// How long missed copies are tried once more when the process stops.
const LAST_TRIES: Duration = Duration::from_secs(2);
/// So many copies may be on their way to a member that is silent; further ones wait for what becomes of these.
const MOST_UNHEARD: usize = 64;

/// Lives on the actor's thread; tasks share it.
///
/// Each member gets its copies in the order of the writes: while some wait for it, new ones join the end of its queue, and
/// the queue is sent one by one, when no copy that left before it is on its way any more.
pub(crate) struct Courier {
    ctx: Context,
    transport: Recipient<CallPeer>,
    patience: Patience,
    health: RefCell<Health>,
    verdicts: Verdicts,
    retries: RefCell<Retries>,
    /// Nodes that missed copies may be for: the fellows of the own swarm.
    fellows: RefCell<Vec<ServiceNode>>,
    flights: RefCell<Flights>,
    /// Told when a delivery has ended.
    wakes: RefCell<Vec<oneshot::Sender<()>>>,
    next_number: Cell<u64>,
}

impl Courier {
    pub(crate) fn new(config: &Config, ctx: Context) -> Rc<Self> {
        let schedule = Schedule { first: config.first_retry, later: config.later_retries };
        let max_bytes = usize::try_from(config.retry_memory.as_u64()).unwrap_or(usize::MAX);
        let courier = Rc::new(Self {
            transport: ctx.recipient(),
            ctx,
            patience: Patience {
                deadline: config.copy_deadline,
                least: config.least_patience,
                probe_every: config.probe_every,
            },
            health: RefCell::default(),
            verdicts: Verdicts::default(),
            retries: RefCell::new(Retries::new(schedule, max_bytes)),
            fellows: RefCell::default(),
            flights: RefCell::default(),
            wakes: RefCell::default(),
            next_number: Cell::new(0),
        });
        let ticking = Rc::clone(&courier);
        courier.ctx.every(RETRY_TICK, move || {
            ticking.retry_due();
            starling_kernel::done(())
        });
        courier
    }

    /// From now on missed copies are for these members only.
    pub(crate) fn set_fellows(&self, fellows: Vec<ServiceNode>) {
        let is_fellow = |node: &ed25519::PublicKey| fellows.iter().any(|fellow| fellow.ed25519 == *node);
        self.health.borrow_mut().retain(is_fellow);
        self.verdicts.retain(is_fellow);
        self.retries.borrow_mut().retain(is_fellow);
        *self.fellows.borrow_mut() = fellows;
        self.report();
    }

    /// How many copies wait for another try, and how many members are down.
    pub(crate) fn state(&self) -> (usize, usize) {
        (self.retries.borrow().len(), self.health.borrow().n_down())
    }

    /// Sends one copy of `write`, and answers when the member does or when waiting on is not worth it.
    pub(crate) async fn copy(
        self: Rc<Self>,
        node: ServiceNode,
        request: Bytes,
        write: Rc<Write>,
    ) -> MemberOutcome {
        let now = self.ctx.clock().elapsed();
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let copy = Copy::new(request);
        let attempt = self.health.borrow_mut().plan(&node.ed25519, now, &self.patience);
        let is_queued = self.retries.borrow().is_waiting(&node.ed25519);
        let n_on_way = self.flights.borrow().count(&node.ed25519);
        match attempt {
            Attempt::Wait(silence) if !is_queued => {
                return self.send_and_wait(node, number, copy, silence, write).await;
            }
            Attempt::Send if !is_queued && n_on_way < MOST_UNHEARD => {
                self.spawn_direct(node, number, copy, None);
            }
            Attempt::Probe if !is_queued && n_on_way == 0 => {
                self.spawn_direct(node, number, copy, None);
            }
            Attempt::Wait(_) | Attempt::Send | Attempt::Probe | Attempt::Skip => {
                metrics::copied(Copied::Skipped);
                self.missed(&node.ed25519, number, copy);
                if attempt != Attempt::Skip {
                    // The oldest copy is the probe: this one must not arrive before it.
                    self.deliver_missed(&node);
                }
            }
        }
        metrics::not_awaited(NotAwaited::Down);
        MemberOutcome::TimedOut
    }

    /// Whoever stops waiting leaves the copy on its way.
    async fn send_and_wait(
        self: Rc<Self>,
        node: ServiceNode,
        number: u64,
        copy: Copy,
        silence: Duration,
        write: Rc<Write>,
    ) -> MemberOutcome {
        let (told, outcome) = oneshot::channel();
        let key = node.ed25519;
        let clock = Arc::clone(self.ctx.clock());
        let this = Wait { sent: clock.elapsed(), silence, deadline: self.patience.deadline };
        self.spawn_direct(node, number, copy, Some(told));
        let heard = || self.health.borrow().heard(&key);
        let is_answer = |outcome: &MemberOutcome| *outcome != MemberOutcome::TimedOut;
        let waited = wait((key, this), outcome, (write, &self.verdicts), &*clock, heard, is_answer).await;
        match waited {
            Waited::For(outcome) => return outcome,
            Waited::Ended => metrics::not_awaited(NotAwaited::Silent),
            Waited::TooLong => metrics::not_awaited(NotAwaited::Slow),
            Waited::Silent => {
                self.health.borrow_mut().suspect(&key);
                self.verdicts.pass(&key);
                self.report();
                metrics::not_awaited(NotAwaited::Silent);
            }
        }
        MemberOutcome::TimedOut
    }

    /// Sends a copy past the empty queue. It counts as on its way before any other write is looked at.
    fn spawn_direct(
        self: &Rc<Self>,
        node: ServiceNode,
        number: u64,
        copy: Copy,
        tell: Option<oneshot::Sender<MemberOutcome>>,
    ) {
        self.flights.borrow_mut().depart(&node.ed25519, number);
        self.ctx.spawn(Rc::clone(self).send_direct(node, number, copy, tell));
    }

    /// The first try of a copy, to its very end; a missed one is kept.
    async fn send_direct(
        self: Rc<Self>,
        node: ServiceNode,
        number: u64,
        copy: Copy,
        tell: Option<oneshot::Sender<MemberOutcome>>,
    ) {
        let outcome = self.send(&node, copy.request.clone()).await;
        let key = node.ed25519;
        if is_missed(&outcome) {
            let again = self.flights.borrow_mut().miss(&key, number);
            self.missed(&key, number, copy);
            for (number, copy) in again {
                self.missed(&key, number, copy);
            }
        } else {
            // A copy that arrived while an older one waits is sent again after that one: the member ends as if in order.
            let is_early = self.retries.borrow().has_older(&key, number);
            self.flights.borrow_mut().arrive(&key, number, (!is_early).then(|| copy.clone()));
            if is_early {
                self.missed(&key, number, copy);
            }
            self.deliver_missed(&node);
        }
        if let Some(tell) = tell {
            // Whoever asked may have stopped waiting.
            let _ = tell.send(outcome);
        }
        self.wake();
    }

    /// One try. Whatever came of it is remembered of the member.
    async fn send(&self, node: &ServiceNode, request: Bytes) -> MemberOutcome {
        let began = self.ctx.clock().elapsed();
        let answer = self.call(node, request).await;
        let now = self.ctx.clock().elapsed();
        let outcome = match &answer {
            Ok(bytes) => read_answer(bytes),
            Err(transport::Error::TooLarge { .. }) => MemberOutcome::Unreadable,
            Err(_) => MemberOutcome::TimedOut,
        };
        match &answer {
            // Our own side turned the copy away: that says nothing about the member.
            Err(transport::Error::Call(_)) => {}
            _ if outcome == MemberOutcome::TimedOut => {
                if self.health.borrow_mut().failed(&node.ed25519, began, now, &self.patience) {
                    self.verdicts.pass(&node.ed25519);
                }
            }
            _ => {
                metrics::copy_took(now.saturating_sub(began));
                self.health.borrow_mut().answered(&node.ed25519, now, now.saturating_sub(began));
            }
        }
        if let Err(error) = &answer {
            debug!(kind = ?starling_kernel::Kinded::kind(error), "a copy did not arrive");
        }
        metrics::copied(label(&outcome));
        self.report();
        outcome
    }

    async fn call(&self, node: &ServiceNode, body: Bytes) -> Result<Bytes, transport::Error> {
        if node.public_ip.is_unspecified() || node.libp2p_port == 0 {
            return Err(transport::Error::Unreachable("it has no libp2p address".to_owned()));
        }
        let deadline = self.patience.deadline;
        let peer = PeerAddress { ed25519: node.ed25519, ip: node.public_ip, port: node.libp2p_port };
        let call = CallPeer { peer, protocol: Protocol::Swarm, body, deadline };
        self.transport.ask_within(call, deadline + TRANSPORT_GRACE).await
    }

    fn missed(&self, node: &ed25519::PublicKey, number: u64, copy: Copy) {
        let now = self.ctx.clock().elapsed();
        self.retries.borrow_mut().add(*node, number, copy, now);
        self.report();
    }

    fn retry_due(self: &Rc<Self>) {
        let due = self.retries.borrow().due(self.ctx.clock().elapsed());
        for key in due {
            if let Some(node) = self.fellow(&key) {
                self.deliver_missed(&node);
            }
        }
    }

    fn fellow(&self, key: &ed25519::PublicKey) -> Option<ServiceNode> {
        self.fellows.borrow().iter().find(|fellow| fellow.ed25519 == *key).cloned()
    }

    /// Starts to send what `node` missed; tells whether it did. It does not while that is being done already, or while
    /// copies that left earlier are on their way: if they are missed, they come first.
    fn deliver_missed(self: &Rc<Self>, node: &ServiceNode) -> bool {
        if self.flights.borrow().count(&node.ed25519) > 0 || !self.retries.borrow_mut().take(&node.ed25519) {
            return false;
        }
        self.ctx.spawn(Rc::clone(self).send_missed(node.clone()));
        true
    }

    /// One copy after the other, so that a member that just came back is not flooded; ends at the first that is missed again.
    async fn send_missed(self: Rc<Self>, node: ServiceNode) {
        let mut is_failed = false;
        while let Some((number, copy)) = self.next_missed(&node.ed25519) {
            let outcome = self.send(&node, copy.request).await;
            if is_missed(&outcome) {
                if is_failure(&outcome) {
                    self.retries.borrow_mut().failed(&node.ed25519, number);
                }
                is_failed = true;
                break;
            }
            self.retries.borrow_mut().delivered(&node.ed25519, number);
            self.report();
        }
        self.retries.borrow_mut().release(&node.ed25519, self.ctx.clock().elapsed(), is_failed);
        self.report();
        self.wake();
    }

    /// Tries once more, for a short while, to deliver what members missed, and says how much is lost.
    pub(crate) async fn drain(self: Rc<Self>) {
        let time_is_up = self.ctx.clock().sleep(LAST_TRIES);
        select(pin!(self.deliver_all()), time_is_up).await;
        let left = self.retries.borrow().len() + self.flights.borrow().total();
        if left > 0 {
            info!(left, "missed copies are lost");
        }
    }

    /// Starts one more delivery to each member that copies wait for, and waits until none is on its way.
    async fn deliver_all(self: &Rc<Self>) {
        let mut tried = HashSet::new();
        loop {
            let members = self.retries.borrow().members();
            for node in members.iter().filter_map(|key| self.fellow(key)) {
                if !tried.contains(&node.ed25519) && self.deliver_missed(&node) {
                    tried.insert(node.ed25519);
                }
            }
            if self.flights.borrow().total() == 0 && !self.retries.borrow().is_any_taken() {
                return;
            }
            let (wake, woken) = oneshot::channel();
            self.wakes.borrow_mut().push(wake);
            // The sender is dropped only together with the courier.
            let _ = woken.await;
        }
    }

    fn wake(&self) {
        for wake in self.wakes.take() {
            // Whoever waited may have run out of time.
            let _ = wake.send(());
        }
    }

    fn next_missed(&self, node: &ed25519::PublicKey) -> Option<(u64, Copy)> {
        self.retries.borrow().oldest(node)
    }

    fn report(&self) {
        let mut retries = self.retries.borrow_mut();
        let given_up = retries.take_given_up();
        metrics::retries(retries.len(), given_up);
        metrics::members_down(self.health.borrow().n_down());
    }
}

/// Is the copy to be sent again? A member that is starting, busy or out of order has not decided about it.
fn is_missed(outcome: &MemberOutcome) -> bool {
    matches!(outcome, MemberOutcome::TimedOut | MemberOutcome::Refused { code: 500..=599, .. })
}

/// Did the member fail at this very copy? It may fail at it for ever, unlike one that is not ready (503).
fn is_failure(outcome: &MemberOutcome) -> bool {
    matches!(outcome, MemberOutcome::Refused { code: 500..=599, .. })
        && !matches!(outcome, MemberOutcome::Refused { code: 503, .. })
}

fn read_answer(bytes: &[u8]) -> MemberOutcome {
    match SwarmAnswer::decode(bytes) {
        Ok(SwarmAnswer::Done(dict)) => MemberOutcome::Done(dict.into()),
        Ok(SwarmAnswer::Refused { code, reason }) => MemberOutcome::Refused { code, reason },
        Err(_) => MemberOutcome::Unreadable,
    }
}

fn label(outcome: &MemberOutcome) -> Copied {
    match outcome {
        MemberOutcome::Done(_) => Copied::Done,
        MemberOutcome::Refused { .. } => Copied::Refused,
        MemberOutcome::TimedOut => Copied::TimedOut,
        MemberOutcome::Unreadable => Copied::Unreadable,
    }
}
