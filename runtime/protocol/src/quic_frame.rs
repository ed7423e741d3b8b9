//! Messages on a QUIC stream: commands, replies and error replies, each as `<decimal length>:<bencoded list>` (storage-rpc §1.3).
//!
//! [`Frames`] reads a stream piece by piece, as it arrives; [`Message::encode`] writes. Both sides of a connection speak the
//! same forms: a client commands and is answered, and a service node commands `notify` and expects no answer.

mod error;
mod frames;
mod message;

pub use self::error::FrameError;
pub use self::frames::{Frames, Head};
pub use self::message::Message;

/// The longest list, in bytes.
pub const MAX_LEN: usize = 10_000_000;

/// The longest length text, colon included.
pub const MAX_LEN_TEXT: usize = 9;
