//! OxenMQ: what the parts of a ZeroMQ message mean (storage-rpc §1.2).
//!
//! Pure in both directions: [`Incoming`] is what a listener makes of a client's message, [`Delivery`] what a client makes of a
//! listener's. Sockets, encryption and routing ids are the transport's.

mod delivery;
mod incoming;
mod refusal;

pub use self::delivery::Delivery;
pub use self::incoming::{Action, Call, Incoming};
pub use self::refusal::{About, Refusal, Refused};

use bytes::Bytes;

/// The longest message that nodes take, in bytes.
pub const MAX_MESSAGE: usize = 10 << 20;
/// The most parts that a message may have; the widest request has four.
pub const MAX_PARTS: usize = 16;

/// What a client says first.
pub const HI: &[u8] = b"HI";
/// The answer to it.
pub const HELLO: &[u8] = b"HELLO";
/// Closes the connection.
pub const BYE: &[u8] = b"BYE";
const REPLY: &[u8] = b"REPLY";

/// The command that subscribes.
pub const MONITOR: &str = "monitor.messages";
/// The command that a new message is told with.
pub const NOTIFY_MESSAGE: &str = "notify.message";
/// The command that the end of a subscription is told with.
pub const NOTIFY_ENDED: &str = "notify.monitor_ended";

/// The parts of a request.
#[must_use]
pub fn request(command: &str, tag: &[u8], data: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    let head = [Bytes::copy_from_slice(command.as_bytes()), Bytes::copy_from_slice(tag)];
    head.into_iter().chain(data).collect()
}

/// The parts of the answer to the request with that tag.
#[must_use]
pub fn reply(tag: Bytes, data: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    [Bytes::from_static(REPLY), tag].into_iter().chain(data).collect()
}

/// The parts of a storage answer: the body alone, or the status as text before the body of what did not go well.
#[must_use]
pub fn storage_reply(tag: Bytes, status: u16, body: Bytes) -> Vec<Bytes> {
    let status = (status != 200).then(|| Bytes::from(status.to_string()));
    reply(tag, status.into_iter().chain([body]))
}

/// The parts of a command that nobody answers.
#[must_use]
pub fn notification(command: &'static str, body: Bytes) -> Vec<Bytes> {
    vec![Bytes::from_static(command.as_bytes()), body]
}

#[cfg(test)]
mod tests;
