//! What comes in through actix's queue: messages, and the kernel's own commands.

use tokio::sync::oneshot;
use tracing::error;

use crate::{
    actor::{Actor, Handler},
    cell::{
        Cell, Stage,
        work::{Refusal, Waiting},
    },
    message::Message,
    panics::{Panicked, caught},
    parcel::Parcel,
};

/// A contract message inside the kernel.
pub(crate) struct Incoming<M: Message>(pub(crate) Parcel<M>);

impl<M: Message> actix::Message for Incoming<M> {
    type Result = ();
}

impl<A: Handler<M>, M: Message> actix::Handler<Incoming<M>> for Cell<A> {
    type Result = ();

    fn handle(&mut self, Incoming(parcel): Incoming<M>, ctx: &mut Self::Context) {
        let parcel: Box<dyn Waiting<A>> = Box::new(parcel);
        match self.stage {
            Stage::Failed => parcel.refuse(self.vitals.name, Refusal::Failed),
            // It was sent when the drain had begun already: the sender saw a status that is no more.
            _ if self.is_draining => parcel.refuse(self.vitals.name, Refusal::Stopping),
            _ => {
                self.waiting.push_back(parcel);
                self.pump(ctx);
            }
        }
    }
}

/// Finish what was accepted before this, then end.
pub(crate) struct Drain;

impl actix::Message for Drain {
    type Result = ();
}

impl<A: Actor> actix::Handler<Drain> for Cell<A> {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        self.is_draining = true;
        match self.stage {
            Stage::Failed => self.stop(ctx),
            _ => self.pump(ctx),
        }
    }
}

/// End at once.
pub(crate) struct Kill;

impl actix::Message for Kill {
    type Result = ();
}

impl<A: Actor> actix::Handler<Kill> for Cell<A> {
    type Result = ();

    fn handle(&mut self, _: Kill, ctx: &mut Self::Context) {
        self.stop(ctx);
    }
}

/// Tell the operator how it goes.
pub(crate) struct Observe(pub(crate) oneshot::Sender<serde_json::Value>);

impl actix::Message for Observe {
    type Result = ();
}

impl<A: Actor> actix::Handler<Observe> for Cell<A> {
    type Result = ();

    fn handle(&mut self, Observe(reply): Observe, ctx: &mut Self::Context) {
        let state = match &self.stage {
            Stage::Running(resident) | Stage::Closing(resident) => caught(|| resident.actor.observe()),
            Stage::Making | Stage::Failed | Stage::Stopped => Ok(serde_json::Value::Null),
        };
        match state {
            // The observer may have stopped waiting.
            Ok(state) => drop(reply.send(state)),
            Err(Panicked) => {
                error!(actor = self.vitals.name, "actor panicked while it was observed");
                self.broken(ctx);
            }
        }
    }
}
