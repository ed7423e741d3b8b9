//! How an actor is to be run: what it serves, its bounds, its deadlines.

use std::{any::TypeId, future::Future, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    actor::{Actor, Handler, Task},
    config::Note,
    context::Context,
    error::{Fault, StartError},
    gate::Gate,
    message::{Event, Message},
    registry::Registry,
};

/// The bounds of one actor: the part of every actor's config section that the kernel reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// How many messages may wait before callers are told to come back. From the next start.
    pub mailbox_capacity: usize,
    /// How many messages may be worked on at once. From the next start.
    pub concurrency: usize,
    /// How long a caller waits for an answer. From the next start.
    #[serde(with = "humantime_serde")]
    pub answer_within: Duration,
    /// How long the actor may take to start. From the next start.
    #[serde(with = "humantime_serde")]
    pub start_within: Duration,
    /// How long the actor may take to finish accepted work when the process stops. From the next start.
    #[serde(with = "humantime_serde")]
    pub drain_within: Duration,
    /// How many restarts within `restart_window` are borne; one more and the actor is given up. From the next start.
    pub max_restarts: usize,
    /// See `max_restarts`. From the next start.
    #[serde(with = "humantime_serde")]
    pub restart_window: Duration,
    /// The pause before the first restart; doubles with each further one in the window, up to a hundred times as long.
    #[serde(with = "humantime_serde")]
    pub restart_backoff: Duration,
}

impl Bounds {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("mailbox_capacity", "How many messages may wait before callers are told to come back."),
        Note::new("concurrency", "How many messages may be worked on at once."),
        Note::new("answer_within", "How long a caller waits for an answer."),
        Note::new("start_within", "How long the actor may take to start."),
        Note::new("drain_within", "How long accepted work may take to finish when the process stops."),
        Note::new(
            "max_restarts",
            "How many restarts within restart_window are borne; one more and the actor is given up.",
        ),
        Note::new("restart_window", "See max_restarts."),
        Note::new(
            "restart_backoff",
            "The pause before the first restart; doubles with each further one in the window, up to a hundred times as long.",
        ),
    ];
}

/// The largest mailbox and the largest concurrency: beyond it a bound is a typing error.
const MOST: usize = 1 << 24;

impl Bounds {
    /// The first key whose value no actor can run with, and what it expects.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_count = |count: usize| (1..=MOST).contains(&count);
        let keys = [
            ("mailbox_capacity", is_count(self.mailbox_capacity), "a number from 1 to 16777216"),
            ("concurrency", is_count(self.concurrency), "a number from 1 to 16777216"),
            ("answer_within", !self.answer_within.is_zero(), "a duration above zero"),
            ("start_within", !self.start_within.is_zero(), "a duration above zero"),
        ];
        keys.into_iter().find(|(_, is_right, _)| !is_right).map(|(key, _, expected)| (key, expected))
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            mailbox_capacity: 1024,
            concurrency: 256,
            answer_within: Duration::from_secs(30),
            start_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(10),
            max_restarts: 10,
            restart_window: Duration::from_secs(60),
            restart_backoff: Duration::from_millis(50),
        }
    }
}

/// Makes an actor, and makes it again.
pub(crate) type Factory<A> = dyn Fn(Context) -> Task<Result<A, Fault>> + Send + Sync;
type Wiring<A> = dyn Fn(&Registry, &Gate<A>) -> Result<(), StartError> + Send;

/// An actor to be started by the [`Kernel`](crate::Kernel).
pub struct Spec<A: Actor> {
    pub(crate) name: &'static str,
    pub(crate) bounds: Bounds,
    pub(crate) factory: Arc<Factory<A>>,
    pub(crate) wiring: Vec<Box<Wiring<A>>>,
    /// What it answers alone; two actors of one process cannot answer the same.
    pub(crate) serves: Vec<(TypeId, &'static str)>,
    /// Everything it handles, events too.
    pub(crate) messages: Vec<&'static str>,
    pub(crate) needs: Vec<&'static str>,
    pub(crate) own_thread: bool,
}

impl<A: Actor> Spec<A> {
    /// An actor that `factory` makes: at the start, and again after every panic. It is ready when the future resolves.
    pub fn new<F>(factory: impl Fn(Context) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<A, Fault>> + 'static,
    {
        Self {
            name: A::NAME,
            bounds: Bounds::default(),
            factory: Arc::new(move |context| Box::pin(factory(context))),
            wiring: Vec::new(),
            serves: Vec::new(),
            messages: Vec::new(),
            needs: Vec::new(),
            own_thread: false,
        }
    }

    /// Names the actor otherwise than its type: for several of one type, of which each has its own mailbox, restarts and metrics.
    ///
    /// Such actors are told of events, and one of them at most can serve a message. Names live as long as the process, so that
    /// they come from settings, not from strangers.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Replaces the default bounds.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Makes the actor the one that answers `M` in this process.
    pub fn serves<M: Message>(mut self) -> Self
    where
        A: Handler<M>,
    {
        self.messages.push(M::NAME);
        self.serves.push((TypeId::of::<M>(), M::NAME));
        self.wiring.push(Box::new(|registry, gate| registry.serve::<M>(Arc::new(gate.clone()))));
        self
    }

    /// Has the actor told of every `E`.
    pub fn subscribes<E: Event>(mut self) -> Self
    where
        A: Handler<E>,
    {
        self.messages.push(<E as Event>::NAME);
        self.wiring.push(Box::new(|registry, gate| {
            registry.subscribe::<E>(Arc::new(gate.clone()));
            Ok(())
        }));
        self
    }

    /// Starts after the actor of that name and is drained before it.
    pub fn needs(mut self, actor: &'static str) -> Self {
        self.needs.push(actor);
        self
    }

    /// Runs on a thread of its own instead of a shared one.
    pub fn own_thread(mut self) -> Self {
        self.own_thread = true;
        self
    }
}
