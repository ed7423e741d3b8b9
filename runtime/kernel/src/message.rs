//! What travels between actors.

use crate::error::CallError;

/// A question or a command: a plain struct, answered once.
///
/// The reply type stands on the message. `Error` is the contract's error of the actor that serves it;
/// it converts from [`CallError`], so that "the mailbox is full" and "no such message" reach the caller as one type.
pub trait Message: Send + 'static {
    /// What a good answer holds.
    type Reply: Send + 'static;
    /// What a refusal holds.
    type Error: From<CallError> + std::fmt::Display + Send + 'static;
    /// The name in metrics and spans: the type's own name in `snake_case`.
    const NAME: &'static str;
}

/// Something that happened: told to everybody who subscribed, answered with nothing.
pub trait Event: Clone + Send + Sync + 'static {
    /// The name in metrics and spans.
    const NAME: &'static str;
}

impl<E: Event> Message for E {
    type Reply = ();
    type Error = CallError;
    const NAME: &'static str = <E as Event>::NAME;
}

/// Declares the reply, error and name of a contract message.
///
/// ```
/// use starling_kernel::{CallError, Message, message};
///
/// pub struct Add { pub left: u32, pub right: u32 }
/// message!(Add => u32, CallError, "add");
/// # assert_eq!(Add::NAME, "add");
/// ```
#[macro_export]
macro_rules! message {
    ($message:ty => $reply:ty, $error:ty, $name:literal) => {
        impl $crate::Message for $message {
            type Reply = $reply;
            type Error = $error;
            const NAME: &'static str = $name;
        }
    };
}
