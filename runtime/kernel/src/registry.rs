//! Who serves which message: actors address each other by what they ask, never by name.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use tracing::{Span, warn};

use crate::{
    clock::Clock,
    error::StartError,
    message::{Event, Message},
    recipient::{Deliver, Recipient, Slot},
    request::Requests,
    telemetry,
};

/// The table of recipients and subscribers. Clones share it.
#[derive(Clone)]
pub struct Registry {
    slots: Arc<RwLock<HashMap<TypeId, Entry>>>,
    subscribers: Arc<RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    clock: Arc<dyn Clock>,
    requests: Requests,
}

struct Entry {
    slot: Arc<dyn Any + Send + Sync>,
}

type Subscribers<E> = RwLock<Vec<Recipient<E>>>;

impl Registry {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { slots: Arc::default(), subscribers: Arc::default(), clock, requests: Requests::default() }
    }

    /// Whoever serves `M`, now or later.
    pub fn recipient<M: Message>(&self) -> Recipient<M> {
        Recipient::new(self.slot::<M>(), Arc::clone(&self.clock), self.requests.clone())
    }

    /// The span of a new request, with an id of its own: what is asked inside of it belongs to that request, in whatever actor.
    ///
    /// A message that is sent outside of any span begins a request by itself; this is for those who ask several things for one.
    pub fn request(&self, kind: &'static str) -> Span {
        self.requests.begin(kind)
    }

    /// Tells `E` to its subscribers.
    pub fn publisher<E: Event>(&self) -> Publisher<E> {
        Publisher { subscribers: self.subscribers::<E>() }
    }

    pub(crate) fn serve<M: Message>(&self, by: Arc<dyn Deliver<M>>) -> Result<(), StartError> {
        let slot = self.slot::<M>();
        let actor = by.actor();
        if slot.set(by).is_ok() {
            return Ok(());
        }
        let by = slot.get().map_or("another actor", |there| there.actor());
        Err(StartError::AlreadyServed { message: M::NAME, by, actor })
    }

    pub(crate) fn subscribe<E: Event>(&self, by: Arc<dyn Deliver<E>>) {
        let slot = Slot::<E>::new();
        // The slot is new, so setting it cannot fail.
        let _ = slot.set(by);
        let recipient = Recipient::new(Arc::new(slot), Arc::clone(&self.clock), self.requests.clone());
        let subscribers = self.subscribers::<E>();
        subscribers.write().unwrap_or_else(PoisonError::into_inner).push(recipient);
    }

    fn slot<M: Message>(&self) -> Arc<Slot<M>> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let entry =
            slots.entry(TypeId::of::<M>()).or_insert_with(|| Entry { slot: Arc::new(Slot::<M>::new()) });
        Arc::clone(&entry.slot).downcast().expect("the key is the type of the slot")
    }

    fn subscribers<E: Event>(&self) -> Arc<Subscribers<E>> {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        let entry = subscribers.entry(TypeId::of::<E>()).or_insert_with(|| {
            telemetry::register_event(<E as Event>::NAME);
            Arc::new(Subscribers::<E>::default())
        });
        Arc::clone(entry).downcast().expect("the key is the type of the subscribers")
    }
}

/// Tells an event to everybody who subscribed to it.
pub struct Publisher<E: Event> {
    subscribers: Arc<Subscribers<E>>,
}

impl<E: Event> Clone for Publisher<E> {
    fn clone(&self) -> Self {
        Self { subscribers: Arc::clone(&self.subscribers) }
    }
}

impl<E: Event> Publisher<E> {
    /// Resolves when every subscriber has handled the event or could not: each failure is logged and counted.
    ///
    /// Waits for a place in full mailboxes, so a publisher is held back by its slowest subscriber; at most twice as long as
    /// that subscriber has to answer.
    pub async fn publish(&self, event: E) {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let told = subscribers.iter().map(|subscriber| subscriber.ask_patiently(event.clone()));
        for outcome in futures::future::join_all(told).await {
            if let Err(error) = outcome {
                telemetry::event_lost(<E as Event>::NAME);
                warn!(event = <E as Event>::NAME, %error, "a subscriber missed an event");
            }
        }
    }
}
