//! Brings copies of writes to the other members, waits as long as it is worth it, and does not forget who missed one.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use futures::{
    channel::oneshot,
    future::{Either, select},
};
use starling_contracts::{
    node::ServiceNode,
    swarm::MemberOutcome,
    transport::{self, CallPeer, PeerAddress, Protocol},
};
use starling_kernel::{Context, Recipient};
use starling_protocol::{crypto::ed25519, peer_wire::SwarmAnswer};
use tracing::debug;

use crate::{
    config::Config,
    health::{Attempt, Health, Patience},
    metrics::{self, Copied},
    retries::{Copy, Retries, Schedule},
};

/// How often it is looked whether a missed copy is due.
const RETRY_TICK: Duration = Duration::from_secs(1);
/// The transport keeps the deadline itself; beyond this much more it is given up on.
const TRANSPORT_GRACE: Duration = Duration::from_secs(1);

/// Lives on the actor's thread; tasks share it.
pub(crate) struct Copier {
    ctx: Context,
    transport: Recipient<CallPeer>,
    patience: Patience,
    health: RefCell<Health>,
    retries: RefCell<Retries>,
    /// Nodes that missed copies may be for: the fellows of the own swarm.
    fellows: RefCell<Vec<ServiceNode>>,
    next_number: Cell<u64>,
}

impl Copier {
    pub(crate) fn new(config: &Config, ctx: Context) -> Rc<Self> {
        let schedule = Schedule { first: config.first_retry, later: config.later_retries };
        let max_bytes = usize::try_from(config.retry_memory.as_u64()).unwrap_or(usize::MAX);
        let copier = Rc::new(Self {
            transport: ctx.recipient(),
            ctx,
            patience: Patience {
                deadline: config.copy_deadline,
                least: config.least_patience,
                probe_every: config.probe_every,
            },
            health: RefCell::default(),
            retries: RefCell::new(Retries::new(schedule, max_bytes)),
            fellows: RefCell::default(),
            next_number: Cell::new(0),
        });
        let ticking = Rc::clone(&copier);
        copier.ctx.every(RETRY_TICK, move || {
            ticking.retry_due();
            starling_kernel::done(())
        });
        copier
    }

    /// From now on missed copies are for these members only.
    pub(crate) fn set_fellows(&self, fellows: Vec<ServiceNode>) {
        let is_fellow = |node: &ed25519::PublicKey| fellows.iter().any(|fellow| fellow.ed25519 == *node);
        self.health.borrow_mut().retain(is_fellow);
        self.retries.borrow_mut().retain(is_fellow);
        *self.fellows.borrow_mut() = fellows;
        self.report();
    }

    /// How many copies wait for another try, and how many members are down.
    pub(crate) fn state(&self) -> (usize, usize) {
        (self.retries.borrow().len(), self.health.borrow().n_down())
    }

    /// Sends one copy, and answers when the member does or when waiting on is not worth it.
    pub(crate) async fn copy(self: Rc<Self>, node: ServiceNode, request: Bytes) -> MemberOutcome {
        let now = self.ctx.clock().elapsed();
        let attempt = self.health.borrow_mut().plan(&node.ed25519, now, &self.patience);
        match attempt {
            Attempt::Skip => {
                metrics::copied(Copied::Skipped);
                self.missed(&node.ed25519, request);
                MemberOutcome::TimedOut
            }
            Attempt::Probe => {
                self.ctx.spawn(Rc::clone(&self).send_first(node, request, None));
                MemberOutcome::TimedOut
            }
            Attempt::Wait(patience) => {
                let (told, outcome) = oneshot::channel();
                let key = node.ed25519;
                self.ctx.spawn(Rc::clone(&self).send_first(node, request, Some(told)));
                match select(outcome, self.ctx.clock().sleep(patience)).await {
                    Either::Left((Ok(outcome), _)) => outcome,
                    Either::Left((Err(_), _)) => MemberOutcome::TimedOut,
                    Either::Right(_) => {
                        // The copy is still on its way; only the writes that come now will not wait for this member.
                        self.health.borrow_mut().failed(&key, self.ctx.clock().elapsed(), &self.patience);
                        self.report();
                        MemberOutcome::TimedOut
                    }
                }
            }
        }
    }

    /// The first try of a copy, to its very end; a missed one is kept.
    async fn send_first(
        self: Rc<Self>,
        node: ServiceNode,
        request: Bytes,
        tell: Option<oneshot::Sender<MemberOutcome>>,
    ) {
        let outcome = self.send(&node, request.clone()).await;
        if is_missed(&outcome) {
            self.missed(&node.ed25519, request);
        } else {
            self.deliver_missed(&node);
        }
        if let Some(tell) = tell {
            // Whoever asked may have stopped waiting.
            let _ = tell.send(outcome);
        }
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
                self.health.borrow_mut().failed(&node.ed25519, now, &self.patience);
            }
            _ => {
                metrics::copy_took(now.saturating_sub(began));
                self.health.borrow_mut().answered(&node.ed25519, now.saturating_sub(began));
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

    fn missed(&self, node: &ed25519::PublicKey, request: Bytes) {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let now = self.ctx.clock().elapsed();
        self.retries.borrow_mut().add(*node, number, Copy { request }, now);
        self.report();
    }

    fn retry_due(self: &Rc<Self>) {
        let due = self.retries.borrow().due(self.ctx.clock().elapsed());
        for key in due {
            let fellow = self.fellows.borrow().iter().find(|fellow| fellow.ed25519 == key).cloned();
            if let Some(node) = fellow {
                self.deliver_missed(&node);
            }
        }
    }

    /// Starts to send what `node` missed, unless that is being done already.
    fn deliver_missed(self: &Rc<Self>, node: &ServiceNode) {
        if self.retries.borrow_mut().take(&node.ed25519) {
            self.ctx.spawn(Rc::clone(self).send_missed(node.clone()));
        }
    }

    /// One copy after the other, so that a member that just came back is not flooded; ends at the first that is missed again.
    async fn send_missed(self: Rc<Self>, node: ServiceNode) {
        let mut is_failed = false;
        while let Some((number, copy)) = self.next_missed(&node.ed25519) {
            if is_missed(&self.send(&node, copy.request).await) {
                is_failed = true;
                break;
            }
            self.retries.borrow_mut().delivered(&node.ed25519, number);
            self.report();
        }
        self.retries.borrow_mut().release(&node.ed25519, self.ctx.clock().elapsed(), is_failed);
        self.report();
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
