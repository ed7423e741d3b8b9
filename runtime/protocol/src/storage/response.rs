//! Answers of a storage node: how much one `retrieve` returns, the entries of an aggregated answer, and answers as
//! values that can go out as JSON or as bencode.

mod entry;
mod page;
mod retrieved;
mod swarm;
mod value;

pub use self::entry::{EntryError, Failure, StoreEntry};
pub use self::page::{MAX_RETRIEVE_BYTES, Page, RetrieveLimits};
pub use self::retrieved::{Retrieved, RetrievedError, RetrievedMessage};
pub use self::swarm::{SwarmMember, SwarmReply, SwarmReplyError, snode_address};
pub use self::value::{Fields, ReplyValue};
