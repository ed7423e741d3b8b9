//! What an actor implements.

use std::{future::Future, pin::Pin};

use crate::{context::Context, message::Message};

/// Work in progress on the actor's own thread. It may hold `Rc`s; it must not block.
pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// Wraps a future as a [`Task`].
pub fn task<T>(future: impl Future<Output = T> + 'static) -> Task<T> {
    Box::pin(future)
}

/// A [`Task`] that is already done.
pub fn done<T: 'static>(value: T) -> Task<T> {
    Box::pin(std::future::ready(value))
}

/// State that is owned by one thread and changed only by messages.
///
/// An actor comes into being through the async factory of its [`Spec`](crate::Spec): when the factory's future resolves, the
/// actor is ready. After a panic the kernel drops it and runs the factory again; what waited in the mailbox is then handled
/// by the new one.
pub trait Actor: Unpin + 'static {
    /// The name in config, metrics, logs and `/readyz`.
    const NAME: &'static str;

    /// Finishes what was accepted and makes it durable; called once, after the last message was handled.
    fn drain(&mut self) -> Task<()> {
        done(())
    }

    /// A cheap snapshot for the operator and for tests. Holds no account id, address or content.
    fn observe(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Handles one kind of message.
///
/// The synchronous part runs alone on the actor's state, in the order of arrival; the returned task runs beside others of
/// the same actor, up to the concurrency of its [`Spec`](crate::Spec). A panic in either restarts the actor and answers the caller with
/// [`CallError::Panicked`](crate::CallError::Panicked).
pub trait Handler<M: Message>: Actor {
    /// Decides, and returns the rest of the work.
    fn handle(&mut self, message: M, ctx: &Context) -> Task<Result<M::Reply, M::Error>>;
}
