//! Why a message cannot be sent, and why one that came is not shown.

use thiserror::Error;

use super::Version;
use crate::content::{self, KindError};
use crate::{envelope, session_protocol};

/// Why a message cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// There is no codec for this version.
    #[error("messages of version {version} cannot be written")]
    Version {
        /// The version that was asked for.
        version: Version,
    },
    /// It could not be sealed for the recipient.
    #[error(transparent)]
    Seal(#[from] session_protocol::Error),
    /// It is longer than nodes store.
    #[error("message is too long: {got} bytes when sealed, expected at most {limit}")]
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest that nodes store.
        limit: usize,
    },
}

/// Why a message is neither shown nor acted on (messages §8, §9, §12).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Ignored {
    /// Its first bytes name no version, now or later.
    #[error("not a message of any version")]
    NoVersion,
    /// It is longer than nodes store.
    #[error("message is too long: {got} bytes, expected at most {limit}")]
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest that nodes store.
        limit: usize,
    },
    /// Frame or envelope are malformed.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// It does not open, or its signature is wrong.
    #[error(transparent)]
    Open(#[from] session_protocol::Error),
    /// What was sealed is no content.
    #[error(transparent)]
    Content(#[from] content::Error),
    /// The content holds nothing that can be shown or acted on.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The content was signed with another time than its envelope names.
    #[error("timestamps of envelope and content differ")]
    Timestamp,
    /// It comes from oneself, but is of a kind that is not synchronised.
    #[error("own message of a kind that is not synchronised")]
    FromSelf,
    /// Somebody else claims to have synchronised one's own message.
    #[error("sync target in a message of somebody else")]
    ForeignSyncTarget,
    /// The sync target of one's own message is no id.
    #[error("sync target is no account id")]
    SyncTarget,
    /// Somebody asks to take back a message that is not theirs.
    #[error("unsend request for a message of somebody else")]
    ForeignUnsend,
}
