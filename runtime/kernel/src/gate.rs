//! Handles to a cell, from any thread.

use std::sync::{Arc, atomic::Ordering};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::{Semaphore, TryAcquireError, oneshot, watch};

use crate::{
    actor::{Actor, Handler},
    cell::{Cell, Drain, Incoming, Kill, Observe},
    clock::Clock,
    error::CallError,
    lifecycle::{Observation, Status, Vitals},
    message::Message,
    parcel::{Parcel, Place},
    recipient::Deliver,
    spec::Bounds,
    telemetry,
};

/// Places in actix's own queue beyond the mailbox's: for the kernel's commands, which must never find it full.
pub(crate) const COMMAND_PLACES: usize = 64;
/// Observers that may wait at once; fewer than the places for commands, so that a drain always finds one.
const OBSERVERS: usize = 32;

/// The way into a cell for messages of any type that its actor handles.
pub(crate) struct Gate<A: Actor> {
    address: actix::Addr<Cell<A>>,
    places: Arc<Semaphore>,
    observers: Arc<Semaphore>,
    vitals: Arc<Vitals>,
    clock: Arc<dyn Clock>,
    bounds: Arc<Bounds>,
    /// Closed when the cell is gone.
    ended: watch::Receiver<()>,
}

impl<A: Actor> Clone for Gate<A> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            places: Arc::clone(&self.places),
            observers: Arc::clone(&self.observers),
            vitals: Arc::clone(&self.vitals),
            clock: Arc::clone(&self.clock),
            bounds: Arc::clone(&self.bounds),
            ended: self.ended.clone(),
        }
    }
}

impl<A: Actor> Gate<A> {
    pub(crate) fn new(
        address: actix::Addr<Cell<A>>,
        places: Arc<Semaphore>,
        vitals: Arc<Vitals>,
        clock: Arc<dyn Clock>,
        bounds: Arc<Bounds>,
        ended: watch::Receiver<()>,
    ) -> Self {
        Self { address, places, observers: Arc::new(Semaphore::new(OBSERVERS)), vitals, clock, bounds, ended }
    }

    /// Why the actor takes nothing now; nothing when it does.
    fn refusal(&self) -> Option<CallError> {
        let actor = self.vitals.name;
        match self.vitals.status() {
            Status::Starting | Status::Ready => None,
            Status::Draining | Status::Stopped => Some(CallError::Stopping { actor }),
            Status::Failed => Some(CallError::Failed { actor }),
        }
    }

    /// Why nothing gets through: the places are closed, and the cell goes, only when the actor takes nothing more.
    fn closed(&self) -> CallError {
        self.refusal().unwrap_or(CallError::Stopping { actor: self.vitals.name })
    }

    fn busy(&self) -> CallError {
        CallError::Busy { actor: self.vitals.name, capacity: self.vitals.capacity }
    }

    fn refuse(&self, error: CallError) -> CallError {
        telemetry::refused(self.vitals.name);
        error
    }
}

impl<A: Handler<M>, M: Message> Deliver<M> for Gate<A> {
    fn actor(&self) -> &'static str {
        self.vitals.name
    }

    fn deadline(&self) -> std::time::Duration {
        self.bounds.answer_within
    }

    fn try_place(&self) -> Result<Place, CallError> {
        if let Some(refusal) = self.refusal() {
            return Err(self.refuse(refusal));
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(Place::new(self.vitals.name, permit)),
            Err(TryAcquireError::NoPermits) => Err(self.refuse(self.busy())),
            Err(TryAcquireError::Closed) => Err(self.refuse(self.closed())),
        }
    }

    fn place(&self) -> BoxFuture<'_, Result<Place, CallError>> {
        async {
            if let Some(refusal) = self.refusal() {
                return Err(self.refuse(refusal));
            }
            let permit = tokio::select! {
                biased;
                permit = Arc::clone(&self.places).acquire_owned() => permit,
                () = self.clock.sleep(self.bounds.answer_within) => return Err(self.refuse(self.busy())),
            };
            match permit {
                Ok(permit) => Ok(Place::new(self.vitals.name, permit)),
                Err(_) => Err(self.refuse(self.closed())),
            }
        }
        .boxed()
    }

    fn deliver(&self, parcel: Parcel<M>) -> Result<(), CallError> {
        self.address.try_send(Incoming(parcel)).map_err(|error| match error {
            actix::dev::SendError::Closed(_) => self.refuse(self.closed()),
            // The place in hand promises room in actix's queue; a full one is a defect, but still an answer.
            actix::dev::SendError::Full(_) => self.refuse(self.busy()),
        })
    }

    fn gone(&self) -> CallError {
        self.refuse(self.closed())
    }
}

/// What the kernel itself may ask of a cell of any type.
pub(crate) trait Steer: Send + Sync {
    fn vitals(&self) -> &Arc<Vitals>;
    /// Takes nothing more, finishes what was accepted, then ends.
    fn drain(&self);
    /// Ends at once; callers that wait get an error.
    fn kill(&self);
    /// Resolves when the actor and all its tasks are gone.
    fn ended(&self) -> BoxFuture<'static, ()>;
    fn observe(&self) -> BoxFuture<'static, Observation>;
}

impl<A: Actor> Steer for Gate<A> {
    fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    fn drain(&self) {
        self.vitals.advance(Status::Draining);
        self.places.close();
        // A closed address means that there is nothing left to drain.
        let _ = self.address.try_send(Drain);
    }

    fn kill(&self) {
        self.vitals.advance(Status::Stopped);
        self.places.close();
        // A closed address means that there is nothing left to kill.
        let _ = self.address.try_send(Kill);
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        let mut ended = self.ended.clone();
        // Nothing is ever sent: the error says that the cell's end of it is gone.
        async move { while ended.changed().await.is_ok() {} }.boxed()
    }

    fn observe(&self) -> BoxFuture<'static, Observation> {
        let gate = self.clone();
        async move {
            let state = match gate.observers.try_acquire() {
                Ok(_place) => gate.ask_for_state().await,
                Err(_) => serde_json::Value::Null,
            };
            gate.observation(state)
        }
        .boxed()
    }
}

impl<A: Actor> Gate<A> {
    async fn ask_for_state(&self) -> serde_json::Value {
        let (sender, receiver) = oneshot::channel();
        if self.address.try_send(Observe(sender)).is_err() {
            return serde_json::Value::Null;
        }
        tokio::select! {
            biased;
            state = receiver => state.unwrap_or_default(),
            () = self.clock.sleep(self.bounds.answer_within) => serde_json::Value::Null,
        }
    }

    fn observation(&self, state: serde_json::Value) -> Observation {
        let vitals = &self.vitals;
        Observation {
            name: vitals.name,
            status: vitals.status(),
            waiting_for: vitals.unready_reason(),
            mailbox_depth: vitals.capacity.saturating_sub(self.places.available_permits()),
            mailbox_capacity: vitals.capacity,
            handled: vitals.handled.load(Ordering::Relaxed),
            failed: vitals.failed.load(Ordering::Relaxed),
            restarts: vitals.restarts.load(Ordering::Relaxed),
            state,
        }
    }
}
