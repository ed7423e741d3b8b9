//! One message being handled.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::{Instrument as _, error, info_span};

use crate::{
    actor::{Actor, Handler},
    cell::{Cell, Resident, Stage},
    clock::Clock,
    error::CallError,
    lifecycle::Vitals,
    message::Message,
    panics::{Panicked, caught, caught_in},
    parcel::{Answer, Parcel},
    telemetry::{self, Outcome},
};

/// Why a message that has a place is not handled after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Stopping,
    Failed,
    Lost,
}

/// A message of any type that waits for its turn.
pub(super) trait Waiting<A: Actor> {
    /// Hands it to the actor; an error says that the actor is broken. The caller is answered in any case.
    fn begin(self: Box<Self>, cell: &mut Cell<A>) -> Result<(), Panicked>;
    /// Tells the caller why not.
    fn refuse(self: Box<Self>, actor: &'static str, refusal: Refusal);
}

impl<A: Handler<M>, M: Message> Waiting<A> for Parcel<M> {
    fn begin(self: Box<Self>, cell: &mut Cell<A>) -> Result<(), Panicked> {
        let Stage::Running(Resident { actor, context, bell }) = &mut cell.stage else {
            Waiting::<A>::refuse(self, cell.vitals.name, Refusal::Lost);
            return Ok(());
        };
        let Parcel { message, reply, place, span: caller } = *self;
        // Its place is free as soon as its turn has come.
        drop(place);
        let span = info_span!(parent: &caller, "handle", actor = cell.vitals.name, message = M::NAME);
        let handling = Handling::<M>::new(&cell.vitals, &cell.environment.clock, reply);
        match span.in_scope(|| caught(|| actor.handle(message, context))) {
            Ok(work) => {
                let bell = Rc::clone(bell);
                let work = async move {
                    let outcome = caught_in(work).await;
                    if outcome.is_err() {
                        // Before the caller hears of it: what he sends next must find the cell warned.
                        bell();
                    }
                    handling.settle(outcome);
                };
                let was_idle = cell.work.is_empty();
                cell.work.spawn_local(work.instrument(span));
                if was_idle {
                    // Nobody watches an empty set.
                    cell.alarm.wake();
                }
                Ok(())
            }
            Err(panicked) => {
                span.in_scope(|| handling.settle(Err(panicked)));
                Err(panicked)
            }
        }
    }

    fn refuse(self: Box<Self>, actor: &'static str, refusal: Refusal) {
        let Parcel { message, reply, place, .. } = *self;
        drop(place);
        telemetry::refused(actor);
        let error = match refusal {
            Refusal::Stopping => CallError::Stopping { actor },
            Refusal::Failed => CallError::Failed { actor },
            Refusal::Lost => CallError::Lost { actor, message: M::NAME },
        };
        // The caller may have stopped waiting.
        drop(reply.send(Err(error)));
        // A message is a stranger's value: it may do anything when it is dropped.
        let _ = caught(|| drop(message));
    }
}

/// The duty to answer and to count. Dropped before that, it counts a failure, and the caller hears that the message was lost.
struct Handling<M: Message> {
    vitals: Arc<Vitals>,
    clock: Arc<dyn Clock>,
    began: Duration,
    reply: Option<oneshot::Sender<Answer<M>>>,
}

impl<M: Message> Handling<M> {
    fn new(vitals: &Arc<Vitals>, clock: &Arc<dyn Clock>, reply: oneshot::Sender<Answer<M>>) -> Self {
        Self {
            vitals: Arc::clone(vitals),
            clock: Arc::clone(clock),
            began: clock.elapsed(),
            reply: Some(reply),
        }
    }

    fn settle(mut self, outcome: Result<Result<M::Reply, M::Error>, Panicked>) {
        let answer = match outcome {
            Ok(answer) => {
                self.count(if answer.is_ok() { Outcome::Done } else { Outcome::Failed });
                Ok(answer)
            }
            Err(Panicked) => {
                self.count(Outcome::Failed);
                let (actor, message) = (self.vitals.name, M::NAME);
                error!(actor, message, "handler panicked");
                Err(CallError::Panicked { actor, message })
            }
        };
        if let Some(reply) = self.reply.take() {
            // The caller may have stopped waiting; what he would have got may do anything when it is dropped.
            let _ = caught(|| drop(reply.send(answer)));
        }
    }

    fn count(&self, outcome: Outcome) {
        self.vitals.handled.fetch_add(1, Ordering::Relaxed);
        if outcome == Outcome::Failed {
            self.vitals.failed.fetch_add(1, Ordering::Relaxed);
        }
        let took = self.clock.elapsed().saturating_sub(self.began);
        telemetry::handled(self.vitals.name, M::NAME, outcome, took);
    }
}

impl<M: Message> Drop for Handling<M> {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            self.count(Outcome::Failed);
            // The caller may have stopped waiting.
            drop(reply.send(Err(CallError::Lost { actor: self.vitals.name, message: M::NAME })));
        }
    }
}
