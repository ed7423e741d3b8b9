//! Subscriptions to new messages, and the notifications they bring (storage-rpc §7).

mod error;
mod notification;
mod subscription;

pub use self::error::MonitorError;
pub use self::notification::{Notification, NotificationError};
pub use self::subscription::{
    Subscriber, Subscription, Subscriptions, encode_replies, is_list, parse, parse_entry,
};

/// How long a subscription lives, in seconds.
pub const LIFETIME_SECONDS: u64 = 65 * 60;
/// How old the signed time may be, in seconds.
pub const MAX_AGE_SECONDS: i64 = 14 * 24 * 60 * 60;
/// How far the signed time may lie ahead, in seconds.
pub const MAX_AHEAD_SECONDS: i64 = 24 * 60 * 60;
