//! Handles to actors: bounded, typed, and never silent.

use std::{
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::Span;

use crate::{
    clock::Clock,
    error::CallError,
    message::Message,
    parcel::{Parcel, Place},
    request::Requests,
};

/// The kernel's side of a handle: one per message type and actor.
pub(crate) trait Deliver<M: Message>: Send + Sync {
    fn actor(&self) -> &'static str;
    fn deadline(&self) -> Duration;
    /// A place in the mailbox now, or the reason why not.
    fn try_place(&self) -> Result<Place, CallError>;
    /// A place in the mailbox as soon as there is one, or the reason why not when the deadline has passed without.
    fn place(&self) -> futures::future::BoxFuture<'_, Result<Place, CallError>>;
    fn deliver(&self, parcel: Parcel<M>) -> Result<(), CallError>;
    /// What is said of an actor that is not there any more.
    fn gone(&self) -> CallError;
}

/// Where a message type is served; filled in when its actor joins, empty until then.
pub(crate) type Slot<M> = OnceLock<Arc<dyn Deliver<M>>>;

/// Whoever serves `M`, now or later. Cheap to clone, usable from any thread that runs tokio.
pub struct Recipient<M: Message> {
    slot: Arc<Slot<M>>,
    clock: Arc<dyn Clock>,
    requests: Requests,
    _message: PhantomData<fn(M)>,
}

impl<M: Message> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.slot), Arc::clone(&self.clock), self.requests.clone())
    }
}

impl<M: Message> Recipient<M> {
    pub(crate) fn new(slot: Arc<Slot<M>>, clock: Arc<dyn Clock>, requests: Requests) -> Self {
        Self { slot, clock, requests, _message: PhantomData }
    }

    /// Is there an actor for this message in this process?
    pub fn is_served(&self) -> bool {
        self.slot.get().is_some()
    }

    /// Sends a message and waits for the answer, at most for the actor's own deadline.
    ///
    /// A full mailbox is answered at once with [`CallError::Busy`]. Dropping the future does not take the message back.
    pub async fn ask(&self, message: M) -> Result<M::Reply, M::Error> {
        let to = self.served()?;
        let place = to.try_place()?;
        self.converse(to, message, place, to.deadline()).await
    }

    /// As [`Recipient::ask`], but waits for a place in a full mailbox, at most for the actor's own deadline again: for callers
    /// that must hold back rather than give up.
    pub async fn ask_patiently(&self, message: M) -> Result<M::Reply, M::Error> {
        let to = self.served()?;
        let place = to.place().await?;
        self.converse(to, message, place, to.deadline()).await
    }

    /// As [`Recipient::ask`], with a deadline of the caller's.
    pub async fn ask_within(&self, message: M, deadline: Duration) -> Result<M::Reply, M::Error> {
        let to = self.served()?;
        let place = to.try_place()?;
        self.converse(to, message, place, deadline).await
    }

    fn served(&self) -> Result<&Arc<dyn Deliver<M>>, CallError> {
        self.slot.get().ok_or(CallError::NotServed { message: M::NAME })
    }

    async fn converse(
        &self,
        to: &Arc<dyn Deliver<M>>,
        message: M,
        place: Place,
        deadline: Duration,
    ) -> Result<M::Reply, M::Error> {
        let (reply, answer) = oneshot::channel();
        let span = match Span::current() {
            // Nobody asks on behalf of another: this is where a request begins.
            none if none.is_none() => self.requests.begin(M::NAME),
            caller => caller,
        };
        to.deliver(Parcel { message, reply, place, span })?;
        tokio::select! {
            biased;
            answer = answer => match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => Err(error.into()),
                // It was sent while the actor ended, and never got to it.
                Err(_) => Err(to.gone().into()),
            },
            () = self.clock.sleep(deadline) => {
                Err(CallError::Late { actor: to.actor(), message: M::NAME }.into())
            }
        }
    }
}
