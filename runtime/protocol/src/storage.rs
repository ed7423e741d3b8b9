//! What a storage node is asked and answers (storage-rpc), as values: no socket, no clock, no database.
//!
//! - [`request`]: every method's typed request, read from JSON and bencode and written in both; who signed it.
//! - [`Namespace`], [`MessageHash`], [`signed_text`], [`subaccount`]: the parts that requests are made of.
//! - [`response`]: how much one `retrieve` returns, and the per-node entries of an aggregated answer.
//! - [`monitor`], [`transfer`]: subscriptions, and batches of messages between members of a swarm.
//!
//! Times are milliseconds since 1970 as signed 64-bit numbers, the way the wire carries them, unless a name says seconds.

pub(crate) mod base64_text;
mod hash;
pub mod limits;
pub mod monitor;
mod namespace;
pub mod request;
pub mod response;
pub mod signed_text;
pub mod subaccount;
pub mod transfer;

pub use self::hash::{MessageHash, ParseHashError, message_hash};
pub use self::namespace::{Namespace, NamespaceScope};
