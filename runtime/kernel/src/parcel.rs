//! A message on its way, with its place in the mailbox and the way back.

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Span;

use crate::{error::CallError, message::Message, telemetry};

/// What comes back: the actor's own answer, or the kernel's reason why there is none.
pub(crate) type Answer<M> = Result<Result<<M as Message>::Reply, <M as Message>::Error>, CallError>;

/// A message between its caller and its actor.
pub(crate) struct Parcel<M: Message> {
    pub(crate) message: M,
    /// When it is dropped unused, the caller is told that the actor is gone: it never saw the message.
    pub(crate) reply: oneshot::Sender<Answer<M>>,
    pub(crate) place: Place,
    /// The caller's span: the request id travels along.
    pub(crate) span: Span,
}

/// A place in a mailbox, given back when dropped.
pub(crate) struct Place {
    actor: &'static str,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn new(actor: &'static str, permit: OwnedSemaphorePermit) -> Self {
        telemetry::entered(actor);
        Self { actor, _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        telemetry::left(self.actor);
    }
}
