//! Onion requests: one request in one encryption layer per hop, and one answer sealed by its destination.
//!
//! - [`mod@build`]: a client wraps a request and keeps the [`ReplyKey`] that opens the answer.
//! - [`mod@peel`]: a hop opens its layer and finds out what it is: relay to a node, relay to a web server, or destination.
//! - [`forward`]: what one node sends to the next. [`reply`]: what the destination answers, and how a client reads it.
//! - [`frame`], [`layer`], [`v4`]: the parts, for those who need them alone.
//!
//! Ephemeral keys and nonces come from a caller's source of random bytes. Errors of this module that a hop has to answer
//! are worded exactly as clients know them (onion-requests §6); clients take a node's key out of some of these texts.

pub mod build;
mod cipher;
pub mod forward;
pub mod frame;
pub mod layer;
pub mod peel;
pub mod reply;
mod target;
pub mod v4;

pub use self::build::{Built, Destination, Hop, ReplyKey, build};
pub use self::cipher::{Cipher, UnknownCipher};
pub use self::forward::{Forward, HopNumber};
pub use self::peel::{Inner, Outer, PeelError, peel};
pub use self::reply::{NodeReply, ReplyBody, ReplySeal, encode_node_reply, parse_node_reply};
pub use self::target::{is_relay_target_allowed, relay_url};

/// Largest onion request, in bytes; clients stay below 10,000,000.
pub const MAX_REQUEST: usize = 10 << 20;

/// A source of random bytes.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;
